"""What drives the machine: parked workers that pull attempts, one timer, stops.

Workers are few and live long: a worker that has ended an attempt takes the next one without a
turn of the loop, and gives the loop a turn every millisecond.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import CancelledError, Future, Task, TimerHandle
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Any, Protocol

from .context import FanOut
from .machine import Drained, Machine, Outcome, Run, Start, Stop, StopReason
from .statuses import TaskStatus

_RUNNING = TaskStatus.RUNNING

TURN_SECONDS = 0.001
STOP_GRACE = 10.0
WOKEN_AT_ONCE = 8
"""Workers on their way at a time: enough to spread work within a few turns, and no more than it needs."""


class Work(Protocol):
    """What attempts do, and what becomes of their ends. Called on the loop; quick, all but ``begin``.

    ``succeeded`` and ``failed`` are told before the machine is; ``failed`` answers what to tell it:
    the outcome, the error's type, and whether a retry makes sense. ``fans_out`` says whether a
    ``FanOut`` is more than a result.
    """

    fans_out: bool

    def begin(self, run: Run, task: int, attempt: int) -> Awaitable[Any]:
        """The attempt itself, to be awaited."""
        ...

    def succeeded(self, run: Run, task: int, attempt: int, result: Any) -> None:
        """Keep the result; an exception makes it a failure."""
        ...

    def failed(
        self, run: Run, task: int, attempt: int, error: BaseException
    ) -> tuple[Outcome, str, bool]:
        """Keep the error."""
        ...

    def stopped(self, run: Run, task: int, attempt: int, reason: StopReason | None) -> None:
        """Note that an attempt ended because it was asked to."""
        ...

    def expanded(self, run: Run, task: int, result: FanOut, children: Sequence[int]) -> None:
        """The attempt has become these tasks."""
        ...

    def after(self, drained: Drained) -> None:
        """Changes have been made; runs that ended are told here."""
        ...


class Worker:
    """One coroutine that carries out attempts, one after the other."""

    __slots__ = ("at", "disowned", "nap", "stopping", "task")

    def __init__(self) -> None:
        self.at: Start | None = None
        self.nap: Future[None] | None = None
        self.stopping = False
        self.disowned = False
        self.task: Task[None] | None = None


class GivenUp(Exception):
    """An attempt did not end when asked to, and is no longer waited for."""


class Driver:
    """Drives a machine in the running loop, in memory.

    ``followed`` says that ``work.after`` wants every change, not only stops and ends of runs.
    ``grace`` is the seconds after which an attempt that was asked to end is given up.
    """

    def __init__(
        self,
        machine: Machine,
        work: Work,
        *,
        followed: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        grace: float = STOP_GRACE,
    ) -> None:
        self.machine = machine
        self.loop = asyncio.get_running_loop()
        self._work = work
        self._followed = followed
        self._monotonic = monotonic
        self._grace = grace
        self._workers: dict[Worker, None] = {}  # in the order in which they came
        self._parked: list[Worker] = []
        self._coming = 0
        self._busy = 0
        self._rested = False
        self._yielded = 0.0
        self._waking = False
        self._armed = inf
        self._timer: TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether no worker is left."""
        return not self._workers

    def now(self) -> float:
        """The machine's time."""
        return self._monotonic()

    def changed(self) -> None:
        """To be called after anything was told to the machine from outside."""
        self._after(self._monotonic())
        self._wake()

    # ---- workers ---------------------------------------------------------------------------

    def _take(self, now: float) -> Start | None:
        return self.machine.take(now)

    def _more(self) -> float:
        """How many attempts may be there to be taken."""
        return self.machine.waiting()

    def _needed(self) -> bool:
        """Whether workers without work should stay."""
        return bool(self.machine.runs)

    def _refill(self) -> bool:
        """Whether more may be had at once, by this worker."""
        return False

    def _wake(self) -> None:
        """Let workers come for what is ready; each of them wakes others while there is more.

        The dashboard's loop begins tasks at once, inside of this call: what such a worker wakes is
        left to the outermost call, or hundreds of attempts would be begun one inside the other.
        """
        if self._waking:
            return
        self._waking = True
        if not self._coming:
            self._rested = True  # the loop has its turn before the first of them comes
        try:
            while self._coming < min(self._more(), WOKEN_AT_ONCE):
                self._coming += 1
                if self._parked:
                    self._rouse(self._parked.pop())
                    continue
                worker = Worker()
                self._workers[worker] = None
                worker.task = self.loop.create_task(self._live(worker))
                if worker.task.done():
                    break
        finally:
            self._waking = False

    @staticmethod
    def _rouse(worker: Worker) -> None:
        if worker.nap is not None and not worker.nap.done():
            worker.nap.set_result(None)

    async def _live(self, worker: Worker) -> None:
        """Carry out one attempt after the other.

        All in one coroutine: each further one that waits costs memory for every attempt in flight.
        """
        self._arrive()
        now = self._monotonic()
        try:
            while not worker.disowned:
                start = self._take(now)
                if start is None:
                    if not self._needed():
                        self._dismiss()
                        return
                    if not self._refill():
                        await self._park(worker)
                    now = self._monotonic()
                    continue
                if self._coming < WOKEN_AT_ONCE and self._more() > self._coming:
                    self._wake()
                try:
                    fanned = self._keep(worker, start, await self._begin(worker, start))
                except BaseException as error:  # noqa: BLE001  # whatever it is, the attempt gets its end
                    self._busy -= 1
                    await self._broke(worker, start, error)
                    now = self._monotonic()
                else:
                    self._busy -= 1
                    now = self._succeed(worker, start, fanned=fanned)
                    if worker.stopping:
                        await self._absorb(worker)
                if now - self._yielded > TURN_SECONDS:
                    await asyncio.sleep(0)
                    self._yielded = now = self._monotonic()
        finally:
            self._workers.pop(worker, None)

    async def _park(self, worker: Worker) -> None:
        worker.nap = self.loop.create_future()
        self._parked.append(worker)
        try:
            await worker.nap
        except CancelledError:
            if worker in self._parked:
                self._parked.remove(worker)
            else:
                self._coming -= 1
            raise
        self._arrive()

    def _arrive(self) -> None:
        """A worker that was on its way is here; the first of several begins a new slice of time."""
        self._coming -= 1
        if self._rested:
            self._rested = False
            self._yielded = self._monotonic()

    def _dismiss(self) -> None:
        """Nothing is left to do for anybody."""
        parked, self._parked = self._parked, []
        self._coming += len(parked)
        for worker in parked:
            self._rouse(worker)

    def _begin(self, worker: Worker, start: Start) -> Awaitable[Any]:
        """Begin one attempt: what is to be awaited."""
        self._busy += 1
        worker.at = start
        heap = self.machine.timers.heap
        if heap and heap[0][0] < self._armed:
            self._arm()
        return self._work.begin(*start)

    def _keep(self, worker: Worker, start: Start, result: Any) -> bool:
        """Keep the result of an attempt that is still wanted; whether it was a fan-out."""
        run, task, attempt = start
        if worker.at is start and run.tasks[task] is _RUNNING and run.attempts[task] == attempt:
            if type(result) is FanOut and self._work.fans_out:
                self._fan_out(worker, start, result)
                return True
            self._work.succeeded(run, task, attempt, result)
        return False

    def _succeed(self, worker: Worker, start: Start, *, fanned: bool) -> float:
        """Tell the machine that an attempt has ended well; the time then."""
        now = self._monotonic()
        if worker.at is start:
            worker.at = None
            if not fanned:
                self.machine.succeeded(*start, now)
            self._after(now)
        return now

    def _fan_out(self, worker: Worker, start: Start, result: FanOut) -> None:
        """Append the children; an attempt that was to end meanwhile has ended by that."""
        run, task, attempt = start
        now = self._monotonic()
        places = self.machine.expand(run, task, attempt, result.children, now, groups=result.groups)
        if places is not None:
            self._work.expanded(run, task, result, places)
        else:
            worker.at = None
            self._tell_end(start, CancelledError(), stopped=True)

    async def _broke(self, worker: Worker, start: Start, error: BaseException) -> None:
        """An attempt ended with an exception: its own, or because it was cancelled."""
        cut = isinstance(error, CancelledError)
        leaving = isinstance(error, GeneratorExit) or (
            cut and _cancellations(worker) > worker.stopping
        )
        if worker.at is start:
            worker.at = None
            self._tell_end(start, error, stopped=cut and (worker.stopping or leaving))
        if worker.stopping and not leaving:
            await self._absorb(worker)
        if leaving:
            raise error

    def _tell_end(self, start: Start, error: BaseException, *, stopped: bool) -> None:
        run, task, attempt = start
        if not self.machine.is_current(run, task, attempt):
            return
        now = self._monotonic()
        if stopped:
            self._work.stopped(run, task, attempt, run.stopping.get(task))
            self.machine.ended(run, task, attempt, Outcome.STOPPED, now, retry=False)
        else:
            outcome, error_type, retry = self._work.failed(run, task, attempt, error)
            self.machine.ended(run, task, attempt, outcome, now, error_type=error_type, retry=retry)
        self._after(now, whole=True)
        self._wake()

    @staticmethod
    async def _absorb(worker: Worker) -> None:
        """Take the cancellation that was meant for the attempt, so that it does not hit the next."""
        worker.stopping = False
        with suppress(CancelledError):
            await asyncio.sleep(0)
        if worker.task is not None and worker.task.uncancel():
            raise CancelledError  # somebody wants the worker itself to end

    # ---- what follows ----------------------------------------------------------------------

    def _after(self, now: float, *, whole: bool = False) -> None:
        """After events: carry out what the machine has decided; ``whole``: tell all changes."""
        machine = self.machine
        if self._followed or whole or machine.pressing:
            drained = machine.drain()
            if drained.stops:
                self._end_attempts(drained.stops)
            self._work.after(drained)
        elif machine.noted > FORGOTTEN_AT:
            machine.forget_changes()
        if machine.timers.heap:
            self._arm()

    def _end_attempts(self, stops: Sequence[Stop]) -> None:
        """Cancel those attempts, and look after a while whether they have ended."""
        at = {worker.at: worker for worker in self._workers if worker.at is not None}
        asked: list[tuple[Worker, Start]] = []
        for stop in stops:
            start = (stop.run, stop.task, stop.attempt)
            worker = at.get(start)
            if stop.reason is StopReason.SIGNAL and worker is not None:
                worker.at = None  # the task has ended: whatever comes of the attempt is late
            if worker is None:
                self._end_unstarted(start)
            elif worker.task is not None:
                worker.stopping = True
                worker.task.cancel()
                if worker.at is not None:
                    asked.append((worker, worker.at))
        if asked:
            self.loop.call_later(self._grace, self._give_up, asked)

    def _end_unstarted(self, start: Start) -> None:
        """An attempt that no worker carries out has nothing to be waited for."""
        self._tell_end(start, CancelledError(), stopped=True)

    def _give_up(self, asked: Sequence[tuple[Worker, Start]]) -> None:
        for worker, start in asked:
            if worker.at is start:
                worker.at = None
                worker.disowned = True
                message = f"It had not ended {self._grace:g} s after it was asked to."
                self._tell_end(start, GivenUp(message), stopped=True)

    # ---- time ------------------------------------------------------------------------------

    def _arm(self) -> None:
        """See to it that the machine is called when something is due."""
        at = self.machine.next_wake()
        if at is None or at == self._armed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = at
        self._timer = self.loop.call_later(max(at - self._monotonic(), 0.0), self._ring)

    def _ring(self) -> None:
        self._armed = inf
        self._timer = None
        now = self._monotonic()
        self.machine.tick(now)
        self._after(now)
        self._wake()


FORGOTTEN_AT = 1024
"""Runs with changes that nobody follows, after which they are dropped."""


def _cancellations(worker: Worker) -> int:
    return 0 if worker.task is None else worker.task.cancelling()
