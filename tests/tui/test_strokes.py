"""Strokes know what was sent and what it means; only keys get into sessions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.message import Message

from quarterdeck.core.protocol.screen import Modes
from quarterdeck.core.sessions.terminal.keys import encode_key
from quarterdeck.tui.keys.names import name_of, wire_name
from quarterdeck.tui.keys.strokes import Stroke, StrokeReader, Typed


def read(text: str) -> list[Message]:
    reader = StrokeReader()
    return [*reader.feed(text), *reader.flush()]


def strokes(text: str) -> list[Stroke]:
    return [one for found in read(text) if isinstance(found, Typed) for one in found.strokes]


def key(event: Any) -> str:
    assert isinstance(event, events.Key)
    return name_of(event)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a", "a"), ("G", "G"), ("é", "é"), ("\r", "enter"), ("\t", "tab"), ("\x1b", "escape"),
        ("\x7f", "backspace"), ("\x1d", "ctrl+]"), ("\x03", "ctrl+c"), ("\x1b[A", "up"),
        ("\x1bOP", "f1"), ("\x1b[15~", "f5"), ("\x1b[6;2~", "shift+pagedown"),
        ("\x1b[Z", "shift+tab"), ("\x1b[93;5u", "ctrl+]"), ("\x1b[97;;97u", "a"),
    ],
)  # fmt: skip
def test_plain_keys(text: str, name: str) -> None:
    (stroke,) = strokes(text)
    assert key(stroke.event) == name
    assert not stroke.as_it_came
    assert stroke.data == text.encode()


@pytest.mark.parametrize(
    ("text", "alt", "second", "field"),
    [
        ("\x1bb", "alt+b", "b", "ctrl+left"),
        ("\x1bf", "alt+f", "f", "ctrl+right"),
        ("\x1b:", "alt+:", ":", ""),
        ("\x1b1", "alt+1", "1", ""),
        ("\x1b\r", "alt+enter", "enter", "alt+enter"),
        ("\x1b\x7f", "alt+backspace", "backspace", "ctrl+w"),
        ("\x1b\x1d", "alt+ctrl+]", "ctrl+]", ""),
    ],
)
def test_an_escape_with_a_key_may_be_both(text: str, alt: str, second: str, field: str) -> None:
    (stroke,) = strokes(text)
    assert stroke.as_it_came
    assert stroke.data == text.encode()
    assert key(stroke.event).lower() == alt
    assert [key(one) for one in stroke.apart] == ["escape", second]
    assert (stroke.field.key if stroke.field else "") == field


def test_what_is_typed_at_once_comes_in_its_order() -> None:
    (typed,) = read("\x1b:wq\r")
    assert isinstance(typed, Typed)
    assert b"".join(one.data for one in typed.strokes) == b"\x1b:wq\r"
    assert len(list(typed.events())) == 6


def test_pastes_are_one_stroke_without_zeros_and_half_characters() -> None:
    (stroke,) = strokes("\x1b[200~rm\0 -rf\r\nü\udcff\x1b[201~")
    assert isinstance(stroke.event, events.Paste)
    assert stroke.event.text == "rm -rf\r\nü?"


@pytest.mark.parametrize(
    "report", ["\x1b[?62;22c", "\x1b]11;rgb:00/00/00\x07", "\x1bP1$r0m\x1b\\", "\x1b[>0;276;0c"]
)
def test_reports_of_the_terminal_type_nothing(report: str) -> None:
    assert [one.raw for one in strokes(f"a{report}b")] == ["a", "b"]


def test_mouse_focus_and_modes_are_the_toolkits() -> None:
    found = read("x\x1b[<0;3;4My\x1b[I\x1b[?2026;2$y")
    assert [type(one).__name__ for one in found] == [
        "Typed", "MouseDown", "Typed", "AppFocus", "TerminalSupportsSynchronizedOutput",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["\x1b[1;99Z", "\x1bOz", "\udcff"])
def test_a_key_nobody_knows_is_kept_as_it_came(text: str) -> None:
    (stroke,) = strokes(text)
    assert stroke.event is None
    assert stroke.as_it_came
    assert stroke.data == text.encode(errors="surrogateescape")
    assert [one.raw for one in strokes(f"{text}q")] == [text, "q"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_no_text_loses_a_character(text: str) -> None:
    """Into a session in plain modes, every character arrives as it was sent."""
    reader = StrokeReader()
    arrived = b""
    for found in [*reader.feed(text.replace("\x1b", "")), *reader.flush()]:
        assert isinstance(found, Typed)
        for stroke in found.strokes:
            if isinstance(stroke.event, events.Key) and not stroke.as_it_came:
                arrived += encode_key(wire_name(stroke.event), Modes())
            else:
                arrived += stroke.data
    assert arrived == text.replace("\x1b", "").encode()
