"""The durable orchestrator: workflows that go on where they stood, whatever ended."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Self

from ..base.clock import SYSTEM_CLOCK, Clock, Random
from ..base.ids import new_id
from ..base.retry import RetryPolicy
from .calling import Threads
from .context import AttemptLost, TaskExecutionContext
from .definition import TaskDefinition, WorkflowDefinition
from .driver import STOP_GRACE
from .durable_driver import DurableDriver
from .durable_runs import DurableRuns, registered
from .encoding import value_text
from .faults import ExecutorMissing, OrchestrationError, WorkflowBusy
from .handoff import HandoffContext
from .instance import CONTEXT, Ended, Instance
from .journal import Journal
from .leases import LEASE_SECONDS, Leases
from .machine import Machine, Outcome, Run
from .plan import compile_plan
from .records import Lease, SignalRecord, TaskRecord, WorkflowRecord
from .state_faults import WorkflowUnknown
from .state_manager import StateManager
from .states import WorkflowState
from .statuses import ENDED, TaskStatus, WorkflowStatus

RECOVERED_AT_ONCE = 1000
_RUNNING = TaskStatus.RUNNING
_UNFINISHED = frozenset({WorkflowStatus.RUNNING})
_WAITING = frozenset({WorkflowStatus.PENDING, WorkflowStatus.PAUSED})


class WorkflowOrchestrator:
    """Runs workflows durably: a start is on disk before its attempt begins, an end before it counts.

    At most ``max_parallel_tasks`` attempts run at once, of all workflows together; those of slotless
    tasks don't count. ``default_retry_policy`` holds for workflows and tasks without one (``None``:
    one attempt). The state manager must be initialized, and stays its owner's. ``engine_id`` names
    this engine in leases; one that is given again takes its former leases over.
    """

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
    ) -> None:
        self.engine_id = engine_id or new_id()
        self._states = state_manager
        self._store = state_manager.store
        self._policy = default_retry_policy
        self._clock = clock
        self._grace = stop_grace
        self._machine = Machine(max_parallel_tasks, random=random or Random())
        self._threads = Threads(max_parallel_tasks)
        self._runs = DurableRuns(
            self._threads, gone=self._give_up, over=self._finish, child_kept=self._keep_child
        )
        self._leases = Leases(self._store, clock, self._give_up, seconds=lease_seconds)
        self._instances: dict[str, Instance] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._releasing: set[asyncio.Task[None]] = set()
        self._driver: DurableDriver | None = None
        self.register_executor("wait_for", _wait_for_ever)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def register_executor(self, agent_type: str, executor: Any) -> None:
        """Let ``executor`` run the attempts of ``agent_type``; it replaces an earlier one.

        It takes a ``TaskExecutionContext``, is sync (in a thread) or async, and gives a JSON value;
        or it is an object with such a method ``execute``, and maybe ``adopt`` for attempts that a
        former engine began. An exception is the attempt's failure.

        :raises TypeError: if it can't be called.
        """
        self._runs.executors[agent_type] = registered(executor)

    # ---- creating, running -----------------------------------------------------------------

    async def create_workflow(
        self,
        tasks: Sequence[TaskDefinition] | WorkflowDefinition,
        *,
        workflow_id: str | None = None,
        name: str = "workflow",
        inputs: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        parent: str | None = None,
        workflow_context: HandoffContext | None = None,
    ) -> str:
        """Keep a new instance, not yet begun; its id.

        ``workflow_context`` is what every attempt is given as such; it lies in the metadata.

        :raises DependencyError: if the tasks are no graph that can be run.
        :raises ExecutorMissing: if a task's ``agent_type`` has no executor.
        :raises StateManagerError: if it can't be kept.
        """
        told = dict(metadata or {})
        if workflow_context is not None:
            told[CONTEXT] = workflow_context.to_dict()
        definition = tasks
        if not isinstance(definition, WorkflowDefinition):
            definition = WorkflowDefinition(name, tuple(definition))
        if definition.retry_policy is None:
            definition = replace(definition, retry_policy=self._policy)
        compile_plan(definition)
        self._check_executors(definition.tasks)
        state = await self._states.create_workflow(
            definition,
            workflow_id=workflow_id,
            inputs=inputs,
            variables=variables,
            metadata=told,
            parent=parent,
        )
        return state.workflow_id

    async def execute_workflow(self, workflow_id: str) -> WorkflowState:
        """Run an instance to its end, or go on with it; how it stands then.

        Cancelling the call cancels the workflow, and waits until its tasks have ended.

        :raises OrchestrationError: if it failed; the message names the critical tasks.
        :raises WorkflowBusy: if another engine drives it.
        """
        await self.start_workflow(workflow_id)
        try:
            await self.wait(workflow_id)
        except CancelledError:
            await self._cancel_and_wait(workflow_id)
            raise
        return await self._ended_state(workflow_id)

    async def start_workflow(self, workflow_id: str) -> None:
        """Run an instance in the background, or go on with it; returns when that has begun.

        :raises OrchestrationError: if it has ended already.
        """
        instance = await self._open(workflow_id)
        run = instance.run
        if run.status is WorkflowStatus.PENDING:
            self._machine.start(run, self._now())
        elif run.status is WorkflowStatus.PAUSED:
            self._machine.resume(run, self._now())
        elif run.status in ENDED:
            await self._let_go(instance)
            raise OrchestrationError(
                f"Workflow {workflow_id} is {run.status}; retry it, or rerun it from a task.",
                workflow_id=workflow_id,
            )
        self._changed()

    async def wait(self, workflow_id: str) -> None:
        """Wait until an instance that this engine drives has ended.

        :raises QuarterdeckError: if it can't be driven on from here: its lease or its store is gone.
        """
        instance = self._instances.get(workflow_id)
        if instance is not None:
            await asyncio.shield(instance.done)

    async def recover(self, *, former: Collection[str] = ()) -> list[str]:
        """Take up what former engines left running; the ids.

        That is what nobody holds, whose lease expired, or what one of the ``former`` engines held.
        An attempt that its executor can adopt goes on; any other that ran was lost, and is begun
        again until its recovery limit.
        """
        found = await self._store.lease(
            self.engine_id,
            until=self._leases.until(),
            now=self._clock.now(),
            statuses=_UNFINISHED,
            limit=RECOVERED_AT_ONCE,
            former=former,
        )
        for record in found:
            assert record.lease is not None  # noqa: S101  # that is what was asked for
            rows = await self._store.tasks(record.id)
            signals = await self._store.signals(record.id)
            self._take_in(record, rows, record.lease, signals)
        self._changed()
        if former:
            await self._free_waiting(former)
        return [record.id for record in found]

    # ---- steering --------------------------------------------------------------------------

    async def pause_workflow(self, workflow_id: str, *, interrupt: bool = False) -> WorkflowState:
        """Begin nothing more; running attempts end by themselves, or at once with ``interrupt``."""
        await self._steer(
            workflow_id, lambda run, now: self._machine.pause(run, now, interrupt=interrupt)
        )
        return await self.get_workflow_status(workflow_id)

    async def resume_workflow(self, workflow_id: str) -> None:
        """Go on with exactly what is left, in the background."""
        await self._steer(workflow_id, self._machine.resume)

    async def cancel_workflow(self, workflow_id: str) -> WorkflowState:
        """Stop what runs, cancel the rest, run final tasks; a second time cancels those too.

        Returns when the workflow has ended.
        """
        await self._steer(workflow_id, self._machine.cancel)
        await self.wait(workflow_id)
        return await self.get_workflow_status(workflow_id)

    async def retry_workflow(self, workflow_id: str) -> None:
        """Begin anew from the failed and cancelled tasks of one that has ended, in the background."""
        await self._begin_anew(workflow_id, self._machine.retry)

    async def rerun_workflow(self, workflow_id: str, task_id: str) -> None:
        """Begin anew from ``task_id`` and all downstream of it, in the background.

        :raises OrchestrationError: if there is no such task.
        """

        def rerun(run: Run, now: float) -> list[int]:
            task = run.plan.index.get(task_id)
            if task is None or task in run.plan.parents:
                raise OrchestrationError(
                    f"Workflow {workflow_id} has no task {task_id!r} that can be rerun by itself.",
                    workflow_id=workflow_id,
                )
            return self._machine.rerun(run, task, now)

        await self._begin_anew(workflow_id, rerun)

    async def rollback_workflow(self, workflow_id: str, version: int) -> WorkflowState:
        """Restore the state as of ``version``, as a new version; sessions and files are not undone.

        One that ran then is paused.

        :raises TasksRunning: if tasks run.
        """
        instance = self._instances.get(workflow_id)
        if instance is not None and instance.run.running == 0:
            await self._let_go(instance)
        return await self._states.rollback_workflow(workflow_id, version=version)

    async def get_workflow_status(self, workflow_id: str) -> WorkflowState:
        """How an instance stands, on disk."""
        return await self._states.get_workflow(workflow_id)

    async def signal_workflow(
        self, workflow_id: str, name: str, *, key: str | None = None, value: Any = None
    ) -> bool:
        """Tell an instance that something happened outside; whether a task waited for it.

        Tasks with ``metadata["signal"] == name`` that wait are completed with ``value``; later ones
        at once. The first signal of a ``key`` counts.
        """
        instance = await self._open(workflow_id)
        text = value_text(value, f"The signal {name!r}")
        known = await self._store.signals(workflow_id)
        if any(one.name == name and one.key == (key or name) for one in known):
            return False
        record = SignalRecord(workflow_id, name, key or name, self._clock.now(), text)
        instance.signals.setdefault(name, text)
        self._here().keep_signal(instance.run, record)
        return self._deliver(instance, name)

    async def close(self) -> None:
        """End what runs so that it can be taken up again, give the leases back."""
        driver = self._driver
        if driver is None:
            return
        driver.closing = True
        for instance in list(self._instances.values()):
            self._machine.interrupt(instance.run)
        driver.changed()
        await driver.rest()
        for instance in list(self._instances.values()):
            await self._let_go(instance)
        if self._releasing:
            await asyncio.wait(self._releasing)
        self._threads.close()
        self._driver = None

    # ---- inside ----------------------------------------------------------------------------

    async def _free_waiting(self, former: Collection[str]) -> None:
        """Give back what former engines held of those that wait for a person to go on."""
        found = await self._store.lease(
            self.engine_id,
            until=self._leases.until(),
            now=self._clock.now(),
            statuses=_WAITING,
            limit=RECOVERED_AT_ONCE,
            former=former,
        )
        await self._store.release([(one.id, one.lease) for one in found if one.lease is not None])

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

    def _check_executors(self, tasks: Sequence[TaskDefinition]) -> None:
        missing = [task for task in tasks if task.agent_type not in self._runs.executors]
        if missing:
            told = ", ".join(f"{task.agent_type!r} (task {task.task_id!r})" for task in missing)
            raise ExecutorMissing(f"No executor is registered for {told}.")

    async def _steer(self, workflow_id: str, wish: Callable[[Run, float], Any]) -> None:
        instance = await self._open(workflow_id)
        try:
            wish(instance.run, self._now())
        finally:
            self._changed()
            if instance.run.status in ENDED and not self._machine.pressing:
                await self._let_go(instance)
        await self._on_disk()

    async def _begin_anew(self, workflow_id: str, wish: Callable[[Run, float], list[int]]) -> None:
        def begin(run: Run, now: float) -> None:
            back = wish(run, now)
            instance: Instance = run.label
            for task in back:
                instance.texts[task] = None
                instance.errors.pop(task, None)
                instance.children.pop(task, None)
            if instance.done.done():
                instance.done = asyncio.get_running_loop().create_future()
            self._machine.start(run, now)

        await self._steer(workflow_id, begin)

    async def _on_disk(self) -> None:
        """Wait until what was decided is."""
        await self._here().settled()

    async def _open(self, workflow_id: str) -> Instance:
        """The instance, driven by this engine from now on.

        :raises WorkflowUnknown: if it is not kept.
        :raises WorkflowBusy: if another engine drives it.
        """
        lock = self._opening.setdefault(workflow_id, asyncio.Lock())
        async with lock:
            instance = self._instances.get(workflow_id)
            if instance is None:
                instance = await self._load(workflow_id)
        if not lock.locked():
            self._opening.pop(workflow_id, None)
        return instance

    async def _load(self, workflow_id: str) -> Instance:
        now = self._clock.now()
        lease = await self._store.take(
            workflow_id, self.engine_id, until=self._leases.until(), now=now
        )
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
    ) -> Instance:
        instance = Instance(record, lease)
        for signal in signals:
            instance.signals.setdefault(signal.name, signal.body)
        now = self._now()
        states = instance.load({row.task_id: row for row in rows}, self._due)
        run = self._machine.put_back(
            record.id,
            instance.plan,
            record.status,
            states,
            now,
            label=instance,
            deadlines={
                task: self._due(given.deadline)
                for task, given in enumerate(instance.tasks)
                if given.deadline is not None
            },
        )
        instance.attach(run)
        self._instances[record.id] = instance
        self._leases.hold(instance)
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

    def _due(self, stamp: datetime) -> float:
        """The machine's time of a stamp."""
        return self._now() + (stamp - self._clock.now()).total_seconds()

    def _deliver(self, instance: Instance, name: str) -> bool:
        run, waited = instance.run, False
        for task, given in enumerate(instance.tasks):
            if given.metadata.get("signal") == name and self._machine.signal(
                run, task, self._now()
            ):
                waited = True
                instance.texts[task] = instance.signals[name]
                instance.ended.append(Ended(task, run.attempts[task], TaskStatus.COMPLETED))
        self._changed()
        return waited

    async def _keep_child(self, instance: Instance, task: int) -> None:
        self._machine.note(instance.run, task)
        self._changed()
        await self._on_disk()

    async def _cancel_and_wait(self, workflow_id: str) -> None:
        instance = self._instances.get(workflow_id)
        if instance is None or instance.run.status in ENDED:
            return
        self._machine.cancel(instance.run, self._now())
        self._changed()
        while not instance.done.done():
            with contextlib.suppress(CancelledError):
                await asyncio.shield(instance.done)

    async def _ended_state(self, workflow_id: str) -> WorkflowState:
        state = await self._states.get_workflow(workflow_id)
        if state.status is WorkflowStatus.FAILED:
            raise OrchestrationError(
                state.error or f"Workflow {workflow_id} failed.", workflow_id=workflow_id
            )
        return state

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

    def _release_soon(self, instance: Instance) -> None:
        task = asyncio.get_running_loop().create_task(self._leases.release(instance))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _let_go(self, instance: Instance) -> None:
        if self._instances.get(instance.id) is instance:
            await self._on_disk()
            self._forget(instance)
            await self._leases.release(instance)


async def _wait_for_ever(_: TaskExecutionContext) -> None:
    """The executor of ``wait_for``: a signal ends it."""
    waiting: Awaitable[None] = asyncio.get_running_loop().create_future()
    await waiting


def _lost(instance: Instance, task: int) -> BaseException:
    return AttemptLost(f"The engine that ran {instance.plan.ids[task]!r} is gone.")
