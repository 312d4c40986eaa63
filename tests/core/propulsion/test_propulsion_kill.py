"""``kill -9`` under load: each handler's success is recorded once, or the payload is dead."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.propulsion import PropulsionEngine
from quarterdeck.state.sqlite.store import SqliteStore

RUNNER = Path(__file__).with_name("payload_runner.py")
COUNT = 10_000
KILLS = 2
SEED = 20260301


def run(path: Path, lines: int) -> bool:
    """Run the engine and kill it after so many lines; whether it came to its end before."""
    command = [sys.executable, str(RUNNER), str(path), str(COUNT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "submitted\n"
        for number, _ in enumerate(process.stdout, 1):
            if number == lines:
                process.kill()
    return process.returncode == 0


async def test_nothing_is_lost_and_no_success_recorded_twice(tmp_path: Path) -> None:
    dice = random.Random(SEED)  # noqa: S311  # a test's dice
    path = tmp_path / "state.db"
    killed = sum(not run(path, dice.randint(1, 45)) for _ in range(KILLS))
    assert killed == KILLS
    while not run(path, 10**9):
        pass

    store = SqliteStore(path, clock=SYSTEM_CLOCK)
    await store.open()
    entered: dict[str, int] = {}
    succeeded: Counter[tuple[str, str]] = Counter()
    ended: Counter[str] = Counter()
    dead: set[str] = set()
    for batch in await store.batches("propulsion"):
        for line in batch.body.split("\n"):
            match json.loads(line):
                case ["p", given]:
                    entered[given["id"]] = given["payload"]["data"]["number"]
                case ["a", run_id, name]:
                    succeeded[run_id, name] += 1
                case ["e", run_id, _, names]:
                    ended[run_id] += 1
                    succeeded.update((run_id, name) for name in names)
                case ["x", given]:
                    dead.add(given["id"])
    assert sorted(entered.values()) == list(range(COUNT))
    assert ended == Counter(list(entered))
    assert set(succeeded.values()) == {1}
    for run_id, number in entered.items():
        if number % 50 != 1:  # those may have failed once in each of two engines
            assert (run_id in dead) == (number % 97 == 0)
        assert succeeded[run_id, "first"] == 1
        assert succeeded[run_id, "second"] == (run_id not in dead)
    engine = PropulsionEngine(store=store)
    assert await engine.recover() == 0
    assert len(engine.dead_letters()) == len(dead)
    await engine.close()
    await store.close()
