"""What a failure does: what needs it is skipped, other branches end, and a retry goes on from there."""

from __future__ import annotations

import asyncio

from quarterdeck.core.workflows import (
    OrchestrationError,
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    WorkflowOrchestrator,
)


async def main() -> tuple[dict[str, str], dict[str, str]]:
    """How the tasks stood after the failure, and after the retry."""
    broken = True

    def work(context: TaskExecutionContext) -> None:
        if broken and context.task_def.task_id == "build":
            raise RuntimeError("the compiler is missing")

    tasks = [
        TaskDefinition("build", "ann", "worker"),
        TaskDefinition("publish", "ann", "worker", dependencies=["build"]),
        TaskDefinition("lint", "ann", "worker", allow_failure=True),
    ]
    async with StateManager("memory://") as states, WorkflowOrchestrator(states) as orchestrator:
        orchestrator.register_executor("worker", work)
        workflow_id = await orchestrator.create_workflow(tasks)
        try:
            await orchestrator.execute_workflow(workflow_id)
        except OrchestrationError as error:
            print(error)
        failed = await orchestrator.get_workflow_status(workflow_id)
        broken = False
        await orchestrator.retry_workflow(workflow_id)
        await orchestrator.wait(workflow_id)
        retried = await orchestrator.get_workflow_status(workflow_id)
    return (
        {name: str(task.status) for name, task in failed.tasks.items()},
        {name: str(task.status) for name, task in retried.tasks.items()},
    )


if __name__ == "__main__":
    print(*asyncio.run(main()), sep="\n")
