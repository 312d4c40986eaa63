"""Chance by seed, and paces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.practice.command import PACE, Options, UsageFault
from quarterdeck.core.sessions.practice.dice import Dice, Pace

SEEDS = st.integers(0, 2**70)


def test_the_rolls_of_a_seed_are_fixed_for_ever() -> None:
    dice = Dice(7)
    assert [dice.between(1, 6) for _ in range(12)] == [4, 1, 1, 4, 5, 4, 5, 1, 6, 6, 2, 5]
    assert Dice(1234567).roll() == 6457827717110365317  # splitmix64's published first value


@given(SEEDS, st.integers(-50, 50), st.integers(0, 50))
def test_a_roll_lies_in_its_bounds(seed: int, low: int, spread: int) -> None:
    assert low <= Dice(seed).between(low, low + spread) <= low + spread


@given(SEEDS, st.integers(0, 30))
def test_an_order_holds_each_number_once(seed: int, count: int) -> None:
    assert sorted(Dice(seed).order(count)) == list(range(count))


@given(SEEDS)
def test_a_fraction_is_below_one(seed: int) -> None:
    assert 0 <= Dice(seed).fraction() < 1


@given(SEEDS, st.lists(st.text(), min_size=1).map(tuple))
def test_a_pick_is_one_of_them(seed: int, texts: tuple[str, ...]) -> None:
    assert Dice(seed).pick(texts) in texts


def test_all_sides_come_up() -> None:
    dice = Dice(0)
    assert {dice.between(1, 6) for _ in range(200)} == {1, 2, 3, 4, 5, 6}


def test_fast_has_no_pause_above_20_ms() -> None:
    pace = Pace("fast", Dice(0))
    assert 0 < pace.word() < pace.step() < pace.rest() <= 0.02


@given(SEEDS)
def test_a_person_takes_a_moment(seed: int) -> None:
    pace = Pace("person", Dice(seed))
    assert 0.5 <= pace.step() < 2
    assert 0.02 <= pace.word() < 0.1
    assert 5 <= pace.rest() < 15


@pytest.mark.parametrize(("name", "step"), [("0", 0), ("0.25", 0.25), ("3", 3)])
def test_a_step_may_have_a_length_of_its_own(name: str, step: float) -> None:
    pace = Pace(name, Dice(0))
    assert (pace.step(), pace.word(), pace.rest()) == (step, step / 20, step * 4)


@pytest.mark.parametrize(
    ("variable", "words", "pace"),
    [(None, [], "person"), ("", [], "person"), ("fast", [], "fast"), ("fast", ["--pace=2"], "2")],
)
def test_the_pace_is_the_flags_else_the_variables_else_a_persons(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, words: list[str], pace: str
) -> None:
    monkeypatch.delenv(PACE, raising=False)
    if variable is not None:
        monkeypatch.setenv(PACE, variable)
    assert Options(["--role", "worker", *words]).pace == pace


def test_a_variable_that_is_no_pace_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "slow")
    with pytest.raises(UsageFault, match=r"QUARTERDECK_PRACTICE_PACE .* not 'slow'"):
        Options(["--role", "worker"])
