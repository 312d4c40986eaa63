from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.agents.rules import REGION_LIMIT
from quarterdeck.core.sessions.status.bottom import (
    LINE_LIMIT,
    bottom_of,
    flat,
    inner,
    is_ruled,
)


def test_blank_lines_and_box_sides_do_not_count() -> None:
    bottom = bottom_of(["a", "", "   ", "│          │", "  ┃", "b  ", ""])
    assert bottom.lines == ("a", "b")


def test_cursor_on_the_last_line() -> None:
    lines = ["a", "ask? ", "", ""]
    assert bottom_of(lines, 1).cursor_last is True
    assert bottom_of(lines, 0).cursor_last is False
    assert bottom_of(lines, 3).cursor_last is False
    assert bottom_of(lines).cursor_last is None
    assert bottom_of(["", ""], 0).cursor_last is None


def test_no_break_spaces_are_blanks() -> None:
    """Claude's box begins with one."""
    assert bottom_of(["❯\xa0hello\xa0"]).lines == ("❯ hello",)


def test_inside_of_a_box_keeps_its_column() -> None:
    assert inner("│ ● 1. Allow once    │") == "  ● 1. Allow once"
    assert inner("│ │ nested  │ │") == "    nested"
    assert inner("plain | text") == "plain | text"


def test_wrapped_phrase_is_one_line() -> None:
    assert flat(["│ Do you want   │", "│   to proceed? │"]) == "Do you want to proceed?"


def test_rules_and_box_edges_are_drawn_only() -> None:
    for line in ("────", "╭──╮", "  ╰──╯ ", "╌╌╌", "╹▀▀▀"):
        assert is_ruled(line)
    assert not is_ruled("── name ──")
    assert not is_ruled("$ ls")


@given(st.lists(st.text(max_size=30), max_size=200), st.integers(0, 200) | st.none())
def test_bottom_is_bounded_and_the_last_of_the_screen(lines: list[str], cursor: int | None) -> None:
    bottom = bottom_of(lines, cursor)
    assert len(bottom.lines) <= REGION_LIMIT
    assert all(line.strip() and len(line) <= LINE_LIMIT for line in bottom.lines)
    assert bottom == bottom_of([*lines, "", "  "], cursor)
    longer = bottom_of(["above", *lines], cursor).lines
    assert longer[len(longer) - len(bottom.lines) :] == bottom.lines


def test_long_lines_are_cut() -> None:
    assert bottom_of(["x" * 10_000]).lines == ("x" * LINE_LIMIT,)
