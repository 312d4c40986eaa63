"""Dask distributed in one process: nothing is kept; after a kill all of it is run again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster
from shapes import STEPS, Needs, main, step


def noop(*_: Any) -> None:
    return None


def cluster() -> LocalCluster:
    return LocalCluster(n_workers=1, threads_per_worker=10, processes=False, dashboard_address=None)


def speed(given: list[Needs], _: Path) -> float:
    with cluster() as here, Client(here) as client:
        started = time.perf_counter()
        last = []
        for needs in given:
            futures: dict[str, Any] = {}
            for name, wanted in needs.items():
                futures[name] = client.submit(noop, *(futures[one] for one in wanted), pure=False)
            last += futures.values()
        client.gather(last)
        return time.perf_counter() - started


def crash(directory: Path) -> None:
    with cluster() as here, Client(here) as client:
        future: Any = None
        for name in STEPS:
            future = client.submit(lambda name, _: step(str(directory), name), name, future)
        future.result()


if __name__ == "__main__":
    main(speed, crash)
