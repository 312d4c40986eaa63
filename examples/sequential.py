"""One task after the other: each gets the results of those it needs."""

from __future__ import annotations

import asyncio
from typing import Any

from quarterdeck.core.workflows import (
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    WorkflowOrchestrator,
)


async def work(context: TaskExecutionContext) -> list[str]:
    """Add this task's name to what came before."""
    before = [name for one in context.previous_results for name in one["result"]["data"]]
    return [*before, context.task_def.task_id]


async def main() -> Any:
    """Fetch, then clean, then report."""
    async with StateManager("memory://") as states, WorkflowOrchestrator(states) as orchestrator:
        orchestrator.register_executor("worker", work)
        workflow_id = await orchestrator.create_workflow(
            [
                TaskDefinition("fetch", "ann", "worker"),
                TaskDefinition("clean", "ann", "worker", dependencies=["fetch"]),
                TaskDefinition("report", "ann", "worker", dependencies=["clean"]),
            ]
        )
        state = await orchestrator.execute_workflow(workflow_id)
        return state.tasks["report"].result


if __name__ == "__main__":
    print(asyncio.run(main()))
