"""Doing what handlers say: each attempt is a workflow of one task, whose id follows from the attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...base.calling import Threads, is_async
from ...base.errors import QuarterdeckError
from ...base.retry import RetryPolicy
from ...pipelines.definition import HandlerDefinition, PipelineDefinition
from ...pipelines.entries import Entry
from ...pipelines.faults import HandlerFailed
from ...pipelines.files.executing import ballots, bind, result_of
from ...pipelines.gating import runs_in_place
from ...pipelines.ids import derived_id
from ...pipelines.ports import Order
from ...pipelines.voting import Voting
from ...protocol.pipeline_views import PayloadStatus
from ...workflows.context import TaskExecutionContext
from ...workflows.definition import TaskDefinition, WorkflowDefinition
from ...workflows.executors.faults import NestedFailed
from ...workflows.executors.nested import workflow_results
from ...workflows.executors.results import check_result
from ...workflows.executors.trusted import find_trusted
from ...workflows.files.executing import rendered, scope_of
from ...workflows.states import WorkflowState
from ...workflows.statuses import ENDED, WorkflowStatus
from ..workflows.service import WorkflowService

ONCE = RetryPolicy(1)
"""Retries are propulsion's: each has an attempt, and so a workflow, of its own."""


class HandlerRuns:
    """The ``HandlerRunner`` of an engine: workflows, trusted functions in place, votes."""

    def __init__(self, workflows: WorkflowService, voting: Voting) -> None:
        self._workflows = workflows
        self._voting = voting
        self._threads = Threads(None)

    def place(
        self, pipeline: PipelineDefinition, handler: HandlerDefinition, entry: Entry, number: int
    ) -> str | None:
        """The workflow that does it; ``None`` for a function that is called in place."""
        if runs_in_place(handler):
            return None
        return derived_id(entry.id, pipeline.name, handler.name, number)

    async def run(self, order: Order) -> Any:
        """The handler's result.

        :raises HandlerFailed: if what it runs did not succeed.
        """
        task = _chosen(bind(order.handler, order.names), order)
        workflow_id = order.attempt.workflow_id
        if workflow_id is None:
            return await self._call(order, task)
        if task.agent_type == "workflow":
            raw = await self._nested(order, task, workflow_id)
        else:
            raw = await self._handling(order, task, workflow_id)
        result = result_of(order.handler, raw)
        if order.handler.vote is None:
            return result
        return await self._voting.decide(order, ballots(result))

    async def cancel(self, order: Order) -> None:
        """End its workflow with all that it started, and the vote."""
        self._voting.drop(order)
        workflow_id = order.attempt.workflow_id
        if workflow_id is None:
            return
        orchestrator = self._workflows.orchestrator
        with suppress(QuarterdeckError):  # it never began, or has ended
            if (await orchestrator.get_workflow_status(workflow_id)).status not in ENDED:
                await orchestrator.cancel_workflow(workflow_id)

    def why(self, entry: Entry) -> str:
        """For what the attempts of a running payload wait; empty if one of them works."""
        told = ""
        for attempt in entry.attempts:
            if attempt.status is not PayloadStatus.RUNNING:
                continue
            workflow_id = attempt.workflow_id or ""
            told = self._workflows.orchestrator.why_waiting(workflow_id, attempt.handler)
            if not told:
                return ""
        return told

    def close(self) -> None:
        """Let the threads of functions end."""
        self._threads.close()

    # ---- workflows -----------------------------------------------------------------------------

    async def _handling(self, order: Order, task: TaskDefinition, workflow_id: str) -> Any:
        pipeline, origin = order.pipeline, order.entry.origin
        definition = WorkflowDefinition(
            name=f"{pipeline.name}/{order.handler.name}",
            tasks=(replace(task, priority=origin.priority, dependencies=(), group=None),),
            retry_policy=ONCE,
            metadata={
                "name": pipeline.name,
                "file": pipeline.file,
                "directory": pipeline.directory,
                "inputs": dict(pipeline.inputs),
                "secrets": list(pipeline.secrets),
            },
        )
        parent = f"payload/{origin.id}/{order.handler.name}"
        await self._workflows.begin(definition, workflow_id, parent=parent)
        state = await self._ended(workflow_id)
        return _result(state, task.task_id)

    async def _nested(self, order: Order, task: TaskDefinition, workflow_id: str) -> Any:
        """A workflow from a file, which people see among the others."""
        scope = scope_of(
            TaskExecutionContext(task, workflow_id, inputs=dict(order.pipeline.inputs))
        )
        inputs = rendered(task, scope, "inputs").get("inputs", {})
        file = str(task.metadata["file"])
        directory = order.pipeline.directory
        definition = await self._workflows.load_file(file, inputs, directory)
        parent = f"payload/{order.entry.id}"
        await self._workflows.begin(definition, workflow_id, parent=parent, file=file)
        limit = order.handler.timeout
        try:
            async with asyncio.timeout(limit):
                state = await self._ended(workflow_id)
        except TimeoutError:
            await self._workflows.orchestrator.cancel_workflow(workflow_id)
            raise HandlerFailed(
                f"The workflow {definition.name} took longer than {limit} s."
            ) from None
        try:
            return workflow_results(state)
        except NestedFailed as error:
            raise HandlerFailed(str(error), workflow_id=state.workflow_id) from error

    async def _ended(self, workflow_id: str) -> WorkflowState:
        """The workflow, once it has ended; one that a person paused is waited for."""
        orchestrator = self._workflows.orchestrator
        state = await orchestrator.get_workflow_status(workflow_id)
        if state.status is WorkflowStatus.PAUSED:
            await orchestrator.pause_workflow(workflow_id)  # it is driven from here, and waits
        await orchestrator.wait(workflow_id)
        return await orchestrator.get_workflow_status(workflow_id)

    # ---- functions in place ----------------------------------------------------------------------

    async def _call(self, order: Order, task: TaskDefinition) -> Any:
        limit = order.handler.timeout
        scope = scope_of(TaskExecutionContext(task, "", inputs=dict(order.pipeline.inputs)))
        given = rendered(task, scope, "with").get("with", {})
        pipeline = order.pipeline
        function = find_trusted(task.metadata["function"], _folders(pipeline))
        try:
            async with asyncio.timeout(limit):
                result = await self._value(function, given)
        except TimeoutError:
            told = f"{task.metadata['function']} took longer than {limit} s."
            raise HandlerFailed(told) from None
        check_result(result, task.metadata.get("outputs", {}).get("schema"))
        return result

    async def _value(self, function: Callable[..., Any], given: dict[str, Any]) -> Any:
        if is_async(function):
            return await function(**given)
        return await self._threads.call(lambda: function(**given))


def _folders(pipeline: PipelineDefinition) -> Iterator[Path]:
    """Where functions are looked for that are not installed; made only if one is."""
    yield Path(pipeline.directory)
    yield Path(pipeline.file).parent


def _chosen(task: TaskDefinition, order: Order) -> TaskDefinition:
    """The task with the agent that the payload asks for, where one agent works."""
    wanted = order.entry.origin.agent_affinity
    if wanted is None or task.agent_type != "agent":
        return task
    return replace(task, agent_id=wanted, metadata={**task.metadata, "agent": wanted})


def _result(state: WorkflowState, task_id: str) -> Any:
    """What the one task gave.

    :raises HandlerFailed: with what went wrong.
    """
    task = state.tasks.get(task_id)
    if state.status is WorkflowStatus.COMPLETED and task is not None:
        if task.agent_type == "foreach":
            return [state.tasks[name].result for name in task.result or ()]
        return task.result
    parts = [one for name, one in state.tasks.items() if name != task_id and one.error]
    told = "; ".join(f"{one.agent_id}: {one.error}" for one in parts)
    if not told and task is not None:
        told = task.error or ""
    raise HandlerFailed(
        told or state.error or f"It is {state.status}.", workflow_id=state.workflow_id
    )
