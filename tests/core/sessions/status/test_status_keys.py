from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.protocol.screen import Modes
from quarterdeck.core.sessions.status.keys import (
    ALL_AS_CODES,
    DISAMBIGUATE,
    KeyUnknown,
    key_bytes,
    safe_text,
    text_bytes,
)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("enter", b"\r"), ("esc", b"\x1b"), ("tab", b"\t"), ("space", b" "), ("backspace", b"\x7f"),
        ("up", b"\x1b[A"), ("down", b"\x1b[B"), ("right", b"\x1b[C"), ("left", b"\x1b[D"),
        ("shift+tab", b"\x1b[Z"), ("ctrl+c", b"\x03"), ("y", b"y"), ("1", b"1"), ("é", "é".encode()),
    ],
)  # fmt: skip
def test_keys(name: str, data: bytes) -> None:
    assert key_bytes(name) == data


def test_arrows_in_application_mode() -> None:
    assert key_bytes("down", Modes(application_cursor=True)) == b"\x1bOB"


def test_keys_of_the_kitty_protocol() -> None:
    some, every = Modes(keyboard_flags=DISAMBIGUATE), Modes(keyboard_flags=ALL_AS_CODES)
    assert key_bytes("esc", some) == b"\x1b[27u"
    assert key_bytes("enter", some) == b"\r"
    assert key_bytes("y", some) == b"y"
    assert key_bytes("enter", every) == b"\x1b[13u"
    assert key_bytes("y", every) == b"\x1b[121u"
    assert key_bytes("down", every) == b"\x1b[B"


@pytest.mark.parametrize("name", ["", "ctrl+", "ctrl+1", "ctrl+ab", "f13", "\x1b", "enterr"])
def test_unknown_key(name: str) -> None:
    with pytest.raises(KeyUnknown, match="There is no key"):
        key_bytes(name)


@given(st.text())
def test_no_text_can_press_a_key_or_end_a_paste(text: str) -> None:
    safe = safe_text(text)
    assert all(char in "\n\t" or not (ord(char) < 32 or 127 <= ord(char) < 160) for char in safe)
    data = text_bytes(text, Modes(bracketed_paste=True), paste=True)
    assert data.startswith(b"\x1b[200~")
    assert data.endswith(b"\x1b[201~")
    assert data.count(b"\x1b") == 2


def test_line_ends_are_line_feeds() -> None:
    assert safe_text("a\r\nb\rc\nd") == "a\nb\nc\nd"


def test_text_of_people_stays() -> None:
    for text in ("naïve — “quotes”", "日本語", "👩‍👩‍👧", "a\xa0b", "עברית"):
        assert safe_text(text) == text


def test_paste_needs_a_program_that_knows_it() -> None:
    assert text_bytes("a\nb", Modes(), paste=True) == b"a\nb"
    assert text_bytes("a\nb", Modes(bracketed_paste=True), paste=False) == b"a\nb"


def test_text_that_can_not_be_encoded_is_no_crash() -> None:
    assert text_bytes("a\ud800b", Modes(), paste=False) == b"a?b"
