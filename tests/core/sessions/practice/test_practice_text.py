"""Cells, wrapping and styled rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.practice.text import (
    STYLES,
    Row,
    break_word,
    char_width,
    clean,
    clip,
    fit,
    paint,
    text_width,
    wrap,
)

LINES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")))
WORDS = st.text(st.sampled_from("ab日é…")).map(str)


@pytest.mark.parametrize(
    ("char", "width"),
    [("a", 1), ("é", 1), ("日", 2), ("\u0301", 0), ("❯", 1), ("🙂", 2), ("\u200d", 0)],
)
def test_the_width_of_a_character(char: str, width: int) -> None:
    assert char_width(char) == width


def test_control_characters_go_and_line_ends_are_alike() -> None:
    assert clean("a\tb\r\nc\rd\x1b[31m\x07\x9b") == "a   b\nc\nd[31m"


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(LINES, st.integers(0, 20))
def test_what_fits_is_a_beginning_and_fits(text: str, cols: int) -> None:
    fitted = fit(text, cols)
    assert text.startswith(fitted)
    assert text_width(fitted) <= cols
    rest = text[len(fitted) :]
    assert not rest or text_width(fitted + rest[0]) > cols


@given(LINES, st.integers(2, 30))
def test_wrapped_rows_fit_and_lose_nothing_but_blanks(text: str, cols: int) -> None:
    rows = wrap(text, cols)
    assert all(text_width(row) <= cols for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


@given(LINES)
def test_what_fits_on_one_row_stays_as_it_is(text: str) -> None:
    assert wrap(text, text_width(text)) == [text]


def test_words_stay_whole_where_they_can() -> None:
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("a\n\nb", 8) == ["a", "", "b"]
    assert wrap("  indented text", 10) == ["  indented", "text"]
    assert wrap("abcdefgh ij", 3) == ["abc", "def", "gh", "ij"]


def test_a_width_of_nothing_counts_as_one() -> None:
    assert wrap("ab", 0) == ["a", "b"]


def test_a_wide_character_in_one_cell_stands_alone() -> None:
    assert break_word("日本", 1) == ["日", "本"]
    assert break_word("", 3) == []


@given(st.lists(st.tuples(st.sampled_from(sorted(STYLES)), WORDS)), st.integers(0, 20))
def test_a_clipped_row_fits(row: Row, cols: int) -> None:
    clipped = clip(row, cols)
    text = "".join(part for _, part in row)
    kept = "".join(part for _, part in clipped)
    assert text.startswith(kept)
    assert text_width(kept) <= cols


def test_styles_end_with_their_text() -> None:
    assert paint([("", "plain "), ("bold", "bold")]) == "plain \x1b[1mbold\x1b[0m"
