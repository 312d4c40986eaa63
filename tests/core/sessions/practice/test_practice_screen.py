"""The transcript, the box and the painter, looked at through a terminal emulator."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.practice.screen import (
    BOX_ROWS,
    KEPT_ENTRIES,
    KINDS,
    Painter,
    Transcript,
    box_rows,
    entry_rows,
    lay_out,
)
from quarterdeck.core.sessions.practice.text import STYLES, Row, text_width

SHOWN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
FRAMES = st.lists(
    st.lists(
        st.lists(st.tuples(st.sampled_from(sorted(STYLES)), SHOWN), max_size=1),
        min_size=6,
        max_size=6,
    ),
    min_size=1,
    max_size=5,
)


def plain(rows: list[Row]) -> list[str]:
    return ["".join(text for _, text in row) for row in rows]


def test_an_entry_is_marked_once_and_indented_after() -> None:
    assert plain(entry_rows("say", "one two three", 9)) == ["", "● one two", "  three"]
    assert plain(entry_rows("result", "a\nb", 20)) == ["  ⎿  a", "     b"]


def test_a_diff_has_its_colours() -> None:
    rows = entry_rows("result", "+ new\n- old\nother", 40)
    assert [row[1][0] for row in rows] == ["good", "bad", "dim"]


def test_the_transcript_shows_its_end() -> None:
    transcript = Transcript()
    for number in range(30):
        transcript.add("result", str(number))
    assert plain(transcript.rows(20, 3)) == ["  ⎿  27", "  ⎿  28", "  ⎿  29"]
    assert transcript.rows(20, 0) == []
    assert transcript.rows(20, -2) == []
    assert len(transcript.rows(20, 100)) == 30


def test_the_transcript_is_bounded() -> None:
    transcript = Transcript()
    for number in range(KEPT_ENTRIES + 50):
        transcript.add("lead", str(number))
    assert len(transcript.rows(20, 10_000)) == KEPT_ENTRIES


def test_the_last_entry_grows() -> None:
    transcript = Transcript()
    transcript.add("say", "one")
    transcript.extend(" two")
    assert plain(transcript.rows(20, 9)) == ["", "● one two"]


@given(st.sampled_from(sorted(KINDS)), st.text(st.characters(exclude_categories=("Cc", "Cs"))))
def test_entries_fit_their_columns(kind: str, text: str) -> None:
    assert all(text_width(row) <= 20 for row in plain(entry_rows(kind, text, 20)))


def test_an_empty_box_shows_its_hint() -> None:
    rows, cursor = box_rows("", "hint", "footer", 20)
    assert plain(rows) == ["─" * 20, "❯ hint", "─" * 20, "  footer"]
    assert cursor == (2, 1)


def test_a_box_grows_with_its_text_and_shows_the_end() -> None:
    rows, cursor = box_rows("one\ntwo", "hint", "footer", 20)
    assert plain(rows)[1:3] == ["❯ one", "  two"]
    assert cursor == (5, 2)
    rows, cursor = box_rows("\n".join("abcdefghij"), "hint", "footer", 20)
    assert plain(rows)[1:-2] == ["❯ e", *(f"  {char}" for char in "fghij")]
    assert cursor == (3, BOX_ROWS)


def test_the_bottom_stands_on_the_last_lines() -> None:
    transcript = Transcript()
    transcript.add("lead", "above")
    bottom: list[Row] = [[("", "first")], [("", "last, too long")]]
    rows, start = lay_out(transcript, bottom, 8, 5)
    assert plain(rows) == ["above", "", "", "first", "last, to"]
    assert start == 3


def test_a_low_screen_shows_the_end_of_the_bottom() -> None:
    bottom: list[Row] = [[("", str(number))] for number in range(6)]
    rows, start = lay_out(Transcript(), bottom, 8, 2)
    assert plain(rows) == ["4", "5"]
    assert start == -4


def show(frames: list[list[Row]]) -> pyte.Screen:
    screen = pyte.Screen(24, 6)
    stream = pyte.Stream(screen)
    painter = Painter()
    for frame in frames:
        stream.feed(painter.frame(frame, None))
    return screen


@given(FRAMES)
def test_painting_what_changed_shows_the_last_frame(frames: list[list[Row]]) -> None:
    step_by_step, at_once = show(frames), show(frames[-1:])
    assert step_by_step.display == at_once.display
    assert [line.rstrip() for line in at_once.display] == [
        text.rstrip() for text in plain(frames[-1])
    ]


def test_only_changed_rows_are_written_and_nothing_for_nothing() -> None:
    painter = Painter()
    rows: list[Row] = [[("", "a")], [("", "b")]]
    first = painter.frame(rows, (0, 0))
    assert first.startswith("\x1b[?2026h")
    assert first.endswith("\x1b[?2026l")
    assert "\x1b[2J" in first
    assert painter.frame(rows, (0, 0)) == ""
    second = painter.frame([rows[0], [("", "c")]], (1, 0))
    assert "\x1b[1;1Ha" not in second
    assert "\x1b[2;1Hc" in second
    assert "\x1b[1;2H\x1b[?25h" in second
    assert "\x1b[?25h" not in painter.frame(rows, None)


def test_after_a_reset_all_is_painted_again() -> None:
    painter = Painter()
    rows: list[Row] = [[("", "a")]]
    first = painter.frame(rows, None)
    painter.reset()
    assert painter.frame(rows, None) == first
