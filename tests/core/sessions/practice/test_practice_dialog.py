"""Dialogs: every way to answer, and what is on the screen meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.practice.dialog import Dialog
from quarterdeck.core.sessions.practice.keys import Key, KeyDecoder
from quarterdeck.core.sessions.practice.text import Row, text_width
from quarterdeck.core.sessions.practice.turns import (
    ALWAYS,
    FREE_TEXT,
    NO,
    ONCE,
    Permission,
    Question,
)

ASKED = Question("Which colour?", ("Red", "Blue", FREE_TEXT))


def press(dialog: Dialog, data: str) -> bool:
    """Type ``data``; whether it answered the dialog."""
    decoder = KeyDecoder()
    keys = decoder.feed(data.encode()) + decoder.flush()
    return any(dialog.key(key) for key in keys)


def lines(dialog: Dialog, cols: int = 80) -> list[str]:
    rows, _cursor = dialog.rows(cols)
    return ["".join(text for _, text in row) for row in rows]


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ("1", ONCE),
        ("2", ALWAYS),
        ("3", NO),
        ("\r", ONCE),
        ("\x1b[B\r", ALWAYS),
        ("\x1b[B\x1b[B\r", NO),
        ("\x1b[A\r", NO),
        ("\x1b[B\x1b[B\x1b[B\r", ONCE),
        ("\x1b", NO),
    ],
)
def test_a_permission_by_keys(keys: str, answer: str) -> None:
    dialog = Dialog(Permission("make"))
    assert press(dialog, keys)
    assert dialog.answer == answer


@pytest.mark.parametrize(
    ("keys", "answer"), [("1", "Red"), ("2", "Blue"), ("\x1b[B\r", "Blue"), ("\x1b", None)]
)
def test_a_question_by_keys(keys: str, answer: str | None) -> None:
    dialog = Dialog(ASKED)
    assert press(dialog, keys)
    assert dialog.answer == answer


@pytest.mark.parametrize(
    "keys", ["0", "4", "9", "²", "text", "say 2", "\x1b[200~1\x1b[201~", "\t", "\x7f", "\x1b[C"]
)
def test_other_keys_answer_no_permission(keys: str) -> None:
    dialog = Dialog(Permission("make"))
    before = lines(dialog)
    assert not press(dialog, keys)
    assert lines(dialog) == before


@pytest.mark.parametrize("start", ["3", "\x1b[A\r", "\x1b[A"])
def test_free_text_is_typed_edited_and_entered(start: str) -> None:
    dialog = Dialog(ASKED)
    assert not press(dialog, start)
    assert not press(dialog, "teal!\x7f")
    assert lines(dialog)[4] == "❯ 3. teal"
    assert dialog.rows(80)[1] == (9, 4)
    assert press(dialog, "\r")
    assert dialog.answer == "teal"


def test_free_text_may_follow_its_digit_in_one_write() -> None:
    dialog = Dialog(ASKED)
    assert press(dialog, "3teal\r")
    assert dialog.answer == "teal"


def test_the_word_for_an_option_is_free_text_too() -> None:
    dialog = Dialog(ASKED)
    assert press(dialog, "3waiting\r")
    assert dialog.answer == "waiting"


def test_an_empty_free_text_is_no_answer() -> None:
    dialog = Dialog(ASKED)
    assert not press(dialog, "3\r")
    assert not press(dialog, "   \r")
    assert not press(dialog, "\x15\x1b[B")
    assert lines(dialog)[4] == "❯ 3. "


def test_esc_goes_from_the_text_back_to_the_options() -> None:
    dialog = Dialog(ASKED)
    press(dialog, "3abc")
    assert not press(dialog, "\x1b")
    assert lines(dialog)[4] == f"❯ 3. {FREE_TEXT}"
    assert press(dialog, "\x1b")
    assert dialog.answer is None


def test_a_pasted_text_becomes_one_line() -> None:
    dialog = Dialog(ASKED)
    press(dialog, "3\x1b[200~one\r\ntwo\x1b[201~")
    assert press(dialog, "\r")
    assert dialog.answer == "one two"


def test_a_long_command_is_wrapped_and_never_cut() -> None:
    command = "curl " + " ".join(f"--header=X-Number:{number}" for number in range(12))
    shown = lines(Dialog(Permission(command)), 40)
    start, end = shown.index(" Run this command?") + 1, shown.index("❯ 1. Yes, once")
    assert shown[start].startswith("   $ curl")
    assert " ".join(row[5:] for row in shown[start:end]) == command


KEYS: st.SearchStrategy[Key] = st.one_of(
    st.tuples(st.sampled_from(["up", "down", "enter", "esc", "backspace", "tab"]), st.just("")),
    st.tuples(st.sampled_from(["text", "paste"]), st.text(min_size=1)),
)


@given(st.sampled_from([Permission("make all"), ASKED]), st.lists(KEYS), st.integers(20, 120))
def test_no_keys_break_a_dialog(asked: Permission | Question, keys: list[Key], cols: int) -> None:
    dialog = Dialog(asked)
    for key in keys:
        if dialog.key(key):
            break
        rows, cursor = dialog.rows(cols)
        assert sum(line.startswith("❯ ") for line in lines(dialog, cols)) == 1
        assert all(width(row) <= cols for row in rows[:-1])  # the hint is cut when it is shown
        assert cursor is None or (0 <= cursor[0] <= cols and 0 < cursor[1] < len(rows) - 1)


def width(row: Row) -> int:
    return sum(text_width(text) for _, text in row)
