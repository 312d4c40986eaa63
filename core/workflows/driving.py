"""The instances that one engine drives: taken with a lease, let go at their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..base.calling import Threads
from ..base.clock import SYSTEM_CLOCK, Clock, Random
from ..base.ids import new_id
from ..base.retry import RetryPolicy
from .context import AttemptLost, SessionOpener, TaskExecutionContext
from .definition import TaskDefinition
from .driver import STOP_GRACE
from .durable_driver import DurableDriver
from .durable_runs import DurableRuns, registered
from .faults import ExecutorMissing, WorkflowBusy
from .guarding import Guard
from .instance import Instance
from .journal import Journal
from .leases import LEASE_SECONDS, Leases
from .machine import Machine, Outcome, Places, Run
from .made import Made, MadeHere
from .observing import Nobody, Observer
from .records import Lease, SignalRecord, TaskRecord, WorkflowRecord
from .state_faults import WorkflowUnknown
from .state_manager import StateManager
from .statuses import ENDED, TaskStatus, WorkflowStatus

_RUNNING = TaskStatus.RUNNING

Check = Callable[[TaskDefinition], None]


class _Turn:
    """Whose turn it is with an instance; it goes when nobody wants it.

    A lock by itself does not tell: let go, it looks free while the next one is still being woken.
    """

    __slots__ = ("lock", "wanted")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class Driving:
    """Instances by id, with their runs in the machine and their leases."""

    def __init__(
        self,
        state_manager: StateManager,
        max_parallel_tasks: int = 10,
        default_retry_policy: RetryPolicy | None = None,
        *,
        engine_id: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Random | None = None,
        lease_seconds: float = LEASE_SECONDS,
        stop_grace: float = STOP_GRACE,
        observer: Observer | None = None,
        places: Places | None = None,
    ) -> None:
        self.engine_id = engine_id or new_id()
        self._states = state_manager
        self._store = state_manager.store
        self._policy = default_retry_policy
        self._clock = clock
        self._grace = stop_grace
        self._machine = Machine(max_parallel_tasks, random=random or Random(), places=places)
        self._threads = Threads(max_parallel_tasks)
        self._runs = DurableRuns(
            self._threads,
            gone=self._give_up,
            over=self._finish,
            child_kept=self._keep_child,
            observer=observer,
        )
        self._observer = observer or Nobody()
        self._leases = Leases(self._store, clock, self._give_up, seconds=lease_seconds)
        self._instances: dict[str, Instance] = {}
        self._made = MadeHere()
        self._opening: dict[str, _Turn] = {}
        self._let_off: list[Instance] = []
        self._is_releasing = False
        self._releasing: set[asyncio.Task[None]] = set()
        self._driver: DurableDriver | None = None
        self._checks: dict[str, Check] = {}
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self.closing = False
        self.register_executor("wait_for", _wait_for_ever)

    @property
    def state_manager(self) -> StateManager:
        """Where the instances are kept."""
        return self._states

    def guard(self, guard: Guard) -> None:
        """Ask ``guard`` before each attempt, and tell it of ends, from now on."""
        self._machine.gate = guard
        self._runs.guard = guard

    def readmit(self, run: Run, task: int) -> None:
        """Ask the guard again about a task that was told to wait."""
        self._machine.readmit(run, task)
        if self._driver is not None:
            self._changed()

    def drives(self, workflow_id: str, task_id: str | None = None) -> bool:
        """Whether this engine drives the instance, and goes on to do so.

        An attempt that is cancelled while it does not leaves its child alone: whoever drives the
        instance next adopts it. The attempt of ``task_id`` that was asked to end, before the engine
        was or by it, ends its child all the same: nobody will adopt it.
        """
        instance = self._instances.get(workflow_id)
        if instance is None or not self.closing:
            return instance is not None
        return task_id is not None and instance.plan.index[task_id] in instance.run.stopping

    def epoch_of(self, workflow_id: str) -> int:
        """The epoch of the lease that the instance is driven under; 0 without one."""
        instance = self._instances.get(workflow_id)
        return 0 if instance is None else instance.lease.epoch

    def note_log(self, workflow_id: str, task_id: str, place: str) -> None:
        """Say where the log of the task's running attempt is; kept with its next change."""
        instance = self._instances.get(workflow_id)
        if instance is not None:
            instance.set_log(instance.plan.index[task_id], place)

    def look_at_places(self) -> None:
        """Agents have changed: begin what has a place now."""
        if self._driver is not None and not self.closing:
            self._changed()

    def why_waiting(self, workflow_id: str, task_id: str) -> str:
        """Why a task that is ready has not begun; empty for any other, and where another engine drives."""
        instance = self._instances.get(workflow_id)
        if instance is None or task_id not in instance.plan.index:
            return ""
        return self._machine.reason(instance.run, instance.plan.index[task_id])

    def standstill(self, workflow_id: str) -> str:
        """Why nothing of an instance runs though something is ready; empty if something does."""
        instance = self._instances.get(workflow_id)
        if instance is None:
            return ""
        run = instance.run
        if self.is_at_work(workflow_id):
            return ""
        tasks = range(len(run.tasks))
        return next(filter(None, (self._machine.reason(run, task) for task in tasks)), "")

    def is_at_work(self, workflow_id: str) -> bool:
        """Whether an attempt of an instance runs."""
        instance = self._instances.get(workflow_id)
        if instance is None:
            return False
        run = instance.run
        tasks = enumerate(run.tasks)
        return any(state is _RUNNING and task not in run.expanded for task, state in tasks)

    def children(self, workflow_id: str) -> list[str]:
        """Where the attempts of an instance are that run, as ``Child`` writes it."""
        instance = self._instances.get(workflow_id)
        if instance is None:
            return []
        running = instance.run.tasks
        return [one for task, one in instance.children.items() if running[task] is _RUNNING]

    def barred(self) -> list[tuple[Run, int, float]]:
        """Tasks that the guard has told to wait: run, number, and since when (monotonic seconds)."""
        return [(entry[4], entry[5], entry[1]) for entry in self._machine.barred()]

    def at_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Let ``closer`` be called when this closes, once nothing is under way any more."""
        self._closers.append(closer)

    async def settled(self) -> None:
        """Wait until what was decided is on disk."""
        if self._driver is not None:
            await self._on_disk()

    def _now(self) -> float:
        return self._clock.monotonic()

    def _here(self) -> DurableDriver:
        if self._driver is None or self._driver.loop is not asyncio.get_running_loop():
            journal = Journal(self._store, self.engine_id, self._clock, self._clock.monotonic)
            self._driver = DurableDriver(
                self._machine,
                self._runs,
                journal,
                monotonic=self._clock.monotonic,
                grace=self._grace,
            )
        return self._driver

    def _changed(self) -> None:
        self._here().changed()

    async def _on_disk(self) -> None:
        """Wait until what was decided is."""
        await self._here().settled()

    async def _open(self, workflow_id: str) -> Instance:
        """The instance, driven by this engine from now on.

        :raises WorkflowUnknown: if it is not kept.
        :raises WorkflowBusy: if another engine drives it.
        """
        async with self._alone_with(workflow_id):
            instance = self._instances.get(workflow_id)
            if instance is None:
                instance = await self._load(workflow_id)
        return instance

    @asynccontextmanager
    async def _alone_with(self, workflow_id: str) -> AsyncIterator[None]:
        """Nobody else opens the instance in this engine, or changes it as a whole."""
        turn = self._opening.setdefault(workflow_id, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._opening[workflow_id]

    async def _load(self, workflow_id: str) -> Instance:
        now = self._clock.now()
        lease = await self._store.take(
            workflow_id, self.engine_id, until=self._leases.until(), now=now
        )
        made = self._made.take(workflow_id)
        if (
            made is not None
            and lease is not None
            and await self._store.unchanged(workflow_id, made.record.version)
        ):
            return self._take_in(replace(made.record, lease=lease), [], lease, [], made)
        found = await self._store.instance(workflow_id)
        if found is None:
            raise WorkflowUnknown.of(workflow_id)
        if lease is None:
            raise WorkflowBusy(
                f"Another engine drives workflow {workflow_id}; steer it there.",
                workflow_id=workflow_id,
            )
        record, rows = found
        return self._take_in(record, rows, lease, await self._store.signals(workflow_id))

    def _take_in(
        self,
        record: WorkflowRecord,
        rows: Sequence[TaskRecord],
        lease: Lease,
        signals: Sequence[SignalRecord],
        made: Made | None = None,
    ) -> Instance:
        known = self._instances.get(record.id)
        if known is not None:
            return known  # it was opened while a recovery was reading it, or the other way round
        instance = Instance(record, lease, made)
        for signal in signals:
            instance.signals.setdefault(signal.name, signal.body)
        now = self._now()
        states = instance.load({row.task_id: row for row in rows}, self._due)
        deadlines = {
            task: self._due(given.deadline)
            for task, given in enumerate(instance.tasks)
            if given.deadline is not None
        }
        if record.status is WorkflowStatus.PENDING and not rows:
            run = self._machine.add(record.id, instance.plan, label=instance, deadlines=deadlines)
        else:
            run = self._machine.put_back(
                record.id, instance.plan, record.status, states, now,
                label=instance, deadlines=deadlines,
                winding=record.error if record.status not in ENDED else None,
            )  # fmt: skip
        instance.attach(run)
        self._instances[record.id] = instance
        self._leases.hold(instance)
        self._observer.taken(instance)
        self._take_up_attempts(instance, now)
        return instance

    def _take_up_attempts(self, instance: Instance, now: float) -> None:
        """Adopt the attempts that a former engine began, or tell that they are lost."""
        run = instance.run
        for task, status in enumerate(list(run.tasks)):
            if status is not _RUNNING or task in run.expanded:
                continue
            attempt = run.attempts[task]
            executor = self._runs.executors.get(instance.tasks[task].agent_type)
            if executor is not None and executor.adopt is not None and task in instance.children:
                instance.adopted.add(task)
                self._here().adopt((run, task, attempt))
            else:
                self._runs.failed(run, task, attempt, _lost(instance, task))
                self._machine.ended(run, task, attempt, Outcome.LOST, now)
        self._machine.wind_up_again(run)

    def _due(self, stamp: datetime) -> float:
        """The machine's time of a stamp."""
        return self._now() + (stamp - self._clock.now()).total_seconds()

    def _finish(self, instance: Instance) -> None:
        """The end is on disk: tell those who wait, and let go."""
        if instance.run.status not in ENDED:
            return  # it was begun anew meanwhile
        self._forget(instance)
        self._release_soon(instance)
        if not instance.done.done():
            instance.done.set_result(None)

    def _give_up(self, instance: Instance, error: BaseException) -> None:
        """Drive it no further: what it did since is not recorded, and whoever takes it goes on."""
        if self._instances.get(instance.id) is not instance:
            return
        self._here().end_all(instance)
        self._forget(instance)
        self._release_soon(instance)
        if not instance.done.done():
            instance.done.set_exception(error)
            instance.done.exception()  # whoever waits is told; nobody need

    def _forget(self, instance: Instance) -> None:
        self._machine.forget(instance.run)
        self._instances.pop(instance.id, None)
        self._observer.let_go(instance)

    def _release_soon(self, instance: Instance) -> None:
        self._let_off.append(instance)
        if not self._is_releasing:
            self._is_releasing = True
            task = asyncio.get_running_loop().create_task(self._release())
            self._releasing.add(task)
            task.add_done_callback(self._releasing.discard)

    async def _release(self) -> None:
        """Give leases back: those that come while some are on their way go together."""
        try:
            while self._let_off:
                let_off, self._let_off = self._let_off, []
                await self._leases.release(*let_off)
        finally:
            self._is_releasing = False

    async def _let_go(self, instance: Instance) -> None:
        """Drive it no further from where it stands now; not if it has moved on meanwhile."""
        status = instance.run.status
        if self._instances.get(instance.id) is not instance:
            return
        await self._on_disk()
        if self._instances.get(instance.id) is instance and instance.run.status is status:
            self._forget(instance)
            await self._leases.release(instance)
            if not (self.closing or instance.done.done()):
                instance.done.set_result(None)

    async def _set_down(self, instance: Instance | None) -> Instance | None:
        """The instance, if nothing of it is under way: then it is driven no further, untold."""
        if instance is None:
            return None
        await self._on_disk()
        if self._instances.get(instance.id) is not instance or instance.run.busy:
            return None
        self._forget(instance)
        await self._leases.release(instance)
        return instance

    async def _keep_child(self, instance: Instance, task: int) -> None:
        self._machine.note(instance.run, task)
        self._changed()
        await self._on_disk()
        if self._instances.get(instance.id) is not instance:  # it was refused: none may be begun
            raise _lost(instance, task)

    def open_sessions_with(self, opener: SessionOpener) -> None:
        """Let attempts open sessions of agents: ``TaskExecutionContext.session``."""
        self._runs.opener = opener

    def register_executor(self, agent_type: str, executor: Any) -> None:
        """Let ``executor`` run the attempts of ``agent_type``; it replaces an earlier one.

        It takes a ``TaskExecutionContext``, is sync (in a thread) or async, and gives a JSON value;
        or it is an object with such a method ``execute``, and maybe ``adopt`` for attempts that a
        former engine began, and ``check``, which is given each task's definition at creation and
        raises what is wrong with it. An exception is the attempt's failure.

        :raises TypeError: if it can't be called.
        """
        self._runs.executors[agent_type] = registered(executor)
        self._checks[agent_type] = getattr(executor, "check", _anything)

    def check_task(self, task: TaskDefinition) -> None:
        """Nothing, if the executor of its ``agent_type`` is there and takes it.

        :raises ExecutorMissing: if there is none.
        """
        check = self._checks.get(task.agent_type)
        if check is None:
            raise ExecutorMissing(
                f"No executor is registered for {task.agent_type!r} (task {task.task_id!r})."
            )
        check(task)


def _anything(_: TaskDefinition) -> None:
    """Every task is right."""


async def _wait_for_ever(_: TaskExecutionContext) -> None:
    """The executor of ``wait_for``: a signal ends it."""
    waiting: Awaitable[None] = asyncio.get_running_loop().create_future()
    await waiting


def _lost(instance: Instance, task: int) -> BaseException:
    return AttemptLost(f"The engine that ran {instance.plan.ids[task]!r} is gone.")
