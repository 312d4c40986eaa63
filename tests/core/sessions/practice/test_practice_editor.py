"""The input line, and the guard that keeps Enter inside a paste."""

from __future__ import annotations

import pytest

from quarterdeck.core.sessions.practice.editor import PASTE_PAUSE, TEXT_LIMIT, Editor
from quarterdeck.core.sessions.practice.keys import Key

ENTER: Key = ("enter", "")


def typed(*keys: Key) -> Editor:
    editor = Editor()
    for key in keys:
        editor.key(key, 0)
    return editor


def test_enter_submits_what_was_typed_without_blanks_around_it() -> None:
    editor = typed(("text", "  do it "))
    assert editor.key(ENTER, 0) == "do it"
    assert editor.text == ""


def test_enter_alone_submits_an_empty_text() -> None:
    assert Editor().key(ENTER, 0) == ""


@pytest.mark.parametrize("pause", [0, PASTE_PAUSE * 0.99])
def test_enter_right_after_a_paste_is_text(pause: float) -> None:
    editor = typed(("paste", "one"))
    assert editor.key(ENTER, pause) is None
    assert editor.text == "one\n"


def test_enter_a_moment_after_a_paste_submits() -> None:
    editor = typed(("paste", "one"))
    assert editor.key(ENTER, PASTE_PAUSE) == "one"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ([("text", "ab"), ("backspace", "")], "a"),
        ([("backspace", "")], ""),
        ([("text", "one two "), ("ctrl-w", "")], "one"),
        ([("text", "one"), ("ctrl-w", "")], ""),
        ([("text", "one"), ("ctrl-u", "")], ""),
        ([("text", "one"), ("newline", ""), ("text", "two")], "one\ntwo"),
        ([("paste", "a\r\nb\rc\x1b[31m\x07")], "a\nb\nc[31m"),
        ([("text", "a"), ("up", ""), ("home", "")], "a"),
    ],
)
def test_editing(keys: list[Key], text: str) -> None:
    assert typed(*keys).text == text


def test_the_text_is_bounded() -> None:
    assert len(typed(*[("paste", "x" * TEXT_LIMIT)] * 2).text) == TEXT_LIMIT


def test_clear_throws_it_away() -> None:
    editor = typed(("text", "abc"))
    editor.clear()
    assert editor.text == ""
