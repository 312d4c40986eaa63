"""What can be refused or fail in a store: one class for each cause."""

from __future__ import annotations

from ..core.base.errors import BusinessFault, QuarterdeckError, ResourceFault, ValidationFault


class BadStoreSetting(ValidationFault):
    """A store's URL or durability is none that the store knows."""

    code = "store_setting"


class InvalidChange(ValidationFault):
    """A change holds something that can't be kept, such as a stamp without a time zone."""

    code = "change_invalid"

    @classmethod
    def because(cls, error: Exception) -> InvalidChange:
        """The fault for a value that ``error`` says can't be kept."""
        return cls(f"A change can't be kept: {error}. Nothing of its transaction was.")


class StaleVersion(BusinessFault):
    """A session's or workflow's version is not the next one: it was changed in the meantime."""

    code = "stale_version"

    @classmethod
    def of_workflow(cls, workflow_id: str, version: int) -> StaleVersion:
        """The fault for a change of a workflow that was to be its ``version``."""
        return cls(
            f"The workflow {workflow_id} was changed by someone else, or removed: {version} is not "
            "its next version. Read it again, then repeat the change.",
            workflow_id=workflow_id,
            version=version,
        )

    @classmethod
    def of(cls, session_id: str, version: int) -> StaleVersion:
        """The fault for a session that was to be saved with ``version``."""
        return cls(
            f"The session {session_id} was changed by someone else: version {version} is not "
            "above the kept one. Read it again, then repeat the change.",
            session_id=session_id,
            version=version,
        )


class BatchStale(BusinessFault):
    """Another engine has written to a log since this one read it."""

    code = "batch_stale"

    @classmethod
    def of(cls, log: str, number: int) -> BatchStale:
        """The fault for the batch ``number`` of ``log``."""
        return cls(
            f"The log {log!r} has a batch {number} or above already: another engine writes it. "
            "Nothing of the change was kept; end one of the two.",
            log=log,
            number=number,
        )


class LeaseLost(BusinessFault):
    """The engine that writes does not hold the workflow's lease any more."""

    code = "lease_lost"

    @classmethod
    def of(cls, workflow_id: str, engine_id: str, epoch: int) -> LeaseLost:
        """The fault for a write by ``engine_id`` under ``epoch``."""
        return cls(
            f"The workflow {workflow_id} is not driven by this engine any more (its lease of epoch "
            f"{epoch} was given to another, or back). Nothing of the change was kept.",
            workflow_id=workflow_id,
            engine_id=engine_id,
            epoch=epoch,
        )


class WorkflowGone(BusinessFault):
    """A workflow that was to be updated is not kept."""

    code = "workflow_gone"

    @classmethod
    def of(cls, workflow_id: str) -> WorkflowGone:
        """The fault for an update of ``workflow_id``."""
        return cls(
            f"The workflow {workflow_id} is not kept: it was removed, or never created.",
            workflow_id=workflow_id,
        )


class StaleSequence(BusinessFault):
    """An event's sequence is not above all sequences ever kept."""

    code = "stale_sequence"

    @classmethod
    def of(cls, sequence: int, kept: int) -> StaleSequence:
        """The fault for an event with ``sequence``, where ``kept`` is the highest so far."""
        return cls(
            f"An event has the sequence {sequence}, where {kept} was kept before. Sequences "
            "only grow.",
            sequence=sequence,
            kept=kept,
        )


class StoreFault(ResourceFault):
    """The store can't do what was asked, for a reason of its own: an input or output error."""

    code = "store_failed"


class StoreClosed(StoreFault):
    """The store is not open, or not any more."""

    code = "store_closed"
    recoverable = False
    fatal = True


class StoreBusy(StoreFault):
    """Far more transactions are pending than the store takes; the disk doesn't keep up."""

    code = "store_busy"
    transient = True

    @classmethod
    def for_pending(cls, pending: int) -> StoreBusy:
        """The fault, while so many are pending."""
        return cls(
            f"{pending} transactions wait for the disk, and no more are taken. See what slows "
            "it down; await ready() before writing much.",
            pending=pending,
        )


class StoreFull(StoreFault):
    """The disk is full. Reads go on, and writes too as soon as there is space."""

    code = "store_full"


class StoreLocked(StoreFault):
    """Another process holds the database."""

    code = "store_locked"
    transient = True


class StoreReadOnly(StoreFault):
    """The database or its directory may not be written."""

    code = "store_read_only"
    recoverable = False


class StoreDirectory(StoreFault):
    """The state directory is missing and can't be made, or is none."""

    code = "store_directory"
    recoverable = False


class StoreForeign(StoreFault):
    """The file is another program's database."""

    code = "store_foreign"
    recoverable = False


class StoreNewer(StoreFault):
    """The database was written by a newer version of this program."""

    code = "store_newer"
    recoverable = False


class StoreMigration(StoreFault):
    """The database could not be brought up to date; it is as it was."""

    code = "store_migration"
    recoverable = False


class StoreCorrupt(StoreFault):
    """The database is damaged."""

    code = "store_corrupt"
    recoverable = False
    fatal = True


class StoreUnreachable(StoreFault):
    """The database server does not answer, or the connection to it was lost."""

    code = "store_unreachable"


class StoreInDoubt(StoreUnreachable):
    """The connection was lost during a commit, so whether the change was kept is not known."""

    code = "store_in_doubt"


class StorePassword(StoreFault):
    """The database server refused the user or the password."""

    code = "store_password"
    recoverable = False


class StoreNoDatabase(StoreFault):
    """The server has no database of this name."""

    code = "store_no_database"
    recoverable = False


class StoreDriver(StoreFault):
    """The driver for this kind of store is not installed."""

    code = "store_driver"
    recoverable = False


def same_fault(fault: QuarterdeckError) -> QuarterdeckError:
    """A fault equal to ``fault``, for another future: one exception can't be raised in two."""
    return type(fault)(fault.message, **fault.details)
