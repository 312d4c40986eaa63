"""State that outlives its engine: a second one goes on where the first was closed."""

from __future__ import annotations

import asyncio
import tempfile

from quarterdeck.core.workflows import (
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    WorkflowOrchestrator,
)


async def main() -> list[str]:
    """The tasks in the order in which they were carried out, by both engines."""
    done: list[str] = []

    async def work(context: TaskExecutionContext) -> None:
        await asyncio.sleep(0)
        done.append(context.task_def.task_id)

    steps = [f"step-{at}" for at in range(4)]
    tasks = [
        TaskDefinition(name, "ann", "worker", dependencies=steps[at - 1 : at] if at else [])
        for at, name in enumerate(steps)
    ]
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite://{folder}/workflows.db"
        async with StateManager(url) as states, WorkflowOrchestrator(states) as first:
            first.register_executor("worker", work)
            workflow_id = await first.create_workflow(tasks)
            await first.start_workflow(workflow_id)
            await first.pause_workflow(workflow_id)
        async with StateManager(url) as states, WorkflowOrchestrator(states) as second:
            second.register_executor("worker", work)
            await second.execute_workflow(workflow_id)
    return done


if __name__ == "__main__":
    print(" ".join(asyncio.run(main())))
