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
    """A session's version is not above the kept one: someone else changed it in the meantime."""

    code = "stale_version"

    @classmethod
    def of(cls, session_id: str, version: int) -> StaleVersion:
        """The fault for a session that was to be saved with ``version``."""
        return cls(
            f"The session {session_id} was changed by someone else: version {version} is not "
            "above the kept one. Read it again, then repeat the change.",
            session_id=session_id,
            version=version,
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


def same_fault(fault: QuarterdeckError) -> QuarterdeckError:
    """A fault equal to ``fault``, for another future: one exception can't be raised in two."""
    return type(fault)(fault.message, **fault.details)
