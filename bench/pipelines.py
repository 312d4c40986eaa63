"""Pipelines: payloads through three stages of a file, beside the bare propulsion engine; both on SQLite.

    python -m bench pipelines

2 000 payloads enter, at most 200 under way, each handled by three trusted functions in place, one after
the other, from a file beside the pipeline's: 6 000 payloads with their attempts, results, causes and figures, kept by the engine's own
service (safe against ``kill -9``). The reference submits the same to a propulsion engine that keeps
payloads alone. By the clock and for each second of CPU time; then what a payload that is done leaves in memory.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any, Self

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.pipelines.service import PipelineService
from quarterdeck.core.engine.workflows.service import WorkflowService
from quarterdeck.core.propulsion import PropulsionEngine, PropulsionPayload
from quarterdeck.core.protocol.events import Cause
from quarterdeck.core.protocol.pipeline_commands import LoadPipeline, PropelPayload
from quarterdeck.state.sqlite.store import SqliteStore

from ._rows import row

COUNT = 2_000
STAGES = ("one", "two", "three")
IN_FLIGHT = 200
ROUNDS = 5

FILE = """\
name: bench
events:
  one:
    handlers:
      first: {python: "stages:add", trusted: true, with: {number: "{{ data.number }}"},
              emits: {event: two, data: {number: "{{ result }}"}}}
  two:
    handlers:
      second: {python: "stages:add", trusted: true, with: {number: "{{ data.number }}"},
               emits: {event: three, data: {number: "{{ result }}"}}}
  three:
    handlers:
      third: {python: "stages:last", trusted: true, with: {number: "{{ data.number }}"}}
"""

_ENDED: list[Callable[[], None]] = []
"""What is called when a payload is through its last stage."""


async def add(number: int) -> int:
    return number + 1


async def last(number: int) -> int:
    _ENDED[-1]()
    return number


async def _all(count: int, enter: Callable[[int], Awaitable[object]]) -> None:
    """Enter so many payloads, and wait until each was in its last handler."""
    left, done, room = count, asyncio.Event(), asyncio.Semaphore(IN_FLIGHT)

    def ended() -> None:
        nonlocal left
        room.release()
        left -= 1
        if not left:
            done.set()

    _ENDED.append(ended)
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await room.acquire()
            group.create_task(enter(number))  # type: ignore[arg-type]
        await done.wait()
    _ENDED.pop()


class Piped:
    """The service of an engine with the file loaded."""

    def __init__(self, place: Path) -> None:
        self._place = place

    async def __aenter__(self) -> Self:
        self._store = SqliteStore(self._place / f"{new_id()}.db", clock=SYSTEM_CLOCK)
        await self._store.open()
        journal = Journal(self._store)
        await journal.open()
        self._journal = journal
        self._workflows = WorkflowService(self._store, journal, engine_id="bench")
        self.service = PipelineService(self._store, self._store.kept, journal, self._workflows)
        await self._workflows.load(1)
        await self.service.load()
        file = self._place / "bench.yaml"
        file.write_text(FILE)
        (self._place / "stages.py").write_text("from bench.pipelines import add, last\n")
        await self.service.load_file(LoadPipeline(file=str(file)), Cause(command_id="bench"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.service.close()
        await self._workflows.close()
        await self._journal.settled()
        await self._store.close()

    async def run(self, count: int) -> None:
        async def enter(number: int) -> None:
            wish = PropelPayload(name="bench", event="one", data={"number": number})
            await self.service.propel(wish, new_id(), None)

        await _all(count, enter)
        await self.service.running.settled()


async def _pipeline(place: Path) -> tuple[float, float]:
    """Seconds by the clock, and of CPU time."""
    async with Piped(place) as piped:
        await piped.run(IN_FLIGHT)  # what is loaded with the first payload
        gc.collect()
        started, worked = time.perf_counter(), time.process_time()
        await piped.run(COUNT)
        return time.perf_counter() - started, time.process_time() - worked


async def _reference(place: Path) -> tuple[float, float]:
    store = SqliteStore(place / f"{new_id()}.db", clock=SYSTEM_CLOCK)
    await store.open()
    engine = PropulsionEngine(store=store)
    await engine.recover()

    def passing(following: str) -> Callable[[PropulsionPayload], Awaitable[None]]:
        async def handle(payload: PropulsionPayload) -> None:
            data = {"number": await add(payload.data["number"])}
            await engine.submit(following, PropulsionPayload(data))

        return handle

    async def end(payload: PropulsionPayload) -> None:
        await last(payload.data["number"])

    for event, handler in zip(STAGES, (passing("two"), passing("three"), end), strict=True):
        engine.register_handler(event, handler)

    async def enter(number: int) -> None:
        await engine.submit("one", PropulsionPayload({"number": number}))

    gc.collect()
    started, worked = time.perf_counter(), time.process_time()
    await _all(COUNT, enter)
    await engine.drain()
    taken = time.perf_counter() - started, time.process_time() - worked
    await engine.close()
    await store.close()
    return taken


def speed_rows(place: Path) -> list[dict[str, Any]]:
    rounds = [
        (asyncio.run(_pipeline(place)), asyncio.run(_reference(place))) for _ in range(ROUNDS)
    ]
    found = []
    for at, name in enumerate(("a second", "for each second of CPU time")):
        mine, other = (COUNT / median(one[side][at] for one in rounds) for side in (0, 1))
        found.append(
            row(
                f"pipeline from a file on SQLite, payloads through three stages, {name}",
                mine,
                "/s",
                reference=other,
                higher=True,
                ratio=median(one[1][at] / one[0][at] for one in rounds),
            )
        )
    return found


async def _held(place: Path) -> tuple[float, float]:
    """MB after 1 000 and after 5 000 payloads were entered: the book keeps the latest of them."""
    async with Piped(place) as piped:
        held = []
        tracemalloc.start()
        for count in (COUNT // 2, 2 * COUNT):
            await piped.run(count)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0] / 1e6)
        tracemalloc.stop()
        return held[0], held[1]


def memory_row(place: Path) -> dict[str, Any]:
    small, large = asyncio.run(_held(place))
    return row(
        "its memory after 5 000 payloads entered, to after 1 000", large, "MB", reference=small
    )


def rows() -> list[dict[str, Any]]:
    """All rows of this suite."""
    logging.disable(logging.WARNING)
    sys.modules.setdefault("bench.pipelines", sys.modules[__name__])
    with tempfile.TemporaryDirectory() as place:
        return [*speed_rows(Path(place)), memory_row(Path(place))]
