"""What agents answered in earlier attempts of a handler that asks several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...base.errors import QuarterdeckError
from ...pipelines.ports import Order
from ...workflows.definition import TaskDefinition
from ...workflows.encoding import definition_of
from ...workflows.statuses import TaskStatus, WorkflowStatus
from ..workflows.service import WorkflowService


class EarlierAnswers:
    """Read from the workflows that were those attempts."""

    def __init__(self, workflows: WorkflowService) -> None:
        self._workflows = workflows

    async def given(self, order: Order, task: TaskDefinition) -> dict[str, Any]:
        """The answers by agent. None where all had answered, and the answers were no good.

        Nor if the agents were asked something else, since the pipeline was loaded anew.
        """
        found: dict[str, Any] = {}
        for attempt in order.entry.attempts:
            is_earlier = attempt.number < order.attempt.number
            if attempt.handler != order.handler.name or not is_earlier:
                continue
            answers = await self._answers(attempt.workflow_id, task)
            found = {} if answers is None else {**found, **answers}
        return found

    async def _answers(
        self, workflow_id: str | None, task: TaskDefinition
    ) -> Mapping[str, Any] | None:
        """What one attempt's agents gave; ``None`` if nothing of it is of use."""
        if workflow_id is None:
            return {}
        try:
            state = await self._workflows.orchestrator.get_workflow_status(workflow_id)
            record = await self._workflows.states.store.workflow(workflow_id)
        except QuarterdeckError:  # it is gone, or never began
            return {}
        if record is None or state.status is WorkflowStatus.COMPLETED:
            return None
        asked = definition_of(record.definition).tasks[0]
        if _question(asked) != _question(task):
            return None
        return {
            one.agent_id: one.result
            for one in state.tasks.values()
            if one.task_id != task.task_id and one.status is TaskStatus.COMPLETED
        }


def only(task: TaskDefinition, agents: Sequence[str]) -> TaskDefinition:
    """The task that asks these of its agents."""
    every = {**task.metadata["foreach"], "items": list(agents), "max": len(agents)}
    return replace(task, metadata={**task.metadata, "agents": list(agents), "foreach": every})


def _question(task: TaskDefinition) -> list[Any]:
    """What is asked, and in which form the answer is wanted."""
    metadata = task.metadata.get("each", {}).get("metadata", {})
    return [metadata.get(key) for key in ("prompt", "mode", "outputs", "cwd", "env")]
