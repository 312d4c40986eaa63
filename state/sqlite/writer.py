"""The one writer: takes transactions in order, and gives groups of them to the journal.

On a quick disk a group is what one turn of the event loop brought, committed inline at its end. On
a thread it is whatever came while the last group was written. Neither waits for more to come.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from ...core.engine.records import Change
from ...core.workflows.records import AddTurn
from .. import faults as f
from ..settings import REFUSED_AT
from ..workflow_rows import turn_row
from .journal import Job, Journal, Transaction
from .opening import PAGE_BYTES
from .pace import Mode, Pace
from .rows import ADD_TURN, BEHIND_TURNS, Statement, statements_of, weight_of

INLINE_CHANGES = 256
"""The most that one turn of the loop writes; the rest follows in the next turns, and what is more
in one piece goes to the thread."""

THREAD_CHANGES = 4096
"""The most that one commit on the thread holds, so that its first waiter doesn't wait for ever."""

HEAVY_BYTES = 65_536
"""Large values, such as screen snapshots, are written on the thread."""

SWITCH_SECONDS = 0.00005
"""The interpreter's switch interval while the thread writes. A waiting thread asks for the
interpreter only after it was held for a whole interval; a loop that passes through ``select`` more
often than that keeps it away without bound, so the interval must be shorter than a turn."""

POSTED_ON_LOOP = 64
"""Lines of workflows' turns that are posted on the loop (a millisecond); more on the thread."""

POSTED_AT = 50_000
"""Lines of turns (some 10 MB) that are posted without waiting for anybody to read them."""

FOLD_PAGES = 8_000
"""Pages in the journal (16 MB) after which it should be folded into the main file."""

PAGES_PER_COMMIT = 4
PAGES_PER_TURN = 1
PAGES_PER_CHANGE = 0.5


class Switching:
    """The interpreter's switch interval: short while any store's thread writes.

    It is one for the whole process, so the first writer notes what it was, and the last restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writing = 0
        self._usual = 0.0

    def begin(self) -> None:
        """A thread begins to write."""
        with self._lock:
            self._writing += 1
            if self._writing == 1:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, SWITCH_SECONDS))

    def end(self) -> None:
        """A thread has written."""
        with self._lock:
            self._writing -= 1
            if not self._writing:
                sys.setswitchinterval(self._usual)


SWITCHING = Switching()


class Tally:
    """What the writer has done since it was made; durations in milliseconds."""

    def __init__(self) -> None:
        self.commits = 0
        self.changes = 0
        self.last_ms = 0.0
        self.slowest_ms = 0.0

    def count(self, one: Transaction) -> None:
        """Note a transaction that was made durable; the writer's own jobs don't count."""
        if one.job is None:
            self.commits += 1
            self.changes += one.changes

    def took(self, milliseconds: float) -> None:
        """Note the duration of a commit on disk."""
        self.last_ms = milliseconds
        self.slowest_ms = max(self.slowest_ms, milliseconds)


class Writer:
    """The loop's side of the journal. Belongs to the running loop; not for other threads.

    ``thread`` runs one call at a time. Where each commit ``syncs``, it waits for the disk, and the
    journal's file is made larger beforehand, for that to be quick. ``unfolded`` estimates the pages in the journal; when it is
    large, ``grown`` is called after every group.
    """

    def __init__(
        self,
        journal: Journal,
        pace: Pace,
        thread: Executor,
        *,
        bound: int,
        grown: Callable[[], None],
        syncs: bool = False,
    ) -> None:
        self._journal = journal
        self._pace = pace
        self._thread = thread
        self._bound = bound
        self._grown = grown
        self._syncs = syncs
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._done.set_result(None)
        self._queue: deque[Transaction] = deque()
        self._away: Sequence[Transaction] = ()
        self._scheduled = False
        self._holding = False
        self._pending = 0
        self._room = asyncio.Event()
        self._room.set()
        self._header_unwritten = True
        self._laid = math.inf
        self.unfolded = 0.0
        self.tally = Tally()

    @property
    def pending(self) -> int:
        """Transactions whose futures have not ended."""
        return self._pending

    @property
    def mode(self) -> Mode:
        """Where commits run at present."""
        return self._pace.mode

    def commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        """Queue ``changes`` as one transaction; its future ends when it is on disk."""
        return self._queue_up([changes])[0]

    def commit_each(
        self, transactions: Sequence[Sequence[Change]]
    ) -> Sequence[asyncio.Future[None]]:
        """Queue each as a transaction; where that can be, all are on disk on return."""
        busy = self._queue or self._away or self._scheduled
        if busy or self._pace.mode is not Mode.INLINE:
            return self._queue_up(transactions)
        if self._append(transactions):
            return [self._done] * len(transactions)
        self._scheduled = True
        futures = self._queue_up(transactions)
        self._turn()
        return futures

    def _append(self, transactions: Sequence[Sequence[Change]]) -> bool:
        """Write transactions that are a turn each, the shortest way; ``False``: nothing was done."""
        if self._header_unwritten or self.unfolded > self._laid:
            return False
        rows, weight = [], 0
        for changes in transactions:
            if len(changes) != 1 or type(changes[0]) is not AddTurn:
                return False
            row = turn_row(changes[0])
            weight += len(row[5])
            rows.append(row)
        if weight >= HEAVY_BYTES:
            return False
        if self._pace.watching:
            self._pace.begin()
        if not self._journal.append(rows):
            return False
        if self._journal.held and not self._holding:
            self._holding = True
            self._loop.call_soon(self._release)
        self.tally.commits += len(rows)
        self.tally.changes += len(rows)
        self.unfolded += PAGES_PER_TURN + weight / PAGE_BYTES
        self._note_commit()
        return True

    def _release(self) -> None:
        """The loop's turn is over: nothing may keep the journal from being folded for long."""
        self._holding = False
        if not self._away:  # else the thread has the connection, and did it first of all
            self._journal.release()

    def run(
        self, job: Job, *, alone: bool = False, posts: bool = False, quick: int = 0
    ) -> asyncio.Future[Any]:
        """Queue ``job``, as a transaction or with the connection to itself.

        It is for the thread, but a ``quick`` one, which does no more than so many changes. One that
        ``posts`` finds all turns of workflows in the tables.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        self._add(Transaction(future, job=job, changes=quick, alone=alone, posts=posts))
        self._go_on()
        return future

    async def ready(self) -> None:
        """Wait while more transactions are pending than the bound."""
        await self._room.wait()

    def folded(self) -> None:
        """Note that the journal was folded: it may begin anew with the next commit.

        That one syncs the journal's new header at any durability, so it goes to the thread.
        """
        self.unfolded = 0.0
        self._header_unwritten = True

    def finish(self) -> None:
        """Write what is pending here and now, blocking. Only after the thread has ended."""
        self._arrive()
        while self._queue:
            group = self._take()
            self._write(group, patient=True)
            self._settle(group)

    def _queue_up(self, transactions: Sequence[Sequence[Change]]) -> Sequence[asyncio.Future[None]]:
        futures = []
        for changes in transactions:
            future: asyncio.Future[None] = self._loop.create_future()
            futures.append(future)
            if self._pending >= self._bound * REFUSED_AT:
                future.set_exception(f.StoreBusy.for_pending(self._pending))
            else:
                self._add(_transaction(future, changes))
        self._go_on()
        return futures

    def _add(self, transaction: Transaction) -> None:
        self._queue.append(transaction)
        self._pending += 1
        if self._pending > self._bound:
            self._room.clear()

    def _go_on(self) -> None:
        """See to it that what is queued gets written."""
        if self._scheduled or self._away or not self._queue:
            return
        if self._pace.mode is Mode.INLINE:
            self._scheduled = True
            self._loop.call_soon(self._turn)
        else:
            self._turn()

    def _turn(self) -> None:
        """Write one group: here, or on the thread."""
        self._scheduled = False
        if self._away or not self._queue:
            return
        group = self._take()
        if self._pace.watching:
            self._pace.begin()
        try:
            done = self._fits_loop(group) and self._write(group, patient=False)
        except BaseException:
            self._settle(group)
            self._go_on()
            raise
        if done:
            self._settle(group)
            self._go_on()
        else:
            self._send(group)

    def _take(self) -> list[Transaction]:
        """The transactions to write next: as many as one commit should hold."""
        queue = self._queue
        group = [queue.popleft()]
        room = INLINE_CHANGES if self._pace.mode is Mode.INLINE else THREAD_CHANGES
        room -= group[0].changes
        while queue and not group[-1].alone and not queue[0].alone and queue[0].changes <= room:
            room -= queue[0].changes
            group.append(queue.popleft())
        return group

    def _fits_loop(self, group: Sequence[Transaction]) -> bool:
        if self._pace.mode is Mode.THREAD or self._header_unwritten or self.unfolded > self._laid:
            return False
        for one in group:  # a generator would cost more than the whole check
            if one.weight >= HEAVY_BYTES or one.changes > INLINE_CHANGES:
                return False
            if one.job is not None and not one.changes:
                return False
            if one.posts and self._journal.turns > POSTED_ON_LOOP:
                return False
        return True

    def _write(self, group: Sequence[Transaction], *, patient: bool) -> bool:
        try:
            if group[0].alone:
                self._journal.run_alone(group[0])
                return True
            return self._journal.write(group, patient=patient)
        except BaseException as error:
            # Nothing of the group was kept; each of its futures must end all the same.
            for one in group:
                one.fault = f.StoreFault(f"The writer failed: {type(error).__name__}: {error}")
            if isinstance(error, Exception):
                return True
            raise

    def _send(self, group: Sequence[Transaction]) -> None:
        self._away = group
        SWITCHING.begin()
        self._thread.submit(self._work, group)

    def _work(self, group: Sequence[Transaction]) -> None:
        self._write(group, patient=True)
        if self._syncs:
            self._laid = self._journal.lay_down(self.unfolded)
        self._loop.call_soon_threadsafe(self._back)

    def _back(self) -> None:
        self._arrive()
        self._go_on()

    def _arrive(self) -> None:
        """Take back the group that the thread has written; nothing, if finish() did."""
        if self._away:
            SWITCHING.end()
            self._header_unwritten = False
            group, self._away = self._away, ()
            self._settle(group)

    def _settle(self, group: Sequence[Transaction]) -> None:
        """End the futures in order, and account for the group."""
        for one in group:
            if one.fault is None:
                self.tally.count(one)
                self.unfolded += one.changes * PAGES_PER_CHANGE + one.weight / PAGE_BYTES
            if not one.future.done():  # else its awaiter was cancelled; the change stands
                one.end()
        self._pending -= len(group)
        if self._pending <= self._bound:
            self._room.set()
        self.unfolded += max([one.pages for one in group])
        self._note_commit()

    def _note_commit(self) -> None:
        """Account for the last commit, if there was one."""
        milliseconds = self._journal.commit_ms
        if milliseconds is not None:
            self.tally.took(milliseconds)
            self._pace.note(milliseconds)
        if self.unfolded > FOLD_PAGES or self._journal.turns > POSTED_AT:
            self._grown()


def _transaction(future: asyncio.Future[None], changes: Sequence[Change]) -> Transaction:
    fault, statements = None, list[Statement]()
    try:
        statements = statements_of(changes)
    except (ValueError, TypeError) as error:
        fault = f.InvalidChange.because(error)
    posts = False
    for sql, _ in statements:
        if sql in BEHIND_TURNS:
            posts = True
            break
    pages = PAGES_PER_TURN if statements and statements[0][0] is ADD_TURN else PAGES_PER_COMMIT
    weight = weight_of(statements)
    return Transaction(future, statements, len(changes), weight, pages, posts=posts, fault=fault)
