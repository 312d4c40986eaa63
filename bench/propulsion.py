"""Propulsion: what one hop costs, beside ``asyncio.PriorityQueue`` with ten workers.

    python -m bench propulsion

50 000 payloads through three stages with at most 1 000 in flight, five priorities, no-op handlers;
the reference puts the same payloads into a queue for each hop. Order, stalls and memory follow, and
the same work kept in SQLite, safe against ``kill -9``. What only computes is measured in CPU time, what waits for
the disk by the clock.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.propulsion import PropulsionEngine, PropulsionPayload, PropulsionPriority
from quarterdeck.state.sqlite.store import SqliteStore

from ._rows import interleaved, row

COUNT = 50_000
STAGES = ("one", "two", "three")
IN_FLIGHT = 1_000
KEPT = 20_000


def payloads(count_: int) -> list[PropulsionPayload]:
    return [PropulsionPayload(at, PropulsionPriority(at % 5)) for at in range(count_)]


async def ours(
    count_: int,
    noticed: dict[int, list[float]] | None = None,
    prepared: Callable[[], None] = lambda: None,
) -> float:
    """Seconds for all payloads; ``noticed`` takes the latencies by priority."""
    engine = PropulsionEngine()
    left, done, room = count_, asyncio.Event(), asyncio.Semaphore(IN_FLIGHT)
    begun: dict[int, float] = {}

    async def one(payload: PropulsionPayload) -> None:
        await engine.submit("two", payload)

    async def two(payload: PropulsionPayload) -> None:
        await engine.submit("three", payload)

    async def three(payload: PropulsionPayload) -> None:
        nonlocal left
        if noticed is not None:
            noticed[payload.priority].append(time.process_time() - begun.pop(payload.data))
        room.release()
        left -= 1
        if not left:
            done.set()

    for event, handler in zip(STAGES, (one, two, three), strict=True):
        engine.register_handler(event, handler)
    todo = payloads(count_)
    gc.collect()
    prepared()
    started = time.process_time()
    for at, payload in enumerate(todo):
        await room.acquire()
        if not at % 16:
            await asyncio.sleep(0)  # whoever submits has other things to do
        if noticed is not None:
            begun[payload.data] = time.process_time()
        await engine.submit("one", payload)
    await done.wait()
    return time.process_time() - started


async def reference(count_: int) -> float:
    """The same with a queue and ten workers."""
    queue: asyncio.PriorityQueue[tuple[int, int, str, PropulsionPayload]] = asyncio.PriorityQueue()
    left, done, room, numbers = count_, asyncio.Event(), asyncio.Semaphore(IN_FLIGHT), count()

    async def one(payload: PropulsionPayload) -> None:
        await queue.put((payload.priority, next(numbers), "two", payload))

    async def two(payload: PropulsionPayload) -> None:
        await queue.put((payload.priority, next(numbers), "three", payload))

    async def three(_: PropulsionPayload) -> None:
        nonlocal left
        room.release()
        left -= 1
        if not left:
            done.set()

    handlers = dict(zip(STAGES, (one, two, three), strict=True))

    async def worker() -> None:
        while True:
            _, _, event, payload = await queue.get()
            await handlers[event](payload)

    workers = [asyncio.create_task(worker()) for _ in range(10)]
    todo = payloads(count_)
    gc.collect()
    started = time.process_time()
    for at, payload in enumerate(todo):
        await room.acquire()
        if not at % 16:
            await asyncio.sleep(0)
        await queue.put((payload.priority, next(numbers), "one", payload))
    await done.wait()
    taken = time.process_time() - started
    for one_ in workers:
        one_.cancel()
    return taken


def hop_row() -> dict[str, Any]:
    mine, other, ratio = interleaved(
        lambda: asyncio.run(ours(COUNT)), lambda: asyncio.run(reference(COUNT))
    )
    per_hop = 1e6 / COUNT / len(STAGES)
    return row(
        "propulsion, 50 000 payloads, 3 stages", mine * per_hop, "us per hop",
        reference=other * per_hop, ratio=ratio, must=1.5, goal=0.8,
    )  # fmt: skip


def order_row() -> dict[str, Any]:
    ratios = []
    for _ in range(5):
        noticed: dict[int, list[float]] = {priority: [] for priority in PropulsionPriority}
        asyncio.run(ours(COUNT // 5, noticed))
        p99 = {priority: quantiles(found, n=100)[98] for priority, found in noticed.items()}
        ratios.append(p99[PropulsionPriority.CRITICAL] / p99[PropulsionPriority.BACKGROUND])
    return row(
        "its order: CRITICAL p99 to BACKGROUND p99",
        None,
        "",
        ratio=median(ratios),
        must=0.6,
        goal=0.4,
    )


async def _stall() -> float:
    longest, last = 0.0, time.process_time()

    async def watch() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0)
            now = time.process_time()
            longest, last = max(longest, now - last), now

    def reset() -> None:
        nonlocal longest, last
        longest, last = 0.0, time.process_time()

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    gc.disable()
    await ours(COUNT // 5, prepared=reset)
    gc.enable()
    watcher.cancel()
    return longest * 1000


def stall_row() -> dict[str, Any]:
    found = median(asyncio.run(_stall()) for _ in range(5))
    return row("its longest stall of the loop (no garbage collection)", found, "ms", must=5, goal=2)


def memory_row() -> dict[str, Any]:
    """Memory held after the run, results included."""

    def after(count_: int) -> float:
        gc.collect()
        tracemalloc.start()
        engine = PropulsionEngine()

        async def nothing(_: PropulsionPayload) -> None:
            return None

        engine.register_handler("one", nothing)

        async def main() -> float:
            for at in range(count_):
                await engine.submit("one", PropulsionPayload(at))
                if at % IN_FLIGHT == 0:
                    await engine.drain()
            await engine.drain()
            return tracemalloc.get_traced_memory()[0] / 1e6

        held = asyncio.run(main())
        tracemalloc.stop()
        return held

    small, large = after(COUNT), after(COUNT * 10)
    return row(
        "its memory after 500 000 payloads, to after 50 000", large, "MB", reference=small, must=1.2,
        goal=1.05,
    )  # fmt: skip


async def _kept(path: Path) -> float:
    store = SqliteStore(path, clock=SYSTEM_CLOCK)
    await store.open()
    engine = PropulsionEngine(store=store)
    await engine.recover()

    async def nothing(_: PropulsionPayload) -> None:
        return None

    engine.register_handler("one", nothing)
    room = asyncio.Semaphore(IN_FLIGHT)

    async def submit(payload: PropulsionPayload) -> None:
        await engine.submit("one", payload)
        room.release()

    todo = payloads(KEPT)
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for payload in todo:
            await room.acquire()
            group.create_task(submit(payload))
    await engine.drain()
    taken = time.perf_counter() - started
    await engine.close()
    await store.close()
    return taken


def kept_row() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        taken = median(asyncio.run(_kept(Path(place) / f"{at}.db")) for at in range(5))
    return row(
        "payloads kept in SQLite, entered and completed (kill -9 safe)", KEPT / taken, "a second",
        ratio=KEPT / taken / 10_000, must=1, goal=1, higher=True,
    )  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """All rows of this suite."""
    logging.disable(logging.WARNING)
    return [hop_row(), order_row(), stall_row(), memory_row(), kept_row()]
