"""What takes the keys of a prompt: dialogs, viewers and menus, whatever the status is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.agents.loader import Layer, build
from quarterdeck.core.sessions.agents.problems import Home, Spot
from quarterdeck.core.sessions.status import inputs as i
from quarterdeck.core.sessions.status.check import Recording, read_recording
from quarterdeck.core.sessions.status.guard import (
    MenuOpen,
    NeedsAnswer,
    NeedsApproval,
    guard_screen,
)

SCREENS = Path(__file__).parents[3] / "recordings" / "screens"
MENUS = sorted(SCREENS.glob("menus/*.txt"))
FREE = sorted(
    path
    for state in ("idle", "finished", "working", "error-*", "interrupted", "idle-rejected")
    for path in SCREENS.glob(f"*-{state}.txt")
)

Drive = Callable[..., Any]
Read = Callable[[str], Recording]


def agent_of(stem: str) -> str:
    return stem.split("-", maxsplit=1)[0]


@pytest.mark.parametrize("path", MENUS, ids=lambda path: path.stem)
def test_menu_takes_the_keys(path: Path, drive: Drive) -> None:
    session = drive(agent_of(path.stem))
    shown = read_recording(path.read_text(encoding="utf-8"))
    with pytest.raises((MenuOpen, NeedsAnswer)):
        guard_screen(session.detector.in_the_way(shown.lines))


@pytest.mark.parametrize("path", MENUS, ids=lambda path: path.stem)
def test_menu_is_no_turn(path: Path, drive: Drive, recording: Read) -> None:
    """A person opens and closes a menu: no item, and no finished turn afterwards."""
    agent = agent_of(path.stem)
    session = drive(agent)
    session.wait(20)
    session.show(recording(f"{agent}-idle"))
    session.wait(20)
    assert session.activity() is Activity.IDLE
    session.feed(i.TypedInput)
    session.show(read_recording(path.read_text(encoding="utf-8")))
    session.wait(1)
    session.feed(i.TypedInput)
    session.show(recording(f"{agent}-idle"))
    session.wait(5)
    assert session.activity() is Activity.IDLE
    assert Activity.TURN_DONE not in {status.activity for status in session.changes}


@pytest.mark.parametrize("path", FREE, ids=lambda path: path.stem)
def test_input_box_is_free(path: Path, drive: Drive) -> None:
    shown = read_recording(path.read_text(encoding="utf-8"))
    assert drive(agent_of(path.stem)).detector.in_the_way(shown.lines) is None


@pytest.mark.parametrize(
    ("stem", "fault"),
    [
        ("claude-trust-dialog", NeedsApproval),
        ("claude-question", NeedsAnswer),
        ("codex-trust-dialog", NeedsApproval),
        ("gemini-trust-dialog", NeedsApproval),
        ("gemini-auth-dialog", NeedsAnswer),
        ("opencode-permission-always", NeedsApproval),
        ("aider-trust-gitignore", NeedsApproval),
    ],
)
def test_dialog_takes_the_keys_though_a_report_says_idle(
    stem: str, fault: type[Exception], drive: Drive, recording: Read
) -> None:
    session = drive(agent_of(stem))
    session.wait(20)
    session.report("idle")
    session.screen(*recording(stem).lines)
    assert session.activity() is Activity.IDLE  # for a moment: the report is the better source
    with pytest.raises(fault):
        guard_screen(session.detector.in_the_way(recording(stem).lines))


def ruled(*rules: dict[str, Any]) -> AgentDefinition:
    table = {"name": "mine", "command": "x", "screen_rules": list(rules)}
    return build([Layer("mine", table, Home(lambda _: Spot("test", None)))], {})


def test_modal_rule_leaves_the_activity_to_the_others(drive: Drive) -> None:
    session = drive(
        ruled(
            {"id": "palette", "modal": True, "priority": 9, "any": ["^Commands$"]},
            {"id": "busy", "activity": "working", "any": ["^busy$"]},
        )
    )
    session.screen("Commands", "busy")
    assert session.activity() is Activity.WORKING
    found = session.detector.in_the_way(("Commands", "busy"))
    assert found.rule.id == "palette"
    assert session.detector.in_the_way(("busy",)) is None


def test_what_is_in_the_way_is_told_in_one_line(drive: Drive) -> None:
    session = drive(ruled({"id": "pager", "hold": True, "any": ["^--More--$"]}))
    with pytest.raises(MenuOpen, match="--More--") as caught:
        guard_screen(session.detector.in_the_way(("text", "--More--")))
    assert caught.value.details == {"rule": "pager"}
    guard_screen(None)
