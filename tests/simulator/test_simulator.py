"""Machine, driver and journal in virtual time, cut off anywhere.

Every failure names its seed: ``World(seed).run(crashes)`` plays it again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from tests.simulator.world import World

BLOCK = 170
BLOCKS = range(12)
"""What lines they come by, the first two say: tracing them would take as long as running them."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of planned failures need no log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def simulate(seed: int, folder: Path) -> None:
    random = Random(seed)  # noqa: S311  # the same at every run
    crashes = [random.randint(1, 250) for _ in range(random.choice([0, 1, 1, 2, 4]))]
    try:
        World(seed, workflows=random.choice([1, 1, 2]), folder=folder).run(crashes)
    except BaseException as fault:
        fault.add_note(f"seed {seed}, crashes {crashes}")
        raise


@pytest.mark.parametrize("block", BLOCKS)
def test_nothing_is_lost_or_done_twice_wherever_it_is_cut_off(block: int, tmp_path: Path) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        simulate(seed, tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_a_crash_at_every_turn_of_one_run(seed: int, tmp_path: Path) -> None:
    for turns in range(1, 90):
        try:
            World(seed, folder=tmp_path).run([turns])
        except BaseException as fault:
            fault.add_note(f"seed {seed}, crash after {turns}")
            raise


def test_a_seed_plays_the_same_again(tmp_path: Path) -> None:
    def played(seed: int) -> tuple[int, object]:
        world = World(seed, workflows=2, folder=tmp_path)
        world.run([40, 60])
        return world.loop.selector.turns, world.random.getstate()

    assert [played(seed) for seed in range(10)] == [played(seed) for seed in range(10)]
