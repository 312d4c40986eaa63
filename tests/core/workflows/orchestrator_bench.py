"""Executors and words for the tests of the orchestrator."""

from __future__ import annotations

import asyncio
from typing import Any

from quarterdeck.core.workflows import (
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    TaskStatus,
    WorkflowStatus,
)

Context = TaskExecutionContext
S, W = TaskStatus, WorkflowStatus


def task(task_id: str, *needs: str, kind: str = "x", **rules: Any) -> TaskDefinition:
    return TaskDefinition(task_id, f"agent-{task_id}", kind, needs, **rules)


class Gate:
    """An executor that waits until it is let go, and counts."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, context: Context) -> str:
        self.begun.append(context.task_def.task_id)
        self.arrived.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.append(context.task_def.task_id)
            raise
        return "through"


async def reached(states: StateManager, workflow_id: str, task_id: str, status: TaskStatus) -> None:
    """Wait until a task stands so on disk."""
    for _ in range(10_000):
        if (await states.get_workflow(workflow_id)).tasks[task_id].status is status:
            return
        await asyncio.sleep(0)
    msg = f"{task_id} was never {status}"
    raise AssertionError(msg)


async def echo(context: Context) -> dict[str, Any]:
    return {"of": context.idempotency_key}
