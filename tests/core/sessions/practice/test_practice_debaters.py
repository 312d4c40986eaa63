"""The practice debaters: what they say follows from the prompt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.sessions.agents.loader import load_agents
from quarterdeck.core.sessions.practice import crew_path
from quarterdeck.core.sessions.practice.agent import Agent
from quarterdeck.core.sessions.practice.command import PACE, Options, leave_result, pace_of_once
from quarterdeck.core.sessions.practice.debating import CONCERNS, answer, concern_of
from quarterdeck.core.sessions.practice.dice import Dice, Pace
from quarterdeck.core.sessions.practice.once import make_turn
from quarterdeck.core.sessions.practice.turns import Say, turn_of

OTHERS = "Criticise, on: x\nben: simplicity\ncleo: tests and cost\n"
JUDGED = 'Judge: x\nann: tests, cost\nben: tests\n\nVote: Go?\n\n{"vote": "approve"}'


@pytest.mark.parametrize(
    ("seed", "prompt", "said"),
    [
        (1, "Propose a way: tabs?", "“tabs?”: begin with a test"),
        (2, OTHERS, "cleo: nothing is said of simplicity."),
        (1, OTHERS, "ben: nothing is said of tests."),
        (3, "Criticise: x\nann: cost", "Nothing is missing: all of them mind cost."),
        (1, "Revise: x\nYours: tests\nCritiques:\nben: nothing is said of cost", "tests And mind cost."),
        (1, "Revise: x\nYours: tests, cost\nCritiques:\nben: cost", "tests, cost"),
        (1, "Sum up: x\nann: tests, cost\nben: cost", "“x”: what all have in common is cost."),
        (1, "Sum up: x\nann: a\nben: cost", "“x”: what all have in common is nothing yet."),
        (2, "", "“this”: do the least"),
        (2, f"Propose: {'y' * 500}", f"“{'y' * 119}…”: do the least"),
    ],
)  # fmt: skip
def test_the_first_word_says_what_to_do(seed: int, prompt: str, said: str) -> None:
    assert answer(seed, prompt).startswith(said)


@pytest.mark.parametrize(("seed", "vote"), [(1, "approve"), (2, "reject"), (3, "reject")])
def test_a_vote_is_json(seed: int, vote: str) -> None:
    told = json.loads(answer(seed, JUDGED))
    assert (told["vote"], concern_of(seed) in told["reason"]) == (vote, True)
    nothing = json.loads(answer(seed, 'Judge: x\n\nVote: Go?\n{"vote": 1}'))
    assert nothing["vote"] == "abstain"


@given(prompt=st.text(max_size=200), seed=st.integers(0, 1000))
@settings(max_examples=60)
def test_any_prompt_has_one_answer(prompt: str, seed: int) -> None:
    told = make_turn("debater", seed, prompt)
    assert told is not None
    assert told == make_turn("debater", seed, prompt)
    assert told["answer"]
    assert concern_of(seed) in CONCERNS


def test_in_a_terminal_it_says_the_same() -> None:
    agent = Agent("debater", 1, Pace("fast", Dice(1)), "~")
    agent.begin("Propose: tabs?", 0)
    now = 0.0
    while agent.due is not None and now < 1000:
        now = max(now, agent.due)
        agent.tick(now)
    assert "begin with a test" in agent.output((120, 40))


def test_the_shipped_debaters_answer_as_processes() -> None:
    definitions = load_agents().definitions
    for name, concern in (("ann", "tests"), ("ben", "simplicity"), ("cleo", "cost")):
        definition = definitions[f"practice-{name}"]
        assert definition.practice
        assert concern in definition.shown
    oneshot = definitions["practice-ben"].oneshot
    assert oneshot is not None
    ran = subprocess.run(
        [*definitions["practice-ben"].command, *oneshot.args],
        input="Propose: tabs?",
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(ran.stdout)
    assert (told["ok"], "simplicity first" in told["answer"]) == (True, True)
    assert sys.executable in definitions["practice-ben"].command
    assert str(crew_path()) in definitions["practice-ben"].command


def test_in_a_terminal_the_answer_is_left_where_it_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "result"
    monkeypatch.setenv("QUARTERDECK_RESULT", str(place))
    leave_result("yes")
    assert place.read_text() == "yes"
    monkeypatch.delenv("QUARTERDECK_RESULT")
    leave_result("no")
    assert place.read_text() == "yes"
    left: list[str] = []
    turn = turn_of("debater", 2, Dice(1), JUDGED, left.append)
    said = [step.text for step in turn if isinstance(step, Say)]
    assert left == said[-1:]
    assert json.loads(left[0])["vote"] == "reject"


def test_a_turn_without_a_terminal_takes_its_time_only_if_a_pace_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["--role", "debater", "--once"]
    monkeypatch.delenv(PACE, raising=False)
    assert pace_of_once(Options(words)).step() == 0.0
    assert pace_of_once(Options([*words, "--pace", "0.2"])).step() == 0.2
    monkeypatch.setenv(PACE, "person")
    assert pace_of_once(Options(words)).step() >= 0.5
    rests: list[None] = []
    told = make_turn("debater", 1, "Propose: tea", lambda: rests.append(None))
    assert len(rests) == 3
    assert told == make_turn("debater", 1, "Propose: tea")
