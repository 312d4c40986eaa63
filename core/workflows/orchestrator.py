"""The durable orchestrator: workflows that go on where they stood, whatever ended."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import CancelledError
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from ..base.errors import QuarterdeckError
from ..base.listed import listed
from ..base.undisturbed import undisturbed
from .definition import TaskDefinition, WorkflowDefinition
from .driving import Driving
from .durable_driver import DurableDriver
from .encoding import settled, value_text
from .faults import ExecutorMissing, OrchestrationError, WorkflowUnderWay
from .handoff import HandoffContext
from .instance import CONTEXT, Instance
from .machine import Run
from .made import Made
from .plan import compile_plan
from .records import SignalRecord, TaskRecord, WorkflowRecord
from .states import WorkflowState
from .statuses import ENDED, TaskStatus, WorkflowStatus
from .turns import Ended

RECOVERED_AT_ONCE = 1000
_UNFINISHED = frozenset({WorkflowStatus.RUNNING})
_PENDING = WorkflowStatus.PENDING
_WAITING = frozenset({_PENDING, WorkflowStatus.PAUSED})


class WorkflowOrchestrator(Driving):
    """Runs workflows durably: a start is on disk before its attempt begins, an end before it counts.

    At most ``max_parallel_tasks`` attempts run at once, of all workflows together; those of slotless
    tasks don't count. ``default_retry_policy`` holds for workflows and tasks without one (``None``:
    one attempt). The state manager must be initialized, and stays its owner's. ``engine_id`` names
    this engine in leases; one that is given again takes its former leases over.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

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
        definition = settled(definition)
        plan = compile_plan(definition)
        self._check_executors(definition.tasks)
        record = await self._states.create_record(
            definition,
            workflow_id=workflow_id,
            inputs=inputs,
            variables=variables,
            metadata=told,
            parent=parent,
        )
        self._made.keep(Made(record, definition, plan))
        return record.id

    async def execute_workflow(self, workflow_id: str) -> WorkflowState:
        """Run an instance to its end, or go on with it; how it stands then.

        Cancelling the call cancels the workflow, and waits until its tasks have ended.

        :raises OrchestrationError: if it failed; the message names the critical tasks.
        :raises WorkflowBusy: if another engine drives it.
        """
        await self.start_workflow(workflow_id)
        instance = self._instances.get(workflow_id)
        try:
            await self.wait(workflow_id)
        except CancelledError:
            await self._cancel_and_wait(workflow_id)
            raise
        return await self._ended_state(workflow_id, instance)

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
        elif instance.record.status in ENDED:
            # on disk; one that ends by being taken up goes on to it
            await self._let_go(instance)
            raise OrchestrationError(
                f"Workflow {workflow_id} is {run.status}; retry it, or rerun it from a task.",
                workflow_id=workflow_id,
            )
        self._changed()

    async def carry_on(self, workflow_id: str) -> None:
        """Drive an instance from here, as it stands: one that is paused waits, one that has ended is left.

        :raises WorkflowUnknown: if it is not kept.
        :raises WorkflowBusy: if another engine drives it.
        """
        instance = await self._open(workflow_id)
        if instance.run.status is WorkflowStatus.PENDING:
            self._machine.start(instance.run, self._now())
        self._changed()
        await self._let_go_ended(instance)

    async def wait(self, workflow_id: str) -> None:
        """Wait until an instance that this engine drives has ended.

        :raises QuarterdeckError: if it can't be driven on from here: its lease or its store is gone.
        """
        instance = self._instances.get(workflow_id)
        if instance is not None:
            await asyncio.shield(instance.done)

    async def recover(self, *, former: Collection[str] = ()) -> list[str]:
        """Take up what former engines left running, paused or not; the ids.

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
            with undisturbed():
                await self._take_up(record, await self._store.tasks(record.id))
        if former:
            found += await self._take_up_paused(former)
        self._changed()
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

    async def cancel_workflow(self, workflow_id: str, *, wait: bool = True) -> WorkflowState:
        """Stop what runs, cancel the rest, run final tasks; a second time cancels those too.

        Returns when the workflow has ended; without ``wait`` as soon as it is decided.
        """
        await self._steer(workflow_id, self._machine.cancel)
        if wait:
            await self.wait(workflow_id)
        return await self.get_workflow_status(workflow_id)

    async def delete_workflow(self, workflow_id: str) -> None:
        """Remove an instance that has ended, or never began, with all that belongs to it.

        :raises WorkflowUnderWay: if it is to go on; cancel it first.
        :raises WorkflowHeld: if another engine drives it.
        """
        state = await self.get_workflow_status(workflow_id)
        if state.status not in {*ENDED, WorkflowStatus.PENDING}:
            raise WorkflowUnderWay(
                f"Workflow {workflow_id} is {state.status}; cancel it before you delete it.",
                workflow_id=workflow_id,
            )
        async with self._alone_with(workflow_id):
            instance = self._instances.get(workflow_id)
            if instance is not None:
                await self._let_go(instance)
            await self._released()
            await self._states.delete_workflow(workflow_id)

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
        async with self._alone_with(workflow_id):
            held = await self._set_down(self._instances.get(workflow_id))
            await self._released()
            try:
                state = await self._rolled_back(workflow_id, version)
            except QuarterdeckError:
                if held is not None:
                    (await self._load(workflow_id)).done = held.done
                raise
        if held is not None and not held.done.done():
            held.done.set_result(None)
        return state

    async def _rolled_back(self, workflow_id: str, version: int) -> WorkflowState:
        """Restore a version, under a lease so that no engine takes the instance meanwhile."""
        if workflow_id in self._instances:  # busy: that is said
            return await self._states.rollback_workflow(workflow_id, version)
        lease = await self._store.take(
            workflow_id, self.engine_id, until=self._leases.until(), now=self._clock.now()
        )
        try:
            return await self._states.rollback_workflow(workflow_id, version, guard=lease)
        finally:
            if lease is not None:
                await self._store.release([(workflow_id, lease)])

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
        text = value_text(value, f"The signal {name!r}")
        instance = await self._open(workflow_id)
        try:
            known = await self._store.signals(workflow_id)
            if any(one.name == name and one.key == (key or name) for one in known):
                return False
            record = SignalRecord(workflow_id, name, key or name, self._clock.now(), text)
            instance.signals.setdefault(name, text)
            self._here().keep_signal(instance.run, record)
            return self._deliver(instance, name)
        finally:
            await self._let_go_ended(instance)

    async def close(self) -> None:
        """Let go of what can be adopted, end what else runs, give the leases back.

        An attempt whose child is kept goes on by itself, and the next engine adopts it; any other
        is ended, and begun again then.
        """
        self.closing = True
        if self._driver is not None:
            await self._close(self._driver)
        closers, self._closers = self._closers, []
        for closer in closers:
            await closer()

    async def _close(self, driver: DurableDriver) -> None:
        driver.closing = True
        for instance in list(self._instances.values()):
            left = self._adoptable(instance)
            driver.leave(instance, left)
            self._machine.interrupt(instance.run, but=left)
        driver.changed()
        await driver.rest()
        await driver.left()
        for instance in list(self._instances.values()):
            await self._let_go(instance)
        await self._released()
        self._threads.close()
        self._driver = None

    # ---- inside ----------------------------------------------------------------------------

    def _adoptable(self, instance: Instance) -> set[int]:
        """The running tasks whose attempts the next engine can carry on."""
        return {
            task
            for task in instance.children
            if instance.run.tasks[task] is TaskStatus.RUNNING
            and task not in instance.run.stopping
            and self._runs.executors[instance.tasks[task].agent_type].adopt is not None
        }

    async def _released(self) -> None:
        """Wait until the leases of what has just ended are given back."""
        if self._releasing:
            await asyncio.wait(self._releasing)

    async def _take_up(self, record: WorkflowRecord, rows: Sequence[TaskRecord]) -> None:
        assert record.lease is not None  # noqa: S101  # that is what was asked for
        self._take_in(record, rows, record.lease, await self._store.signals(record.id))

    async def _take_up_paused(self, former: Collection[str]) -> list[WorkflowRecord]:
        """Take up what is paused with tasks that run on; give back what waits for a person."""
        found = await self._store.lease(
            self.engine_id,
            until=self._leases.until(),
            now=self._clock.now(),
            statuses=_WAITING,
            limit=RECOVERED_AT_ONCE,
            former=former,
        )
        taken: list[WorkflowRecord] = []
        for record in found:
            rows = [] if record.status is _PENDING else await self._store.tasks(record.id)
            if any(row.status is TaskStatus.RUNNING for row in rows):
                await self._take_up(record, rows)
                taken.append(record)
        waiting = [one for one in found if one.id not in self._instances]
        await self._store.release([(one.id, one.lease) for one in waiting if one.lease is not None])
        return taken

    def _check_executors(self, tasks: Sequence[TaskDefinition]) -> None:
        missing = [task for task in tasks if task.agent_type not in self._runs.executors]
        if missing:
            by_type: dict[str, list[str]] = {}
            for task in missing:
                by_type.setdefault(task.agent_type, []).append(task.task_id)
            told = [f"{kind!r} (tasks {listed(names)})" for kind, names in by_type.items()]
            raise ExecutorMissing(f"No executor is registered for {listed(told)}.")
        for task in tasks:
            self._checks[task.agent_type](task)

    async def _steer(self, workflow_id: str, wish: Callable[[Run, float], Any]) -> None:
        instance = await self._open(workflow_id)
        try:
            wish(instance.run, self._now())
        finally:
            self._changed()
            await self._let_go_ended(instance)
        await self._on_disk()

    async def _let_go_ended(self, instance: Instance) -> None:
        """Let go of one that was opened though it has ended; not of one that is just ending."""
        if instance.record.status in ENDED and instance.run.status in ENDED:
            await self._let_go(instance)

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

    async def _cancel_and_wait(self, workflow_id: str) -> None:
        instance = self._instances.get(workflow_id)
        if instance is None or instance.run.status in ENDED:
            return
        self._machine.cancel(instance.run, self._now())
        self._changed()
        while not instance.done.done():
            with contextlib.suppress(CancelledError):
                await asyncio.shield(instance.done)

    async def _ended_state(self, workflow_id: str, instance: Instance | None) -> WorkflowState:
        """How it stands: what this engine has written last, if nobody else has changed anything."""
        if instance is None or instance.shared or instance.run.status not in ENDED:
            state = await self._states.get_workflow(workflow_id)
        else:
            state = instance.state()
        if state.status is WorkflowStatus.FAILED:
            raise OrchestrationError(
                state.error or f"Workflow {workflow_id} failed.", workflow_id=workflow_id
            )
        return state
