"""What all peers run: shapes of no-op tasks, and a chain of processes. Standard library only."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

Needs = dict[str, list[str]]

STEPS = [f"step{number}" for number in range(6)]
SCRIPT = 'echo "$1" >> "$2/lines"; sleep 0.15'


def chain(count: int) -> Needs:
    return {f"t{at}": [f"t{at - 1}"] if at else [] for at in range(count)}


def fan_out(count: int) -> Needs:
    return {"root": []} | {f"t{at}": ["root"] for at in range(count)}


def random_dag(count: int, seed: int = 1) -> Needs:
    random = Random(seed)
    return {
        f"t{at}": [
            f"t{one}"
            for one in random.sample(range(max(0, at - 50), at), min(at, random.randint(0, 3)))
        ]
        for at in range(count)
    }


def graphs(shape: str, count: int) -> list[Needs]:
    """The workflows of a shape, ``count`` tasks together."""
    if shape == "W4":
        return [random_dag(count // 10, seed) for seed in range(10)]
    return [{"W1": chain, "W2": fan_out, "W3": random_dag}[shape](count)]


def step(directory: str, name: str) -> str:
    """One task of the chain: a process that notes its name, and takes a while."""
    subprocess.run(["/bin/sh", "-c", SCRIPT, "sh", name, directory], check=True)
    return name


def main(speed: Callable[[list[Needs], Path], float | None], crash: Callable[[Path], None]) -> None:
    """``speed SHAPE COUNT DIRECTORY`` prints seconds, ``crash DIRECTORY`` runs the chain or goes on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["speed", "crash"])
    parser.add_argument("given", nargs="+")
    args = parser.parse_args()
    if args.what == "crash":
        crash(Path(args.given[0]))
        print("\x1ecompleted")
        return
    shape, count, directory = args.given
    given = graphs(shape, int(count))
    started = time.perf_counter()
    seconds = speed(given, Path(directory))
    print("\x1e" + json.dumps(time.perf_counter() - started if seconds is None else seconds))
