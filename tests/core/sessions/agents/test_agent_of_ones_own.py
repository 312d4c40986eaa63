"""A person teaches Quarterdeck an agent of their own: one file, from start to answer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.core.protocol.screen import Modes
from quarterdeck.core.protocol.status import Activity, DialogKind
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.agents.loader import load_agents
from quarterdeck.core.sessions.status.answers import answer_keys, prompt_steps
from quarterdeck.core.sessions.status.check import check_screen
from quarterdeck.core.sessions.status.detector import StatusDetector
from quarterdeck.core.sessions.status.inputs import Moment, ProcessStarted, ScreenSettled
from quarterdeck.core.sessions.status.steps import Pause, Send

FILE = """
title = "House robot"
command = ["robot", "--interactive"]
capabilities = ["dishes"]

[env]
ROBOT_COLOUR = "never"

[resume]
args = ["--again", "{session_ref}"]
found_by = 'conversation (?P<ref>[a-z]+)'

[prompt]
paste = "typed"
pause = 0.5
submit = "ctrl+j"

[meanings]
reject = ['^Leave it']

[answers.permission]
pick = "digit_enter"
pause = 0.05

[[title_rules]]
id = "busy"
activity = "working"
any = ['^robot: busy']

[[screen_rules]]
id = "may-i"
activity = "needs_approval"
kind = "permission"
priority = 90
start = '^May I'
all = ['^ *>? *1\\) ']
ends = 'choose a number'
text = ['^May I (?P<text>[^?]*)\\?']
choices = '^ *(?P<mark>>)? *(?P<key>\\d)\\) (?P<label>.*)$'

[[screen_rules]]
id = "rest"
activity = "idle"
region = "last_line"
any = ['^robot>']
"""

DIALOG = [
    "Hello.",
    "",
    "May I break the blue plate?",
    "> 1) Do it",
    "  2) Leave it alone",
    "choose a number",
]
MOMENT = Moment(0.0, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def robot(tmp_path: Path) -> AgentDefinition:
    (tmp_path / "robot.toml").write_text(FILE, encoding="utf-8")
    catalog = load_agents(user_dir=tmp_path)
    assert catalog.faults == ()
    return catalog.definitions["robot"]


def test_definition(robot: AgentDefinition) -> None:
    assert (robot.name, robot.shown) == ("robot", "House robot")
    assert robot.command == ("robot", "--interactive")
    assert robot.env == {"ROBOT_COLOUR": "never"}
    assert (robot.has_rules, robot.readable, robot.resumable) == (True, True, True)
    assert robot.origin.endswith("robot.toml")


def test_states(robot: AgentDefinition) -> None:
    assert check_screen(robot, "robot: busy", ["robot>"]).status.activity is Activity.WORKING
    assert check_screen(robot, "", ["done", "robot> "]).status.activity is Activity.IDLE
    assert check_screen(robot, "", ["something"]).status.activity is Activity.UNKNOWN
    explanation = check_screen(robot, "", DIALOG)
    assert explanation.status.activity is Activity.NEEDS_APPROVAL
    assert explanation.winner is not None
    line = FILE.splitlines().index('id = "may-i"')  # counted from 0, and its header is above it
    assert explanation.winner.origin.endswith(f"robot.toml:{line}")


def test_request(robot: AgentDefinition) -> None:
    request = check_screen(robot, "", DIALOG).status.request
    assert request is not None
    assert (request.kind, request.text) == (DialogKind.PERMISSION, "break the blue plate")
    assert [(each.key, each.label, each.meaning) for each in request.choices] == [
        ("1", "Do it", None),
        ("2", "Leave it alone", "reject"),
    ]


def test_answer_and_prompt(robot: AgentDefinition) -> None:
    detector = StatusDetector(robot, MOMENT)
    detector.feed(ProcessStarted(MOMENT))
    detector.feed(ScreenSettled(MOMENT, tuple(DIALOG)))
    request = detector.status.request
    assert request is not None
    dialog = detector.still_open(request.request_id, DIALOG)
    assert dialog is not None
    assert answer_keys(robot, dialog, choice="reject") == (Send(b"2"), Pause(0.05), Send(b"\r"))
    assert prompt_steps(robot, "wash up", Modes(bracketed_paste=True)) == (
        Send(b"wash up"),
        Pause(0.5),
        Send(b"\n"),
    )


def test_one_rule_more_for_a_shipped_agent(tmp_path: Path) -> None:
    (tmp_path / "claude.toml").write_text(
        "extend = true\n[[screen_rules]]\nid = 'banner'\npriority = 200\nactivity = 'limited'\n"
        "region = 'whole'\nany = ['COMPANY QUOTA REACHED']\n",
        encoding="utf-8",
    )
    claude = load_agents(user_dir=tmp_path).definitions["claude"]
    assert (
        check_screen(claude, "", ["COMPANY QUOTA REACHED", "❯"]).status.activity is Activity.LIMITED
    )
    box = ["─" * 20, "❯ ", "─" * 20, "  ⏸ manual mode on"]
    assert check_screen(claude, "", box).status.activity is Activity.IDLE
