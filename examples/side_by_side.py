"""Independent tasks at the same time, at most two at once, and one that waits for all of them."""

from __future__ import annotations

import asyncio

from quarterdeck.core.workflows import (
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    WorkflowOrchestrator,
)


async def main() -> int:
    """The most tasks that ever ran at once."""
    running = most = 0

    async def work(_: TaskExecutionContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    tasks = [TaskDefinition(f"part-{at}", "ann", "worker") for at in range(6)]
    names = [task.task_id for task in tasks]
    tasks.append(TaskDefinition("join", "ann", "worker", dependencies=names))
    async with (
        StateManager("memory://") as states,
        WorkflowOrchestrator(states, max_parallel_tasks=2) as orchestrator,
    ):
        orchestrator.register_executor("worker", work)
        await orchestrator.execute_workflow(await orchestrator.create_workflow(tasks))
    return most


if __name__ == "__main__":
    print(asyncio.run(main()), "at once")
