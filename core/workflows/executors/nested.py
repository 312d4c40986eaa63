"""``workflow``: another one, as a child instance. ``foreach``: a task for each item."""

from __future__ import annotations

import asyncio
import json
from asyncio import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...base.errors import QuarterdeckError
from ...base.ids import new_id
from ..context import FanOut, TaskExecutionContext
from ..definition import TaskDefinition
from ..encoding import task_of
from ..files.executing import fan_out
from ..files.loading import load_workflow
from ..state_faults import WorkflowUnknown
from ..states import WorkflowState
from ..statuses import ENDED, TaskStatus, WorkflowStatus
from .approve import AHEAD
from .attempt import Attempt, attempt_with
from .children import Child, ChildKind, kept_child
from .desk import Desk, named
from .faults import NestedFailed
from .unbroken import unbroken


class NestedExecutor:
    """Runs other workflows, each as an instance of its own that knows whose part it is."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def execute(self, context: TaskExecutionContext) -> Any:
        """The results of the other workflow's tasks, by their names."""

        async def work(attempt: Attempt) -> Any:
            child = Child(ChildKind.WORKFLOW, context.attempt, new_id())
            return await self._see_through(attempt, child)

        return await attempt_with(self._desk, context, work)

    async def adopt(self, context: TaskExecutionContext) -> Any:
        """The same, of one that a former engine began."""
        child = kept_child(context, ChildKind.WORKFLOW)

        async def work(attempt: Attempt) -> Any:
            return await self._see_through(attempt, child)

        return await attempt_with(self._desk, context, work, child)

    async def _see_through(self, attempt: Attempt, child: Child) -> Any:
        attempt.taken_up = True
        if attempt.context.child != child.text:
            await attempt.context.keep_child(child.text)
        try:
            state = await self._ended(attempt, child.place)
        except CancelledError:
            if attempt.wanted_on:
                await self._cancel(child.place)
            raise
        return await attempt.finish(workflow_results(state))

    async def _ended(self, attempt: Attempt, workflow_id: str) -> WorkflowState:
        """How it stands when it has ended; rolled back meanwhile, it goes on to that."""
        while True:
            await self._begin(attempt, workflow_id)
            await self._desk.orchestrator.wait(workflow_id)
            state = await self._desk.orchestrator.get_workflow_status(workflow_id)
            if state.status in ENDED:
                return state

    async def _begin(self, attempt: Attempt, workflow_id: str) -> None:
        """Create it if it is not kept yet, and let it run."""
        orchestrator = self._desk.orchestrator
        try:
            await orchestrator.carry_on(workflow_id)
        except WorkflowUnknown:
            await unbroken(self._create(attempt, workflow_id))
            await orchestrator.carry_on(workflow_id)

    async def _create(self, attempt: Attempt, workflow_id: str) -> None:
        given = attempt.rendered("inputs")
        directory = Path(named(attempt.task).get("directory") or Path.cwd())
        definition = await asyncio.to_thread(
            load_workflow,
            attempt.task.metadata["file"],
            given.get("inputs", {}),
            directory=directory,
            clock=self._desk.surroundings.clock,
        )
        above = await self._desk.store.workflow(attempt.context.workflow_id)
        await self._desk.orchestrator.create_workflow(
            definition,
            workflow_id=workflow_id,
            name=definition.name,
            inputs=definition.metadata["inputs"],
            metadata=_handed_down(above.metadata if above is not None else "{}"),
            parent=attempt.context.idempotency_key,
            workflow_context=attempt.context.workflow_context,
        )

    async def _cancel(self, workflow_id: str) -> None:
        """Cancel it, and wait until all of it has ended; one that has, or never began, is left."""
        orchestrator = self._desk.orchestrator
        with suppress(QuarterdeckError):
            if (await orchestrator.get_workflow_status(workflow_id)).status not in ENDED:
                await orchestrator.cancel_workflow(workflow_id)


def _handed_down(metadata: str) -> dict[str, Any]:
    """What a nested instance has of the one above: answers that were given ahead."""
    found: dict[str, Any] = json.loads(metadata)
    return {AHEAD: found[AHEAD]} if AHEAD in found else {}


def workflow_results(state: WorkflowState) -> dict[str, Any]:
    """What the tasks of a workflow gave, by their names.

    :raises NestedFailed: if it did not complete.
    """
    if state.status is not WorkflowStatus.COMPLETED:
        raise NestedFailed(
            f"The workflow {state.name} ({state.workflow_id}) is {state.status}"
            + (f": {state.error}" if state.error else "."),
            workflow_id=state.workflow_id,
        )
    return {
        name: task.result
        for name, task in state.tasks.items()
        if task.status is TaskStatus.COMPLETED and "[" not in name
    }


class ForeachExecutor:
    """Makes a task for each item; it ends when they have."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def check(self, task: TaskDefinition) -> None:
        """Nothing, if what each item runs can be run."""
        self._desk.orchestrator.check_task(task_of(task.metadata["each"]))

    async def execute(self, context: TaskExecutionContext) -> FanOut:
        """The children."""
        found: FanOut = await attempt_with(self._desk, context, self._expand)
        return found

    @staticmethod
    async def _expand(attempt: Attempt) -> FanOut:
        found = fan_out(attempt.task, attempt.scope)
        loops = [(one.metadata["loop"], one.metadata.get("item", "item")) for one in found.children]
        attempt.given.add({"items": [loop[name] for loop, name in loops]})
        return found
