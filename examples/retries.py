"""A task that fails twice, and is tried again after growing pauses."""

from __future__ import annotations

import asyncio

from quarterdeck.core.workflows import (
    RetryPolicy,
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    WorkflowOrchestrator,
)


async def flaky(context: TaskExecutionContext) -> str:
    """Succeed at the third attempt; the key is another one for each."""
    if context.attempt < 3:
        raise ConnectionError(f"attempt {context.idempotency_key} got no answer")
    return f"done at attempt {context.attempt}"


async def main() -> tuple[str, int]:
    """What came of it, and how often it was tried again."""
    policy = RetryPolicy(max_attempts=4, initial_delay=0.01, max_delay=0.1)
    async with StateManager("memory://") as states, WorkflowOrchestrator(states) as orchestrator:
        orchestrator.register_executor("worker", flaky)
        task = TaskDefinition("call", "ann", "worker", retry_policy=policy)
        state = await orchestrator.execute_workflow(await orchestrator.create_workflow([task]))
        return state.tasks["call"].result, state.tasks["call"].retry_count


if __name__ == "__main__":
    print(asyncio.run(main()))
