"""Prefect 3, its server in the process, on SQLite; results are persisted where a restart needs them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import INPUTS
from shapes import STEPS, Needs, main, step


@task  # type: ignore[untyped-decorator]
def noop() -> None:
    return None


@flow  # type: ignore[untyped-decorator]
def graph(needs: Needs) -> None:
    futures: dict[str, Any] = {}
    for name, wanted in needs.items():
        futures[name] = noop.submit(wait_for=[futures[one] for one in wanted])
    for future in futures.values():
        future.result()


@task(persist_result=True, cache_policy=INPUTS)  # type: ignore[untyped-decorator]
def one_step(directory: str, name: str) -> str:
    return step(directory, name)


@flow  # type: ignore[untyped-decorator]
def steps(directory: str) -> None:
    for name in STEPS:
        one_step(directory, name)


def speed(given: list[Needs], _: Path) -> float:
    graph({"first": []})  # the server is up
    started = time.perf_counter()
    for needs in given:
        graph(needs)
    return time.perf_counter() - started


def crash(directory: Path) -> None:
    steps(str(directory))


if __name__ == "__main__":
    main(speed, crash)
