"""Doing what handlers say: each attempt is a workflow of one task, whose id follows from the attempt."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...base.errors import QuarterdeckError
from ...base.retry import RetryPolicy
from ...pipelines.definition import HandlerDefinition, PipelineDefinition
from ...pipelines.entries import Attempt, Entry
from ...pipelines.faults import HandlerFailed, HandlerHopeless
from ...pipelines.files.executing import ballots, bind, result_of
from ...pipelines.gating import runs_in_place
from ...pipelines.ids import derived_id
from ...pipelines.lasting import lasts_by_name
from ...pipelines.ports import Order
from ...pipelines.voting import Voting
from ...workflows.context import TaskExecutionContext
from ...workflows.definition import TaskDefinition, WorkflowDefinition
from ...workflows.executors.faults import NestedFailed
from ...workflows.executors.nested import workflow_results
from ...workflows.faults import WorkflowBusy
from ...workflows.files.executing import rendered, scope_of
from ...workflows.leases import LeaseGone
from ...workflows.states import WorkflowState
from ...workflows.statuses import ENDED, TaskStatus, WorkflowStatus
from ..workflows.service import WorkflowService
from .earlier import EarlierAnswers, only
from .in_place import InPlace
from .places import Places
from .reasons import Reasons

ONCE = RetryPolicy(1)
"""Retries are propulsion's: each has an attempt, and so a workflow, of its own."""


class HandlerRuns:
    """The ``HandlerRunner`` of an engine: workflows, trusted functions in place, votes."""

    def __init__(self, workflows: WorkflowService, voting: Voting) -> None:
        self._workflows = workflows
        self._voting = voting
        self.in_place = InPlace()
        self.reasons = Reasons(workflows, self.in_place, voting)
        self._earlier = EarlierAnswers(workflows)
        self.places = Places(workflows)
        self._under_way: dict[str, str] = {}

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
        handler, entry, number = order.handler, order.entry, order.attempt.number
        place = derived_id(entry.id, order.pipeline.name, handler.name, number)
        self._under_way[place] = entry.id
        try:
            if number > 1:
                await self.places.tidy(order)
            return await self._run(order, _chosen(bind(handler, order.names), order))
        finally:
            self._under_way.pop(place, None)

    async def _run(self, order: Order, task: TaskDefinition) -> Any:
        workflow_id = order.attempt.workflow_id
        if workflow_id is None:
            return await self.in_place.run(order, task)
        if task.agent_type == "workflow":
            raw = await self._nested(order, task, workflow_id)
        elif task.agent_type == "foreach":
            raw = await self._several(order, task, workflow_id)
        else:
            raw = await self._handling(order, task, workflow_id)
        result = result_of(order.handler, raw)
        if order.handler.vote is None:
            return result
        return await self._voting.decide(order, ballots(result))

    async def cancel(self, entry: Entry, handler: str, number: int) -> None:
        """End its workflow with all that it started, and the vote."""
        with suppress(QuarterdeckError):  # the store is away
            await self._voting.drop(entry.id, handler, number)
        workflow_id = derived_id(entry.id, entry.origin.pipeline, handler, number)
        orchestrator = self._workflows.orchestrator
        with suppress(QuarterdeckError):  # it never began, or has ended
            if (await orchestrator.get_workflow_status(workflow_id)).status not in ENDED:
                await orchestrator.cancel_workflow(workflow_id)

    def not_begun(self, entry: Entry, attempt: Attempt) -> str:
        """Why an attempt that was handed over does not work yet; empty if it does."""
        return self.reasons.not_begun(entry, attempt)

    def payload_of(self, place: str) -> str | None:
        """The payload on which something works that is known by this id."""
        return self._under_way.get(place)

    def goes_on(self, entry: Entry) -> bool:
        """Whether something works on it that a former engine began, though its handlers wait."""
        pipeline, orchestrator = entry.origin.pipeline, self._workflows.orchestrator
        return any(
            orchestrator.is_at_work(
                derived_id(entry.id, pipeline, name, entry.attempts_of(name) + 1)
            )
            for name in entry.open_handlers()
        )

    def close(self) -> None:
        """Let the threads of functions end."""
        self.in_place.close()

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
        state = await self._carried_out(definition, workflow_id, parent=parent)
        return _result(state, order.handler)

    async def _several(self, order: Order, task: TaskDefinition, workflow_id: str) -> list[Any]:
        """What each agent gave; those that answered in an earlier attempt are not asked again."""
        agents = [str(one) for one in task.metadata["agents"]]
        given = await self._earlier.given(order, task)
        left = [one for one in agents if one not in given]
        if left:
            given |= await self._handling(order, only(task, left), workflow_id)
        return [given.get(one) for one in agents]

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
        limit = order.handler.timeout
        try:
            async with asyncio.timeout(limit):
                state = await self._carried_out(definition, workflow_id, parent=parent, file=file)
        except TimeoutError:
            with suppress(QuarterdeckError):  # another engine has taken it over
                await self._workflows.orchestrator.cancel_workflow(workflow_id)
            raise HandlerFailed(
                f"The workflow {definition.name} took longer than {limit} s."
            ) from None
        try:
            return workflow_results(state)
        except NestedFailed as error:
            kind = _kind_of_failure(state, order.handler)
            raise kind(error.message, workflow_id=state.workflow_id) from error

    async def _carried_out(
        self, definition: WorkflowDefinition, workflow_id: str, *, parent: str, file: str = ""
    ) -> WorkflowState:
        """The workflow, once it has ended, whichever engine drives it; what a person paused is waited for."""
        orchestrator = self._workflows.orchestrator
        while True:
            try:
                await self._workflows.begin(definition, workflow_id, parent=parent, file=file)
                await orchestrator.wait(workflow_id)
            except (WorkflowBusy, LeaseGone):
                if not self._workflows.neighbours.there:
                    raise
                await self._workflows.neighbours.looked()
                continue
            state = await orchestrator.get_workflow_status(workflow_id)
            if state.status in ENDED:  # else it was rolled back meanwhile
                return state


def _chosen(task: TaskDefinition, order: Order) -> TaskDefinition:
    """The task with the agent that the payload asks for, where one agent works."""
    wanted = order.entry.origin.agent_affinity
    if wanted is None or task.agent_type != "agent":
        return task
    return replace(task, agent_id=wanted, metadata={**task.metadata, "agent": wanted})


def _result(state: WorkflowState, handler: HandlerDefinition) -> Any:
    """What the one task gave; of several agents what each gave.

    :raises HandlerFailed: with what went wrong.
    """
    task = state.tasks.get(handler.task.task_id)
    if state.status is WorkflowStatus.COMPLETED and task is not None:
        if task.agent_type == "foreach":
            answers = (state.tasks[name] for name in task.result or ())
            return {one.agent_id: one.result for one in answers}
        return task.result
    parts = [one for one in state.tasks.values() if one.error and one is not task]
    told = "; ".join(f"{one.agent_id}: {one.error}" for one in parts)
    if not told and task is not None:
        told = task.error or ""
    kind = _kind_of_failure(state, handler)
    raise kind(told or state.error or f"It is {state.status}.", workflow_id=state.workflow_id)


def _kind_of_failure(state: WorkflowState, handler: HandlerDefinition) -> type[HandlerFailed]:
    """Whether another attempt is worth it: not if each task that failed would fail again."""
    failed = [one for one in state.tasks.values() if one.status is TaskStatus.FAILED]
    causes = [one for one in failed if one.agent_type != "foreach" or len(failed) == 1]
    hopeless = all(lasts_by_name(one.error_type, handler) for one in causes)
    return HandlerHopeless if causes and hopeless else HandlerFailed
