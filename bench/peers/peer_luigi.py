"""Luigi: nothing is kept but the tasks' own outputs, here one file for each."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import luigi
from shapes import STEPS, Needs, main, step

GIVEN: list[Needs] = []


class NoOp(luigi.Task):  # type: ignore[misc]  # the library has no types
    graph = luigi.IntParameter()
    name = luigi.Parameter()
    done = False

    def requires(self) -> list[Any]:
        return [NoOp(self.graph, need) for need in GIVEN[self.graph][self.name]]

    def run(self) -> None:
        self.done = True

    def complete(self) -> bool:
        return self.done


class Step(luigi.Task):  # type: ignore[misc]  # the library has no types
    directory = luigi.Parameter()
    number = luigi.IntParameter()

    def requires(self) -> list[Any]:
        return [Step(self.directory, self.number - 1)] if self.number else []

    def output(self) -> Any:
        return luigi.LocalTarget(f"{self.directory}/{STEPS[self.number]}.done")

    def run(self) -> None:
        step(self.directory, STEPS[self.number])
        with self.output().open("w") as file:
            file.write("done")


def speed(given: list[Needs], _: Path) -> float:
    GIVEN.extend(given)
    tasks = [NoOp(number, name) for number, needs in enumerate(given) for name in needs]
    started = time.perf_counter()
    assert luigi.build(tasks, local_scheduler=True, workers=1, log_level="CRITICAL")
    return time.perf_counter() - started


def crash(directory: Path) -> None:
    last = Step(str(directory), len(STEPS) - 1)
    assert luigi.build([last], local_scheduler=True, workers=1, log_level="CRITICAL")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(speed, crash)
