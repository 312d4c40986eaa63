"""What each role does in a turn, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.practice.dice import Dice
from quarterdeck.core.sessions.practice.phrases import COMMANDS, QUESTIONS, STORIES
from quarterdeck.core.sessions.practice.turns import (
    ALWAYS,
    FREE_TEXT,
    NO,
    ONCE,
    TURNS,
    Crash,
    Focus,
    Limit,
    Permission,
    Question,
    Say,
    Step,
    Use,
    choose_story,
)

SEEDS = st.integers(0, 10_000)


def steps(role: str, seed: int, answer: Callable[[Step], str | None]) -> list[Step]:
    """All steps of one turn, its dialogs answered by ``answer``."""
    dice = Dice(seed)
    turn = TURNS[role](dice, choose_story(dice, ""))
    found: list[Step] = []
    reply: str | None = None
    while True:
        try:
            step = turn.send(reply)
        except StopIteration:
            return found
        found.append(step)
        reply = answer(step) if isinstance(step, Permission | Question) else None


def nobody(step: Step) -> str | None:
    pytest.fail(f"{type(step).__name__} was not expected")


def told(found: list[Step]) -> list[tuple[object, ...]]:
    return [(type(step).__name__, *vars(step).values()) for step in found]


@given(SEEDS, st.sampled_from(sorted(TURNS)))
def test_the_same_seed_gives_the_same_turn(seed: int, role: str) -> None:
    def once(step: Step) -> str | None:
        return ONCE

    assert told(steps(role, seed, once)) == told(steps(role, seed, once))


@given(SEEDS, st.sampled_from(sorted(TURNS)))
def test_a_turn_says_first_what_it_is_at_and_progress_never_falls(seed: int, role: str) -> None:
    found = steps(role, seed, lambda _: ONCE)
    progress = [step.progress for step in found if isinstance(step, Focus)]
    assert isinstance(found[0], Focus)
    assert progress == sorted(progress)
    assert progress[0] == 0
    assert progress[-1] <= 100


@given(SEEDS)
def test_a_worker_reads_edits_and_tests(seed: int) -> None:
    found = steps("worker", seed, nobody)
    tools = [step.headline.split()[0] for step in found if isinstance(step, Use)]
    assert tools[0] == "Search"
    assert tools[-1] == "Run"
    assert {"Read", "Edit"} <= set(tools)
    assert isinstance(found[-1], Say)


@given(SEEDS)
def test_an_approver_asks_before_each_command(seed: int) -> None:
    found = steps("approver", seed, lambda _: ONCE)
    for step, after in pairwise(found):
        if isinstance(step, Permission):
            assert isinstance(after, Use)
            assert after.headline == f"Ran: {step.text}"
    asked = [step.text for step in found if isinstance(step, Permission)]
    assert len(asked) in {2, 3}
    assert len(set(asked)) == len(asked)
    assert set(asked) <= set(COMMANDS)


@given(SEEDS)
def test_always_asks_no_more_and_runs_the_same_commands(seed: int) -> None:
    once = steps("approver", seed, lambda _: ONCE)
    always = steps("approver", seed, lambda _: ALWAYS)
    assert sum(isinstance(step, Permission) for step in always) == 1
    without = [line for line in told(once) if line[0] != "Permission"]
    assert [line for line in told(always) if line[0] != "Permission"] == without


@given(SEEDS)
def test_no_runs_nothing(seed: int) -> None:
    found = steps("approver", seed, lambda _: NO)
    tools = [step.headline for step in found if isinstance(step, Use)]
    assert not any(headline.startswith("Ran: ") for headline in tools)
    assert any(headline.startswith("Skipped: ") for headline in tools)


@given(SEEDS)
def test_an_asker_offers_options_and_free_text(seed: int) -> None:
    asked: list[Question] = []

    def answer(step: Step) -> str | None:
        assert isinstance(step, Question)
        asked.append(step)
        return None if len(asked) == 2 else "teal"

    found = steps("asker", seed, answer)
    results = [step.result for step in found if isinstance(step, Use) and "Asked" in step.headline]
    assert results == ["teal", "skipped; I'll choose"][: len(asked)]
    assert len(asked) in {1, 2}
    assert all(question.options[-1] == FREE_TEXT for question in asked)
    assert all(2 <= len(question.options) <= 9 for question in asked)


@given(SEEDS)
def test_a_crasher_works_and_then_dies(seed: int) -> None:
    found = steps("crasher", seed, nobody)
    assert isinstance(found[-1], Crash)
    assert sum(isinstance(step, Use) for step in found) >= 2
    assert not any(isinstance(step, Crash) for step in found[:-1])


@given(SEEDS)
def test_a_limited_one_works_and_then_may_no_more(seed: int) -> None:
    found = steps("limited", seed, nobody)
    assert isinstance(found[-1], Limit)
    assert found[-1].text.startswith("Usage limit reached")
    assert any(isinstance(step, Use) for step in found)


@pytest.mark.parametrize("number", range(len(STORIES)))
def test_a_storys_prompt_begins_that_story(number: int) -> None:
    story = STORIES[number]
    assert choose_story(Dice(0), story.prompt) is story
    assert story.files[2].startswith("tests/")
    assert all(line[:2] in {"+ ", "- "} for line in story.diff.split("\n"))


def test_other_prompts_begin_any_story() -> None:
    assert len({choose_story(Dice(seed), "x").prompt for seed in range(80)}) == len(STORIES)


def test_each_question_has_a_text_and_options() -> None:
    for question in QUESTIONS:
        text, *options = question.split("|")
        assert text.endswith("?")
        assert len(set(options)) == len(options) >= 2
