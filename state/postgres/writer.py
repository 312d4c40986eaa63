"""The one writer: transactions in order, many to a commit, whatever queued up while the last ran."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.base.clock import Clock
from ...core.base.errors import QuarterdeckError
from ...core.engine.records import Change
from .. import faults as f
from ..encoding import Statement
from ..settings import REFUSED_AT
from . import translating
from .batching import Batcher
from .connecting import Connection
from .driver import asyncpg
from .line import Line
from .rows import ADD_EVENT, ALL, REFUSALS, statements_of

GROUP_CHANGES = 4096
"""The most that one commit holds, so that its first waiter doesn't wait for ever."""

TRIES = 10
"""How often a group is tried that other writers are in the way of."""

Job = Callable[[Connection], Awaitable[Any]]

_DRIVER = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    EOFError,
)
_FAILURES = (QuarterdeckError, *_DRIVER, ValueError, TypeError, OverflowError)


@dataclass(eq=False, slots=True)
class Transaction:
    """Changes, or a job, that end as one; ``fault`` or ``result`` say how."""

    future: asyncio.Future[Any]
    statements: Sequence[Statement] = ()
    changes: int = 0
    job: Job | None = None
    fault: QuarterdeckError | None = None
    result: Any = None

    def end(self) -> None:
        """End the future, unless its awaiter was cancelled; the change stands then."""
        if self.future.done():
            return
        if self.fault is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.fault)


class Refused(Exception):
    """A group as a whole can't be kept: one of its transactions is refused, to be found out."""


class Tally:
    """What the writer has done; durations in milliseconds."""

    def __init__(self) -> None:
        self.commits = 0
        self.changes = 0
        self.last_ms = 0.0
        self.slowest_ms = 0.0

    def took(self, seconds: float) -> None:
        """Note the duration of a commit."""
        self.last_ms = seconds * 1000
        self.slowest_ms = max(self.slowest_ms, self.last_ms)


class Writer:
    """Belongs to the running loop. ``home`` is the engine's place in a shared database."""

    def __init__(
        self, line: Line, clock: Clock, *, place: str, home: str, bound: int, last_sequence: int
    ) -> None:
        self._line = line
        self._clock = clock
        self._place = place
        self._home = home
        self._bound = bound
        self._sequence = last_sequence
        self._batcher = Batcher(ALL)
        self._queue: deque[Transaction] = deque()
        self._pending = 0
        self._room = asyncio.Event()
        self._room.set()
        self._loop = asyncio.get_running_loop()
        self._work: asyncio.Task[None] | None = None
        self.tally = Tally()

    @property
    def pending(self) -> int:
        """Transactions whose futures have not ended."""
        return self._pending

    def commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        """Queue ``changes`` as one transaction; its future ends when it is durable."""
        future: asyncio.Future[None] = self._loop.create_future()
        if self._pending >= self._bound * REFUSED_AT:
            future.set_exception(f.StoreBusy.for_pending(self._pending))
            return future
        fault, statements = None, list[Statement]()
        try:
            statements = statements_of(changes, self._home)
        except (ValueError, TypeError) as error:
            fault = f.InvalidChange.because(error)
        self._add(Transaction(future, statements, len(changes), fault=fault))
        return future

    def run(self, job: Job) -> asyncio.Future[Any]:
        """Queue ``job`` as a transaction of its own kind, with the connection as its argument."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._add(Transaction(future, job=job))
        return future

    async def ready(self) -> None:
        """Wait while more transactions are pending than the bound."""
        await self._room.wait()

    async def finish(self) -> None:
        """Return when nothing is pending."""
        while self._work is not None:
            await asyncio.wait([self._work])

    def _add(self, transaction: Transaction) -> None:
        self._queue.append(transaction)
        self._pending += 1
        if self._pending > self._bound:
            self._room.clear()
        if self._work is None:
            self._work = self._loop.create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._queue:
                group, sequence = self._take(), self._sequence
                try:
                    await self._write(group)
                except BaseException as error:
                    self._sequence = sequence
                    _fail(group, _as_fault(error))
                    if not isinstance(error, QuarterdeckError):
                        self._line.drop()  # nobody knows what state it is in
                    if not isinstance(error, Exception):
                        raise
                finally:
                    self._settle(group)
        finally:
            self._work = None
            self._give_up()

    def _give_up(self) -> None:
        """Where the loop is being torn down, what is left fails clearly."""
        while self._queue:
            group = self._take()
            _fail(group, translating.closed(self._place))
            self._settle(group)

    def _take(self) -> list[Transaction]:
        group = [self._queue.popleft()]
        room = GROUP_CHANGES - group[0].changes
        while self._queue and self._queue[0].changes <= room:
            room -= self._queue[0].changes
            group.append(self._queue.popleft())
        return group

    async def _write(self, group: Sequence[Transaction]) -> None:
        """Make the group durable; each of it ends with result or fault."""
        apply, tries = self._apply_together, 0
        while True:
            sequence = self._sequence
            try:
                await self._attempt(group, apply)
            except Refused:
                apply = self._apply_singly
            except translating.AGAIN as error:
                tries += 1
                if tries >= TRIES:
                    raise translating.fault_of(error, self._place) from error
            except _DRIVER as error:
                if not translating.is_lost(error):
                    raise translating.fault_of(error, self._place) from error
                if await self._line.reconnect():
                    return
            else:
                return
            self._sequence = sequence

    async def _attempt(
        self,
        group: Sequence[Transaction],
        apply: Callable[[Connection, Sequence[Transaction]], Awaitable[None]],
    ) -> None:
        for one in group:
            if not isinstance(one.fault, f.InvalidChange):
                one.fault = None
        try:
            connection = await self._line.begin()
            await apply(connection, group)
            started = self._clock.monotonic()
            await self._line.commit()
        except BaseException as error:
            if not translating.is_lost(error):
                await self._line.roll_back()
            raise
        self.tally.took(self._clock.monotonic() - started)

    # ---- applying ----------------------------------------------------------------------------

    async def _apply_together(self, connection: Connection, group: Sequence[Transaction]) -> None:
        """All at once, as if nothing of it could be refused."""
        if len(group) > 1 and any(one.job is not None for one in group):
            raise Refused
        good = [one for one in group if one.fault is None]
        statements = [statement for one in good for statement in one.statements]
        self._check_sequences(statements)
        for batch in self._batcher.batches(statements):
            try:
                await _send(connection, batch.sql, batch.values)
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                raise Refused from error
        for one in good:
            if one.job is not None:
                one.result = await one.job(connection)

    def _check_sequences(self, statements: Iterable[Statement]) -> None:
        for sql, values in statements:
            if sql is ADD_EVENT:
                if values[0] <= self._sequence:
                    raise Refused
                self._sequence = values[0]

    async def _apply_singly(self, connection: Connection, group: Sequence[Transaction]) -> None:
        """One after the other; what is refused is undone alone, and its fault noted."""
        for one in group:
            if one.fault is not None:
                continue
            sequence = self._sequence
            await connection.execute("SAVEPOINT one")
            try:
                await self._apply(connection, one)
            except _FAILURES as error:
                fault = self._refusal(error)
                one.fault = fault
                self._sequence = sequence
                await connection.execute("ROLLBACK TO one")
            await connection.execute("RELEASE one")

    def _refusal(self, error: Exception) -> QuarterdeckError:
        """The fault of one transaction; what concerns all of them is raised again."""
        if translating.is_lost(error) or isinstance(error, translating.AGAIN):
            raise error
        fault = translating.fault_of(error, self._place)
        if isinstance(fault, f.StoreFault):
            raise error
        return fault

    async def _apply(self, connection: Connection, one: Transaction) -> None:
        for sql, values in one.statements:
            if sql is ADD_EVENT:
                if values[0] <= self._sequence:
                    raise f.StaleSequence.of(values[0], self._sequence)
                self._sequence = values[0]
            status = await connection.execute(sql, *values)
            if sql in REFUSALS and status.endswith(" 0"):
                raise REFUSALS[sql](values)
        if one.job is not None:
            one.result = await one.job(connection)

    def _settle(self, group: Sequence[Transaction]) -> None:
        for one in group:
            if one.fault is None and one.job is None:
                self.tally.commits += 1
                self.tally.changes += one.changes
            one.end()
        self._pending -= len(group)
        if self._pending <= self._bound:
            self._room.set()


async def _send(connection: Connection, sql: str, values: list[tuple[Any, ...]]) -> None:
    """One statement with all of its values, in one go.

    :raises Refused: if it changed fewer rows than it should.
    """
    if sql not in REFUSALS:
        await connection.executemany(sql, values)
    elif len(await connection.fetchmany(sql, values)) != len(values):
        raise Refused


def _as_fault(error: BaseException) -> QuarterdeckError:
    if isinstance(error, QuarterdeckError):
        return error
    return f.StoreFault(f"The writer failed: {type(error).__name__}: {error}")


def _fail(group: Iterable[Transaction], fault: QuarterdeckError) -> None:
    for one in group:
        if not isinstance(one.fault, f.InvalidChange):
            one.fault = f.same_fault(fault)
