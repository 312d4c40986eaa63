"""Tasks that need several others: each begins the moment the last of what it needs has ended."""

from __future__ import annotations

import asyncio

from quarterdeck.core.workflows import (
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    WorkflowOrchestrator,
)

NEEDS = {
    "plan": [],
    "backend": ["plan"],
    "frontend": ["plan"],
    "schema": ["plan"],
    "migrate": ["schema", "backend"],
    "test": ["backend", "frontend"],
    "release": ["migrate", "test"],
}


async def main() -> list[str]:
    """The tasks in the order in which they began."""
    begun: list[str] = []

    def work(context: TaskExecutionContext) -> None:
        begun.append(context.task_def.task_id)

    tasks = [
        TaskDefinition(name, "ann", "worker", dependencies=needs) for name, needs in NEEDS.items()
    ]
    async with StateManager("memory://") as states, WorkflowOrchestrator(states) as orchestrator:
        orchestrator.register_executor("worker", work)
        await orchestrator.execute_workflow(await orchestrator.create_workflow(tasks))
    return begun


if __name__ == "__main__":
    print(" ".join(asyncio.run(main())))
