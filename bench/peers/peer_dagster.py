"""Dagster in process, its event log on SQLite; after a kill a person starts the run again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, In, Nothing, Out, graph, op
from shapes import STEPS, Needs, main, step


def op_of(name: str, wanted: list[str], directory: str | None = None) -> Any:
    @op(name=name, ins={f"after_{one}": In(Nothing) for one in wanted}, out=Out(Nothing))  # type: ignore[untyped-decorator]
    def one() -> None:
        if directory is not None:
            step(directory, name)

    return one


def job_of(needs: Needs, directory: str | None = None) -> Any:
    ops = {name: op_of(name, wanted, directory) for name, wanted in needs.items()}

    @graph  # type: ignore[untyped-decorator]
    def whole() -> None:
        found: dict[str, Any] = {}
        for name, wanted in needs.items():
            found[name] = ops[name](**{f"after_{one}": found[one] for one in wanted})

    return whole.to_job()


def speed(given: list[Needs], directory: Path) -> float:
    jobs = [job_of(needs) for needs in given]
    with DagsterInstance.local_temp(str(directory)) as instance:
        started = time.perf_counter()
        for job in jobs:
            job.execute_in_process(instance=instance)
        return time.perf_counter() - started


def crash(directory: Path) -> None:
    needs = {name: STEPS[at - 1 : at] if at else [] for at, name in enumerate(STEPS)}
    with DagsterInstance.local_temp(str(directory)) as instance:
        job_of(needs, str(directory)).execute_in_process(instance=instance)


if __name__ == "__main__":
    main(speed, crash)
