"""Back ends: what it costs to have an attempt run somewhere, from its submission to its forgotten end.

    python -m bench.executors

Each figure of the cluster (a scheduler and two workers on loopback, each a process) stands beside that of the
local back end in the same run, in turns; both start a keeper and the program ``true`` for each attempt.
What the cluster adds are the calls to its scheduler and worker.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench._rows import row
from distributed import LocalCluster

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.workflows.backends.ports import Backend, Leaf, LeafStarted
from quarterdeck.core.workflows.backends.registry import backend_for

ROUNDS = 5
LONE = 10
CROWD = 40
PLACES = 8


async def attempt(backend: Backend) -> float:
    """One attempt to its end; the seconds until it was told to have started."""
    leaf = Leaf(new_id(), "t", 1, 1, ("true",), "/")
    place = backend.place_of(leaf)
    begun = time.perf_counter()
    until_start = 0.0
    await backend.submit(leaf, place)
    async for event in backend.events(place):
        if isinstance(event, LeafStarted):
            until_start = time.perf_counter() - begun
    await backend.forget(place)
    return until_start


async def lone(backend: Backend) -> tuple[float, float]:
    """Milliseconds until the start, and in all, one attempt after another."""
    begun = time.perf_counter()
    starts = [await attempt(backend) for _ in range(LONE)]
    return median(starts) * 1000, (time.perf_counter() - begun) / LONE * 1000


async def crowd(backend: Backend) -> float:
    """Milliseconds for each of many, as many at once as the cluster has places."""
    gate = asyncio.Semaphore(PLACES)

    async def one() -> None:
        async with gate:
            await attempt(backend)

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CROWD)))
    return (time.perf_counter() - begun) / CROWD * 1000


@asynccontextmanager
async def opened(url: str, folder: str) -> AsyncIterator[Backend]:
    """A back end, open."""
    backend = backend_for(url, state_dir=Path(folder))
    await backend.open()
    try:
        yield backend
    finally:
        await backend.close()


async def measured(folder: str) -> list[dict[str, Any]]:
    """All figures."""
    given: dict[str, Any] = {
        "threads_per_worker": PLACES // 2,
        "processes": True,
        "asynchronous": True,
    }
    async with LocalCluster(n_workers=2, dashboard_address=None, **given) as cluster:
        url = cluster.scheduler_address.replace("tcp://", "dask://")
        async with opened(url, folder) as dask, opened("local", folder) as local:
            for backend in (dask, local):
                await attempt(backend)
            figures = [
                (*await lone(dask), *await lone(local), await crowd(dask), await crowd(local))
                for _ in range(ROUNDS)
            ]
    starts, whole, local_starts, local_whole, many, local_many = zip(*figures, strict=True)
    return [
        compared("Dask: from submission to start", starts, local_starts),
        compared("Dask: an attempt of `true`, alone", whole, local_whole),
        compared(f"Dask: an attempt of `true`, {PLACES} at once", many, local_many),
    ]


def compared(name: str, ours: tuple[float, ...], local: tuple[float, ...]) -> dict[str, Any]:
    """A row beside the local back end's."""
    ratio = median(one / other for one, other in zip(ours, local, strict=True))
    return row(name, median(ours), "ms", reference=median(local), ratio=ratio)


def rows() -> list[dict[str, Any]]:
    """The rows of this suite."""
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as folder:
        return asyncio.run(measured(folder))


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
