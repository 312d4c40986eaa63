"""DBOS on SQLite: each step's result is written before the next begins. Steps one after the other."""

from __future__ import annotations

import sqlite3
import sys
import time
from graphlib import TopologicalSorter
from pathlib import Path

if sqlite3.sqlite_version_info < (3, 42):  # it uses functions that came then
    import pysqlite3

    sys.modules["sqlite3"] = pysqlite3

from dbos import DBOS, SetWorkflowID
from shapes import STEPS, Needs, main, step

GIVEN: list[Needs] = []


@DBOS.step()
def noop(name: str) -> str:
    return name


@DBOS.step()
def one_step(directory: str, name: str) -> str:
    return step(directory, name)


@DBOS.workflow()
def flow(number: int) -> None:
    for name in TopologicalSorter(GIVEN[number]).static_order():
        noop(name)


@DBOS.workflow()
def steps(directory: str) -> None:
    for name in STEPS:
        one_step(directory, name)


def launch(directory: Path) -> None:
    url = f"sqlite:///{directory / 'dbos.db'}"
    DBOS(config={"name": "bench", "system_database_url": url, "run_admin_server": False,
                 "application_version": "1"})  # fmt: skip
    DBOS.launch()


def speed(given: list[Needs], directory: Path) -> float:
    launch(directory)
    GIVEN.extend(given)
    started = time.perf_counter()
    for number in range(len(given)):
        flow(number)
    seconds = time.perf_counter() - started
    DBOS.destroy()
    return seconds


def crash(directory: Path) -> None:
    begun = (directory / "dbos.db").exists()
    launch(directory)  # goes on with what was left
    if not begun or DBOS.get_workflow_status("crash") is None:
        with SetWorkflowID("crash"):
            DBOS.start_workflow(steps, str(directory))
    DBOS.retrieve_workflow("crash").get_result()
    DBOS.destroy()


if __name__ == "__main__":
    main(speed, crash)
