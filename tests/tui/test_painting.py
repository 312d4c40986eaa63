"""Segments out of rows: styles, cursors, selections; never markup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style

from quarterdeck.core.protocol.screen import RGB, Attr, Cursor, CursorShape, Run
from quarterdeck.tui.model.cells import Cell
from quarterdeck.tui.widgets.painting import (
    character_at,
    paint,
    restyle,
    run_style,
    screen_segments,
)
from quarterdeck.tui.widgets.terminal import _with_cursor

PLAIN = Style(color="white", bgcolor="black")
MARK = Style(bold=True)


def text_of(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments)


def styled(segments: list[Segment], attribute: str) -> str:
    """The characters whose style has ``attribute``; a dot for each other one."""
    return "".join(
        segment.text
        if segment.style and getattr(segment.style, attribute)
        else "." * len(segment.text)
        for segment in segments
    )


def test_default_colours_are_left_to_the_theme() -> None:
    style = run_style(-1, -1, 0)
    assert (style.color, style.bgcolor) == (None, None)


def test_palette_and_direct_colours() -> None:
    style = run_style(9, 200, 0)
    assert style.color is not None
    assert style.bgcolor is not None
    assert (style.color.number, style.bgcolor.number) == (9, 200)
    direct = run_style(RGB | 0x102030, -1, 0)
    assert direct.color is not None
    assert direct.color.triplet is not None
    assert tuple(direct.color.triplet) == (16, 32, 48)


@pytest.mark.parametrize(
    ("attr", "name"),
    [
        (Attr.BOLD, "bold"),
        (Attr.DIM, "dim"),
        (Attr.ITALIC, "italic"),
        (Attr.UNDERLINE, "underline"),
        (Attr.REVERSE, "reverse"),
        (Attr.STRIKE, "strike"),
    ],
)
def test_attributes(attr: Attr, name: str) -> None:
    assert getattr(run_style(-1, -1, int(attr)), name) is True


def test_blinking_text_does_not_blink() -> None:
    assert run_style(-1, -1, int(Attr.BLINK)) == run_style(-1, -1, 0)


def test_hidden_text_takes_its_room_and_is_not_shown() -> None:
    segments = screen_segments((Run("pass", attrs=int(Attr.HIDDEN)), Run("日", attrs=64)), PLAIN)
    assert text_of(segments) == " " * 6


def test_what_looks_like_markup_stays_as_it_is() -> None:
    assert text_of(screen_segments((Run("[bold]x[/] [@click=quit]"),), PLAIN)) == (
        "[bold]x[/] [@click=quit]"
    )


def test_tones_become_styles_and_empty_cells_nothing() -> None:
    segments = paint(
        (Cell("a", "key"), Cell(""), Cell("b")), lambda tone: MARK if tone else PLAIN, None
    )
    assert [(segment.text, segment.style) for segment in segments] == [("a", MARK), ("b", PLAIN)]
    over = paint((Cell("a"),), lambda _: PLAIN, Style(reverse=True))
    assert over[0].style is not None
    assert over[0].style.reverse


@given(st.lists(st.text(max_size=6), max_size=5), st.integers(0, 30), st.integers(-1, 30))
def test_restyling_changes_no_text_and_marks_the_span(
    texts: list[str], start: int, end: int
) -> None:
    segments = [Segment(text, PLAIN) for text in texts]
    result = restyle(segments, start, end, MARK)
    whole = "".join(texts)
    assert text_of(result) == whole
    stop = len(whole) if end < 0 else end
    expected = "".join(
        character if start <= place < stop else "." for place, character in enumerate(whole)
    )
    assert styled(result, "bold") == expected


def test_a_cell_leads_to_its_character() -> None:
    assert [character_at("a日b", cell) for cell in range(5)] == [0, 1, 1, 2, 3]
    assert character_at("", 4) == 4


@pytest.mark.parametrize(
    ("cursor", "reversed_part"),
    [
        (Cursor(0, 0), "a...."),
        (Cursor(2, 0), ".日..."),
        (Cursor(3, 0, shape=CursorShape.BAR), "..b.."),
    ],
)
def test_the_cursor_is_drawn_reversed_on_its_cell(cursor: Cursor, reversed_part: str) -> None:
    segments = [Segment("a日bcd", PLAIN)]
    text = styled(_with_cursor(segments, cursor, PLAIN), "reverse")
    assert text.replace(".", "") == reversed_part.replace(".", "")


def test_a_cursor_beyond_the_text_has_a_cell_of_its_own() -> None:
    segments = _with_cursor([Segment("$ ", PLAIN)], Cursor(4, 0), PLAIN)
    assert text_of(segments) == "$    "
    assert styled(segments, "reverse") == "...." + " "


def test_a_cursor_on_reversed_text_is_turned_back() -> None:
    segments = [Segment("abc", PLAIN + Style(reverse=True))]
    result = _with_cursor(segments, Cursor(1, 0), PLAIN)
    assert styled(result, "reverse") == "a.c"


def test_an_underline_cursor_underlines() -> None:
    result = _with_cursor([Segment("abc", PLAIN)], Cursor(1, 0, shape=CursorShape.UNDERLINE), PLAIN)
    assert styled(result, "underline") == ".b."
