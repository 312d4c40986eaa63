"""Going back to a former version, which is a new version itself: history is never rewritten."""

from __future__ import annotations

import asyncio

from quarterdeck.core.workflows import (
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    WorkflowOrchestrator,
)


def work(context: TaskExecutionContext) -> str:
    """The task's name."""
    return context.task_def.task_id


async def main() -> tuple[str, int, str]:
    """How it stood after the rollback, what it was restored from, and how it ended after it."""
    async with StateManager("memory://") as states, WorkflowOrchestrator(states) as orchestrator:
        orchestrator.register_executor("worker", work)
        workflow_id = await orchestrator.create_workflow(
            [
                TaskDefinition("draft", "ann", "worker"),
                TaskDefinition("print", "ann", "worker", dependencies=["draft"]),
            ]
        )
        await orchestrator.execute_workflow(workflow_id)
        history = await states.get_history(workflow_id)
        drafted = next(
            one.version for one in history if (one.task_id, one.status) == ("draft", "completed")
        )
        back = await orchestrator.rollback_workflow(workflow_id, drafted)
        end = await orchestrator.execute_workflow(workflow_id)
        return str(back.status), back.restored_from or 0, str(end.status)


if __name__ == "__main__":
    print(asyncio.run(main()))
