"""Group commit: many transactions, one commit on disk. Blocking; knows no event loop."""

from __future__ import annotations

import contextlib
import math
import sqlite3
from asyncio import Future
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.base.clock import Clock
from ...core.base.errors import QuarterdeckError
from .. import faults as f
from . import translating
from .opening import PAGE_BYTES, doubt
from .rows import ADD_EVENT, ADD_TURN, REFUSALS, Statement
from .texts import encodable
from .turns import IS_JOURNALLED, Refused, Turns
from .wal import journal_of, lay_down

Job = Callable[[sqlite3.Connection], Any]

SERIES_SECONDS = 0.0001
"""Turns that come within so much of each other are a series."""

SOME_ROWS = "SELECT 1 FROM sqlite_schema"

_FAILURES = (QuarterdeckError, sqlite3.Error, ValueError, OverflowError)


@dataclass(eq=False, slots=True)
class Transaction:
    """Changes, or a job, that end as one; ``fault`` or ``result`` say how.

    ``posts`` says that turns of workflows are to be in their tables before it. ``weight`` is the size of the large values in it, in bytes, ``pages`` about how many pages it
    writes besides. An ``alone`` job has the
    connection to itself, outside of any transaction; one that counts ``changes`` is quick.
    """

    future: Future[Any]
    statements: Sequence[Statement] = ()
    changes: int = 0
    weight: int = 0
    pages: int = 0
    job: Job | None = None
    alone: bool = False
    posts: bool = False
    fault: QuarterdeckError | None = None
    result: Any = None

    def end(self) -> None:
        """End the future."""
        if self.fault is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.fault)


class Journal:
    """The writer's connection, used by one thread at a time.

    ``patience`` in seconds is how long a patient write waits for another process's lock.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        clock: Clock,
        *,
        last_sequence: int,
        patience: float,
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._turns = Turns(connection)
        self._path = path
        self._clock = clock
        self._sequence = last_sequence
        self._patience_ms = round(patience * 1000)
        self._patient: bool | None = None
        self._broken: f.StoreCorrupt | None = None
        self._monotonic = clock.monotonic
        self._appended_at = -math.inf
        self._held: sqlite3.Cursor | None = None
        self.commit_ms: float | None = None

    @property
    def turns(self) -> int:
        """About how many lines of turns are to be posted."""
        return self._turns.pending

    def write(self, group: Sequence[Transaction], *, patient: bool) -> bool:
        """Make the group durable with as few commits as can be; each ends with result or fault.

        ``commit_ms`` is then the duration of the last commit, ``None`` without one. An impatient
        write takes the quick way only: ``False`` says that nothing was done, and that a patient
        one must try.
        """
        self.commit_ms = None
        self.release()
        self._set_patience(patient)
        fault: QuarterdeckError | None = self._broken or self._attempt(group, self._apply)
        if fault is not None and not isinstance(fault, f.StoreFault):
            fault = self._attempt(group, self._apply_guarded)
        if fault is None:
            return True
        if not patient:
            _forget(group)
            return False
        self._fail(group, fault)
        return True

    def append(self, turns: Sequence[Sequence[Any]]) -> bool:
        """Make turns durable, without waiting for anybody; ``False``: nothing was done.

        The second in a row opens a read, under which the next need not look for the journal's end: that
        saves a quarter of a commit. None of them goes through if another process has written since.
        """
        if self._broken is not None:
            return False
        self._set_patience(False)
        several = len(turns) > 1
        started = self._monotonic()
        try:
            if self._held is None and started - self._appended_at < SERIES_SECONDS:
                self._held = self._connection.execute(SOME_ROWS)
            if several:
                self._cursor.execute("BEGIN IMMEDIATE")
            self._turns.add_all(turns)
            if several:
                self._cursor.execute("COMMIT")
            self._turns.keep()
        except BaseException as error:
            self._turns.undo()
            self._roll_back()
            self.release()
            if not isinstance(error, (*_FAILURES, Refused)):
                raise
            return False
        self._appended_at = ended = self._monotonic()
        self.commit_ms = (ended - started) * 1000
        return True

    @property
    def held(self) -> bool:
        """Whether a read is open, which keeps the journal from being folded: ``release`` it soon."""
        return self._held is not None

    def release(self) -> None:
        """End the read that ``append`` has opened."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def run_alone(self, transaction: Transaction) -> None:
        """Run a job outside of any transaction; it ends with result or fault."""
        self.commit_ms = None
        self.release()
        try:
            transaction.result = transaction.job and transaction.job(self._connection)
        except _FAILURES as error:
            transaction.fault = self._fault_of(error)

    def post(self, _: sqlite3.Connection) -> bool:
        """A job: post some of the turns; whether more may be there."""
        return self._turns.post_some()

    def lay_down(self, pages: float) -> float:
        """Write zeros ahead of so many pages in use; how many may be in use before the next time."""
        limit = lay_down(journal_of(self._path), round(pages * PAGE_BYTES))
        return math.inf if limit is None else limit / PAGE_BYTES

    def give_up(self, fault: f.StoreCorrupt) -> None:
        """Take no more changes, since the database is damaged; the next start checks all of it.

        What were written into a damaged file would be acknowledged, and then moved aside with it.
        """
        self._broken = self._broken or fault
        with contextlib.suppress(OSError):  # the fault itself is reported either way
            doubt(self._path)

    def close(self) -> None:
        """Fold all of the journal into the main file, and close it."""
        self.release()
        # All is on disk already: what can't be folded now is taken up at the next start.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _set_patience(self, patient: bool) -> None:
        """On the loop, another process's lock must not be waited for."""
        if patient is not self._patient:
            milliseconds = self._patience_ms if patient else 0
            self._cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
            self._patient = patient

    def _attempt(
        self, group: Iterable[Transaction], apply: Callable[[Transaction], None]
    ) -> QuarterdeckError | None:
        """Commit the group as a whole, or nothing of it: then the fault says why."""
        sequence = self._sequence
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            for transaction in group:
                if transaction.fault is None:
                    apply(transaction)
            started = self._clock.monotonic()
            self._cursor.execute("COMMIT")
            self.commit_ms = (self._clock.monotonic() - started) * 1000
            self._turns.keep()
        except BaseException as error:
            self._sequence = sequence
            self._turns.undo()
            self._roll_back()
            if not isinstance(error, _FAILURES):
                raise
            return self._fault_of(error)
        return None

    def _apply(self, transaction: Transaction) -> None:
        execute = self._cursor.execute
        if transaction.posts and execute(IS_JOURNALLED).fetchone()[0]:
            self._turns.post_all()
        for sql, values in transaction.statements:
            if sql is ADD_TURN:
                self._turns.add(values)
                continue
            if sql is ADD_EVENT:
                self._check_sequence(values[0])
            if execute(sql, values).rowcount == 0 and sql in REFUSALS:
                raise REFUSALS[sql](values)
        if transaction.job is not None:
            transaction.result = transaction.job(self._connection)

    def _apply_guarded(self, transaction: Transaction) -> None:
        """Apply one; if it is refused, undo it alone and note its fault.

        Text that is no valid Unicode (a file name can hold such) is kept as bytes.
        """
        sequence, mark = self._sequence, self._turns.mark()
        transaction.statements = [_with_bytes(one) for one in transaction.statements]
        self._cursor.execute("SAVEPOINT one")
        try:
            self._apply(transaction)
        except _FAILURES as error:
            fault = self._fault_of(error)
            if isinstance(fault, f.StoreFault):
                raise
            transaction.fault = fault
            self._sequence = sequence
            self._cursor.execute("ROLLBACK TO one")
            self._turns.undo(mark)
        self._cursor.execute("RELEASE one")

    def _fail(self, group: Sequence[Transaction], fault: QuarterdeckError) -> None:
        """On a full disk a small transaction may still fit; else all fail for the same cause."""
        for transaction in group:
            if transaction.fault is not None:
                continue
            if isinstance(fault, f.StoreFull):
                again = self._attempt((transaction,), self._apply_guarded)
            else:
                again = f.same_fault(fault)
            transaction.fault = transaction.fault or again

    def _check_sequence(self, sequence: int) -> None:
        if sequence <= self._sequence:
            raise f.StaleSequence.of(sequence, self._sequence)
        self._sequence = sequence

    def _fault_of(self, error: Exception) -> QuarterdeckError:
        fault = translating.fault_of(error, self._path)
        if isinstance(fault, f.StoreCorrupt):
            self.give_up(fault)
        return fault

    def _roll_back(self) -> None:
        """End the transaction, unless SQLite has done so by itself, as on a full disk."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._cursor.execute("ROLLBACK")


def _forget(group: Iterable[Transaction]) -> None:
    """Take back what an attempt noted, for the next one to find out again."""
    for transaction in group:
        if not isinstance(transaction.fault, f.InvalidChange):
            transaction.fault = None


def _with_bytes(statement: Statement) -> Statement:
    sql, values = statement
    return sql, encodable(values)
