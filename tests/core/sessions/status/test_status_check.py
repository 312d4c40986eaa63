from __future__ import annotations

from collections.abc import Callable

import pytest

from quarterdeck.core.protocol.status import Activity, Source
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.status.check import (
    Recording,
    check_recording,
    check_screen,
    read_recording,
)


def test_header_is_read() -> None:
    text = "# title: ok | proj  | alt=1 cursor=0 mouse=1 dead=0: size=110x40\nline\n\n"
    assert read_recording(text) == Recording("ok | proj", ("line", ""))


def test_end_of_the_program_is_read() -> None:
    text = "# title:  | alt=0 cursor=0 mouse=0 dead=1:3 size=110x40\nbye"
    assert read_recording(text) == Recording("", ("bye",), dead=True, exit_code=3)


@pytest.mark.parametrize("text", ["plain\nlines", "# title: x\nlines", ""])
def test_plain_lines_need_no_header(text: str) -> None:
    assert read_recording(text) == Recording("", tuple(text.splitlines()))


def test_every_rule_is_told_with_the_reason(
    agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    shown = recording("claude-permission-bash")
    explanation = check_screen(agents["claude"], shown.title, shown.lines)
    claude = agents["claude"]
    assert len(explanation.rules) == len(claude.title_rules) + len(claude.screen_rules)
    told = {trace.rule: trace for trace in explanation.rules}
    assert told["permission-bash"].fits
    assert told["permission-bash"].text == "Do you want to proceed?"
    assert told["permission-bash"].origin.startswith("claude.toml:")
    assert not told["question"].fits
    assert told["question"].text.startswith("start: no line matches")
    assert not told["title-working"].fits
    assert explanation.winner is not None
    assert explanation.winner.source is Source.SCREEN


def test_dead_recording_shows_no_request(
    agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    shown = recording("claude-permission-bash")
    explanation = check_screen(agents["claude"], shown.title, shown.lines, dead=True)
    assert explanation.status.activity is Activity.UNKNOWN
    assert explanation.status.request is None


def test_start_up_counts_for_nothing_in_a_recording(agents: dict[str, AgentDefinition]) -> None:
    text = "# title: ⠸ proj | alt=1 cursor=1 mouse=1 dead=0: size=110x40\n"
    assert check_recording(agents["codex"], text).status.activity is Activity.WORKING
