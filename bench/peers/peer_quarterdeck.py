"""Quarterdeck on SQLite: each start and each end is written before what follows from it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from shapes import STEPS, Needs, main, step

from quarterdeck.core.workflows import StateManager, TaskDefinition, WorkflowOrchestrator

ENGINE = "bench"


async def noop(_: Any) -> None:
    return None


async def _speed(given: list[Needs], directory: Path) -> float:
    url = f"sqlite://{directory / 'workflows.db'}"
    async with StateManager(url) as states, WorkflowOrchestrator(states) as engine:
        engine.register_executor("t", noop)
        ids = [
            await engine.create_workflow(
                [TaskDefinition(name, "a", "t", wanted) for name, wanted in needs.items()]
            )
            for needs in given
        ]
        started = time.perf_counter()
        await asyncio.gather(*(engine.execute_workflow(one) for one in ids))
        return time.perf_counter() - started


async def _crash(directory: Path) -> None:
    async def one_step(context: Any) -> str:
        return await asyncio.to_thread(step, str(directory), context.task_def.task_id)

    url = f"sqlite://{directory / 'workflows.db'}"
    async with (
        StateManager(url) as states,
        WorkflowOrchestrator(states, engine_id=ENGINE) as engine,
    ):
        engine.register_executor("t", one_step)
        for workflow_id in await engine.recover(former=[ENGINE]):
            await engine.wait(workflow_id)
        if not await states.list_workflows():
            tasks = [
                TaskDefinition(name, "a", "t", STEPS[at - 1 : at] if at else [])
                for at, name in enumerate(STEPS)
            ]
            await engine.execute_workflow(await engine.create_workflow(tasks))


if __name__ == "__main__":
    main(
        lambda given, place: asyncio.run(_speed(given, place)),
        lambda place: asyncio.run(_crash(place)),
    )
