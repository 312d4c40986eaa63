"""taskiq with its in-memory broker: nothing is kept; after a kill all of it is run again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from shapes import STEPS, Needs, main, step
from taskiq import InMemoryBroker

broker = InMemoryBroker(await_inplace=False)


@broker.task
async def noop() -> None:
    return None


@broker.task
async def one_step(directory: str, name: str) -> str:
    return await asyncio.to_thread(step, directory, name)


async def _graph(needs: Needs) -> None:
    """The library has no dependencies: whoever submits waits for what a task needs."""
    ended: dict[str, asyncio.Task[Any]] = {}

    async def one(wanted: list[str]) -> None:
        for name in wanted:
            await ended[name]
        await (await noop.kiq()).wait_result(check_interval=0.001)

    for name, wanted in needs.items():
        ended[name] = asyncio.create_task(one(wanted))
    await asyncio.gather(*ended.values())


async def _speed(given: list[Needs]) -> float:
    await broker.startup()
    started = time.perf_counter()
    await asyncio.gather(*(_graph(needs) for needs in given))
    return time.perf_counter() - started


async def _crash(directory: Path) -> None:
    await broker.startup()
    for name in STEPS:
        await (await one_step.kiq(str(directory), name)).wait_result(check_interval=0.001)


if __name__ == "__main__":
    main(lambda given, _: asyncio.run(_speed(given)), lambda place: asyncio.run(_crash(place)))
