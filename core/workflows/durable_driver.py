"""The driver of durable runs: changes are on disk before what follows from them is done.

All that one turn of the loop brought is handed to the journal together: the end of an attempt,
what became ready by it, and the starts that follow.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, Task
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from .driver import Driver, Work, Worker
from .instance import Instance
from .journal import Batch, Settled
from .machine import Drained, Machine, Run, Start, Stop, StopReason
from .records import SignalRecord
from .statuses import TaskStatus

_RUNNING = TaskStatus.RUNNING


class Keeps(Protocol):
    """The journal; ``away`` is how many transactions the disk has not answered."""

    pending: int
    away: int

    def keep(self, batches: Collection[Batch], settled: Settled) -> None:
        """Make batches durable; ``settled`` is told of those that are, or why they are not.

        That may be before this returns.
        """
        ...


class DurableWork(Work, Protocol):
    """Work whose runs are instances."""

    def lost_hold(self, instance: Instance, error: BaseException) -> None:
        """The instance's changes can't be kept: it is not this engine's any more."""
        ...

    def instance_ended(self, instance: Instance) -> None:
        """The end of the instance is on disk."""
        ...

    def kept(self, batch: Batch) -> None:
        """The batch is on disk."""
        ...


class DurableDriver(Driver):
    """Drives a machine whose runs are ``Instance``s."""

    def __init__(
        self,
        machine: Machine,
        work: DurableWork,
        journal: Keeps,
        *,
        monotonic: Callable[[], float],
        grace: float,
    ) -> None:
        super().__init__(machine, work, monotonic=monotonic, grace=grace)
        self._durable = work
        self._journal = journal
        self._starts: deque[Start] = deque()
        self._signals: dict[Run, list[SignalRecord]] = {}
        self._adoptions: dict[Start, bool] = {}
        self._scheduled = False
        self._turning = False
        self._parking = False
        self._under_way: set[Batch] = set()
        self._watchers: list[Future[None]] = []
        self._leaving: set[Task[None]] = set()
        self.closing = False

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way, on disk or off it."""
        busy = any(worker.at is not None for worker in self._workers)
        return not (busy or self._scheduled or self._journal.pending or self._starts)

    async def settled(self) -> None:
        """Wait until all that was decided so far is on disk, or refused."""
        if self._scheduled:
            self.flush()
        awaited = self._under_way.copy()
        while not awaited.isdisjoint(self._under_way):
            await self._next_pulse()

    async def rest(self) -> None:
        """Wait until nothing is under way any more."""
        while not self.at_rest:
            await self._next_pulse()

    def adopt(self, start: Start) -> None:
        """Carry on an attempt that was begun by another engine."""
        self._starts.append(start)
        self._adoptions[start] = False

    def _begin(self, worker: Worker, start: Start) -> Awaitable[Any]:
        awaitable = super()._begin(worker, start)
        if self._adoptions.pop(start, False):
            self.loop.call_soon(self._end_adopted, start)
        return awaitable

    def _end_unstarted(self, start: Start) -> None:
        if start in self._adoptions and start in self._starts:
            self._adoptions[start] = True  # its child lives: whoever adopts it ends it
        else:
            super()._end_unstarted(start)

    def _end_adopted(self, start: Start) -> None:
        super()._end_attempts([Stop(*start, StopReason.CANCEL)])

    def keep_signal(self, run: Run, signal: SignalRecord) -> None:
        """Keep a signal with the next changes of its run."""
        self._signals.setdefault(run, []).append(signal)
        self._schedule()

    def changed(self) -> None:
        """To be called after anything was told to the machine from outside."""
        self._schedule()
        self._wake()

    # ---- instead of the machine, what is on disk ---------------------------------------------

    def _take(self, now: float) -> Start | None:
        while self._starts:
            start = self._starts.popleft()
            run, task, attempt = start
            if run.attempts[task] == attempt and run.tasks[task] is _RUNNING:
                return start
        return None

    def _more(self) -> float:
        return len(self._starts)

    def _needed(self) -> bool:
        return bool(self.machine.runs) and not self.closing

    def _after(self, now: float, *, whole: bool = False) -> None:
        if not (self._scheduled and self._turning):
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        if not self._turning and not self._journal.away:
            self._turning = True
            self.loop.call_soon(self._turn)

    # ---- turns -------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._turning = False
        if self._scheduled and not self._journal.away:
            self.flush()

    def flush(self) -> None:
        """Decide what is begun, and hand over all that has changed."""
        self._scheduled = False
        machine = self.machine
        now = self._monotonic()
        starts: list[Start] = []
        if not self.closing:
            while (start := machine.take(now)) is not None:
                starts.append(start)
        signals, self._signals = self._signals, {}
        batches = _batches(machine.drain(), starts, signals)
        if batches:
            self._under_way.update(batches)
            self._journal.keep(batches, self._settled)
        if machine.timers.heap:
            self._arm()
        if self._watchers:
            self._pulse()

    def _settled(self, batches: Sequence[Batch], error: BaseException | None) -> None:
        self._under_way.difference_update(batches)
        try:
            for batch in batches:
                self._follow(batch, error)
            if not self._parking:
                self._wake()
            if not self._needed():
                self._dismiss()
        finally:
            if self._scheduled:
                self._schedule()  # after those who were woken: what they bring goes with it
            if self._watchers:
                self._pulse()

    def _follow(self, batch: Batch, error: BaseException | None) -> None:
        instance = batch.instance
        if error is not None:
            self._durable.lost_hold(instance, error)
            return
        self._durable.kept(batch)
        if self.machine.runs.get(instance.id) is not instance.run:
            return  # it was given up meanwhile
        self._starts += batch.starts
        if batch.stops:
            self._end_attempts(batch.stops)
        if batch.ended:
            self._durable.instance_ended(instance)

    def _refill(self) -> bool:
        if not self._scheduled or self._busy or self._journal.away:
            return False
        # Nobody else can bring more in this turn. What is on disk at once, this worker takes.
        self._parking = True
        try:
            self.flush()
        finally:
            self._parking = False
        return bool(self._starts) or not self._needed()

    async def _park(self, worker: Worker) -> None:
        self._pulse()
        await super()._park(worker)

    def _pulse(self) -> None:
        """Let those who wait for rest look again."""
        if self._watchers:
            watchers, self._watchers = self._watchers, []
            for watcher in watchers:
                if not watcher.done():
                    watcher.set_result(None)

    async def _next_pulse(self) -> None:
        watcher: Future[None] = self.loop.create_future()
        self._watchers.append(watcher)
        await watcher

    def end_all(self, instance: Instance) -> None:
        """End the attempts of an instance that is given up; nothing of it is recorded."""
        self.leave(instance, range(len(instance.tasks)))

    def leave(self, instance: Instance, tasks: Collection[int]) -> None:
        """Carry the attempts of those tasks out no longer; nothing of it is recorded."""
        run = instance.run
        self._starts = deque(
            start for start in self._starts if not (start[0] is run and start[1] in tasks)
        )
        for worker in self._workers:
            at = worker.at
            if at is not None and at[0] is run and at[1] in tasks and worker.task is not None:
                worker.at = None
                worker.stopping = True
                self._leaving.add(worker.task)
                worker.task.add_done_callback(self._leaving.discard)
                worker.task.cancel()

    async def left(self) -> None:
        """Wait until what was left has let go, at most the grace; only while it is closing."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=self._grace)

    def _end_attempts(self, stops: Sequence[Stop]) -> None:
        super()._end_attempts([stop for stop in stops if _still_asked(stop)])


def _still_asked(stop: Stop) -> bool:
    """Whether the attempt runs on; or a signal has ended its task, not yet what carries it out."""
    signalled = stop.task not in stop.run.stopping
    same = stop.run.attempts[stop.task] == stop.attempt
    return signalled or (same and stop.run.tasks[stop.task] is _RUNNING)


def _batches(
    drained: Drained, starts: list[Start], signals: Mapping[Run, list[SignalRecord]]
) -> Collection[Batch]:
    """What changed, by run."""
    changed, moved, stops, ended = drained
    if len(changed) == 1 and not (moved or stops or ended or signals):
        run, tasks = changed[0]  # nothing starts that has not changed
        return (Batch(run.label, tasks, starts, []),)
    found = _Batches()
    for run, tasks in changed:
        found[run].tasks = tasks
    for run in moved:
        found[run].moved = True
    for start in starts:
        found[start[0]].starts.append(start)
    for stop in stops:
        found[stop.run].stops.append(stop)
    for run, kept in signals.items():
        found[run].signals = kept
    for run in ended:
        found[run].ended = True
    return found.values()


class _Batches(dict[Run, Batch]):
    """A batch for each run that is asked for."""

    def __missing__(self, run: Run) -> Batch:
        batch = self[run] = Batch(run.label, [], [], [])
        return batch
