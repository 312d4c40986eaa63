"""What stands in the input boxes of real agents, as their screens and cursors were seen."""

from __future__ import annotations

import pytest
from tests.core.sessions.rig import definitions

from quarterdeck.core.sessions.status.input_box import DraftPresent, draft_in, guard_box

RULE = "─" * 40
BELOW = {"claude": [RULE, "  ⏸ manual mode on"], "gemini": ["▀" * 40, " workspace"]}
EMPTY = [
    ("claude", "❯", 2),
    ("claude", "❯ Resend your message to try again", 2),
    ("codex", "› Ask Codex to do anything", 2),
    ("gemini", " >   Type your message or @path/to/file", 3),
    ("gemini", " !", 3),
    ("opencode", '                       ┃  Ask anything… "Fix broken tests"', 26),
    ("opencode", "  ┃", 5),
    ("aider", ">", 2),
    ("aider", "diff>", 6),
    ("claude", "❯ ", 9),
]
DRAFTS = [
    ("claude", "❯ hello draft", 13, "hello draft"),
    ("claude", "❯ hello draft", 4, "hello draft"),
    ("codex", "› 漢字", 6, "漢字"),
    ("gemini", " > hello draft", 14, "hello draft"),
    ("opencode", "  ┃  hello draft", 16, "hello draft"),
    ("aider", "whole> x", 8, "x"),
]


def found(agent: str, box: list[str], x: int, y: int) -> str:
    above = ["● Done.", "", RULE if agent != "opencode" else "  ┃"]
    lines = [*above, *box, *BELOW.get(agent, ["", "  ~/proj"])]
    return draft_in(definitions()[agent].prompt.mark, lines, x, len(above) + y)


@pytest.mark.parametrize(("agent", "line", "x"), EMPTY)
def test_an_empty_box_with_or_without_a_hint(agent: str, line: str, x: int) -> None:
    assert found(agent, [line], x, 0) == ""


@pytest.mark.parametrize(("agent", "line", "x", "draft"), DRAFTS)
def test_words_in_the_box(agent: str, line: str, x: int, draft: str) -> None:
    assert found(agent, [line], x, 0) == draft


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_words_on_several_lines(agent: str) -> None:
    mark = "❯" if agent == "claude" else "›"
    box = [f"{mark} one", "  two", "  three"]
    assert found(agent, box, 7, 2) == "one"
    assert found(agent, [f"{mark} one", "", "  two"], 5, 2) == "", "nothing is guessed over a gap"


def test_a_cursor_outside_of_the_box_tells_nothing() -> None:
    assert found("claude", ["❯ hello"], 3, 2) == ""
    assert found("codex", ["› Ask Codex to do anything"], 3, 2) == ""
    assert found("codex", ["› hello"], 3, 9) == ""
    assert draft_in(None, ["> x"], 3, 0) == ""


def test_the_refusal_says_what_to_do() -> None:
    guard_box("", "it")
    with pytest.raises(DraftPresent, match="--over-draft") as caught:
        guard_box("a\nb " * 100, "it")
    assert len(caught.value.details["draft"]) <= 160
