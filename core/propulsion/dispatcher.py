"""What drives the machine in one event loop: workers that end when nothing is left, and one timer."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future, Task, TimerHandle
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from .handlers import Registered
from .hooks import Hook, HookType
from .machine import Machine, Plain, Run, State
from .results import Outcome

TURN_SECONDS = 0.001


class Work(Protocol):
    """What carrying out a run means. Called in a worker's task.

    ``sole`` has the handlers that are alone with their event type. ``note`` keeps the success of one
    for a payload that was no run.
    """

    sole: dict[str, Registered]
    hooked: dict[HookType, list[Hook]]
    note: Callable[[Outcome], None]

    def looked(self) -> None:
        """Successes may have been noted since this was called last."""
        ...

    def run_of(self, plain: Plain) -> Run:
        """What was submitted plainly, as a run that is queued."""
        ...

    def begin(self, run: Run) -> Registered | None:
        """Begin a run that is one call of one handler: that handler; ``None``: carry it out."""
        ...

    def succeeded(
        self, run: Run, handler: Registered, value: Any, started: float, now: float
    ) -> None:
        """That handler has returned; monotonic times."""
        ...

    async def broke(
        self, run: Run, handler: Registered, error: BaseException, started: float
    ) -> None:
        """That handler has raised; raises only what is to end the worker."""
        ...

    async def carry_out(self, run: Run) -> None:
        """Call its handlers, and see to its end; raises only what is to end the worker."""
        ...

    def interrupted(self, run: Run) -> None:
        """The loop ends under it."""
        ...


class Worker:
    """One coroutine that carries out runs; ``holds`` says whether it has the slot of its run."""

    __slots__ = ("holds", "run", "stopping", "task")

    def __init__(self) -> None:
        self.run: Run | None = None
        self.holds = False
        self.stopping = False
        self.task: Task[None] | None = None


class Dispatcher:
    """Belongs to the loop that it was made in."""

    def __init__(self, machine: Machine, work: Work, monotonic: Callable[[], float]) -> None:
        self.loop = asyncio.get_running_loop()
        self._machine = machine
        self._work = work
        self._monotonic = monotonic
        self.workers: dict[Task[Any], Worker] = {}
        self.idle = True  # no worker is about to look for runs
        self.now = monotonic()  # when one last looked
        self._guarded = False
        self._yielding = 0
        self.returning: deque[Future[None]] = deque()
        self._timer: TimerHandle | None = None
        self._armed = 0.0
        self._stopped = False

    @property
    def is_at_work(self) -> bool:
        """Whether its loop is alive and workers are in it."""
        return bool(self.workers) and self.loop.is_running()

    def changed(self) -> None:
        """To be called after runs were entered, or slots given back."""
        if self.returning and self._machine.running < self._machine.limit:
            self._let_return()
        if self.idle and self._machine.queued:
            self._call_worker()

    def _call_worker(self) -> None:
        if self._stopped or self._machine.startable < 1:
            self.idle = True
            return
        self.idle = False
        worker = Worker()
        # Not by the loop's own way, which in the dashboard is to begin a task at once: within
        # whoever enters a run, and before the worker is known as the one that holds its slot.
        worker.task = Task(self._live(worker), loop=self.loop)
        self.workers[worker.task] = worker

    def _check(self) -> None:
        """A turn after a worker took a run: should its handler have suspended, another goes on."""
        self._guarded = False
        if not self._yielding:
            self._call_worker()

    async def _live(self, worker: Worker) -> None:
        worker.holds = self._machine.hold()
        try:
            while await self._pull(worker):  # whoever submits may do so again in a moment
                await self._breathe(worker)
        except CancelledError:
            self._stopped = True
            raise
        finally:
            self._give_back(worker)
            if worker.task is not None:
                self.workers.pop(worker.task, None)
            self.idle = True
        self.changed()

    async def _pull(self, worker: Worker) -> bool:
        """Carry out run after run, while it holds a slot and nobody waits to take one again.

        Whether there was any.
        """
        work, monotonic, returning = self._work, self._monotonic, self.returning
        take, sole, hooked, note = self._machine.take, work.sole, work.hooked, work.note
        begun = now = monotonic()
        self._machine.wake(now)
        found = False
        while worker.holds and not returning and (taken := take(now)) is not None:
            if not self._guarded:
                self._guarded = True
                self.loop.call_soon(self._check)
            self.now, found = now, True
            if not isinstance(taken, tuple):
                await self._carry_out(worker, taken)
                now = monotonic()
            else:
                event_type, payload = taken
                handler = sole.get(event_type)
                if (
                    handler is None
                    or hooked
                    or payload.deadline is not None
                    or payload.timeout is not None
                ):
                    await self._carry_out(worker, work.run_of(taken))
                    now = monotonic()
                else:
                    payload.attempt_count += 1
                    try:
                        value = await handler.call(payload)
                    except BaseException as error:  # noqa: BLE001  # whatever it is, the attempt gets its result
                        await self._broke(taken, handler, error, now)
                        now = monotonic()
                    else:
                        note((payload.id, handler.name, value, now, now := monotonic()))
            if now - begun > TURN_SECONDS:
                break
        work.looked()
        return found

    async def _broke(
        self, plain: Plain, handler: Registered, error: BaseException, started: float
    ) -> None:
        """The handler of what was no run has raised."""
        run = self._work.run_of(plain)
        run.state = State.RUNNING
        run.attempt = 1
        try:
            await self._work.broke(run, handler, error, started)
        except CancelledError:
            self._work.interrupted(run)
            raise

    async def _carry_out(self, worker: Worker, run: Run) -> None:
        """Carry out one run, unless it has ended while it waited."""
        if not self._machine.begin(run):
            return
        work, started = self._work, self.now
        worker.run = run
        handler = work.begin(run)
        try:
            if handler is None:
                await work.carry_out(run)
            else:
                try:
                    value = await handler.call(run.payload)
                except BaseException as error:  # noqa: BLE001  # whatever it is, the attempt gets its result
                    await work.broke(run, handler, error, started)
                else:
                    work.succeeded(run, handler, value, started, self._monotonic())
        except CancelledError:
            work.interrupted(run)
            raise
        if worker.stopping:
            await self._absorb(worker)
        worker.run = None

    async def _breathe(self, worker: Worker) -> None:
        """Give the loop a turn, and whoever waits for a slot that of the worker."""
        self._give_back(worker)
        self._yielding += 1
        try:
            await asyncio.sleep(0)
        finally:
            self._yielding -= 1
        worker.holds = self._machine.hold()

    def _give_back(self, worker: Worker) -> None:
        worker.run = None
        if worker.holds:
            worker.holds = False
            self._machine.leave()
            if self.returning:
                self._let_return()

    @staticmethod
    async def _absorb(worker: Worker) -> None:
        """Take the cancellation that was meant for the run, so that it does not hit the next."""
        worker.stopping = False
        with suppress(CancelledError):
            await asyncio.sleep(0)
        if worker.task is not None and worker.task.uncancel():
            raise CancelledError  # somebody wants the worker itself to end

    # ---- slots of handlers that propel -------------------------------------------------------

    def own(self) -> Worker | None:
        """The worker whose task this is, if it holds a slot."""
        task = asyncio.current_task()
        worker = self.workers.get(task) if task is not None else None
        return worker if worker is not None and worker.holds else None

    def lend(self, worker: Worker) -> None:
        """Give its slot back while its handler waits."""
        worker.holds = False
        self._machine.leave()
        self.changed()

    async def take_back(self, worker: Worker) -> None:
        """Wait for a slot, before whatever is queued."""
        if self.returning or not self._machine.hold():
            mine: Future[None] = self.loop.create_future()
            self.returning.append(mine)
            try:
                await mine
            except BaseException:
                if mine.done() and not mine.cancelled():
                    self._machine.leave()
                else:
                    self.returning.remove(mine)
                self.changed()
                raise
        worker.holds = True

    def _let_return(self) -> None:
        while self.returning and self._machine.running < self._machine.limit:
            mine = self.returning.popleft()
            if not mine.done() and self._machine.hold():
                mine.set_result(None)

    # ---- stopping, waiting -----------------------------------------------------------------

    def stop_run(self, run: Run) -> bool:
        """Cancel the handler that is at work for ``run``; ``False`` if none is."""
        for worker in self.workers.values():
            if worker.run is run and worker.task is not None and not worker.stopping:
                worker.stopping = True
                worker.task.cancel()
                return True
        return False

    def is_stopping(self, run: Run) -> bool:
        """Whether ``stop_run`` was called for it, and nobody wants its worker to end as a whole."""
        for worker in self.workers.values():
            if worker.run is run and worker.task is not None:
                return worker.stopping and worker.task.cancelling() <= 1
        return False

    def arm(self) -> None:
        """Let the timer ring when the next wait ends."""
        due = self._machine.next_due()
        if self._timer is not None:
            if due is not None and due >= self._armed:
                return
            self._timer.cancel()
            self._timer = None
        if due is not None and not self._stopped:
            self._armed = due
            delay = max(due - self._monotonic(), 0)
            self._timer = self.loop.call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._machine.wake(self._monotonic())
        self.changed()
        self.arm()

    async def stop(self) -> None:
        """End the workers, with the handlers that they call."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        own = asyncio.current_task()
        tasks = [task for task in self.workers if task is not own]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def leave(self) -> None:
        """Its loop is gone: the timer with it."""
        if self._timer is not None:
            self._timer.cancel()
