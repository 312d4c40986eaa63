"""Keys, pastes, mouse and focus, as xterm and the kitty keyboard protocol encode them."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.protocol.screen import Modes, MouseMode
from quarterdeck.core.sessions.terminal.keys import (
    MouseEvent,
    UnknownKey,
    encode_key,
    focus,
    mouse,
    paste,
    plain,
)

PLAIN = Modes()
APPLICATION = Modes(application_cursor=True, application_keypad=True)
KITTY = Modes(keyboard_flags=1)
ALL_ESCAPES = Modes(keyboard_flags=9)
WITH_TEXT = Modes(keyboard_flags=25)

LEGACY = {
    "a": "a", "A": "A", "é": "é", "漢": "漢", "shift+a": "A", "space": " ", " ": " ", "slash": "/",
    "full_stop": ".", "comma": ",", "question_mark": "?", "left_square_bracket": "[", "plus": "+",
    "+": "+", "minus": "-", "underscore": "_", "at": "@", "less_than_sign": "<", "backslash": "\\",
    "upper_a": None,
    "enter": "\r", "return": "\r", "tab": "\t", "shift+tab": "\x1b[Z", "backtab": "\x1b[Z",
    "escape": "\x1b", "esc": "\x1b", "backspace": "\x7f", "ctrl+backspace": "\x08",
    "alt+backspace": "\x1b\x7f", "alt+enter": "\x1b\r", "shift+enter": "\r", "newline": "\n",
    "ctrl+c": "\x03", "ctrl+a": "\x01", "ctrl+z": "\x1a", "ctrl+j": "\n", "ctrl+i": "\t", "ctrl+m": "\r",
    "ctrl+C": "\x03", "ctrl+shift+c": "\x03", "ctrl+space": "\x00", "ctrl+at": "\x00", "ctrl+@": "\x00",
    "ctrl+backslash": "\x1c", "ctrl+right_square_bracket": "\x1d", "ctrl+]": "\x1d",
    "ctrl+left_square_bracket": "\x1b", "ctrl+circumflex_accent": "\x1e", "ctrl+underscore": "\x1f",
    "ctrl+slash": "\x1f", "ctrl+2": "\x00", "ctrl+6": "\x1e", "ctrl+8": "\x7f", "ctrl+1": "1",
    "alt+x": "\x1bx", "alt+X": "\x1bX", "alt+shift+x": "\x1bX", "ctrl+alt+x": "\x1b\x18", "alt+plus": "\x1b+",
    "alt++": "\x1b+", "ctrl+é": "é",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "ctrl+right": "\x1b[1;5C", "shift+up": "\x1b[1;2A", "alt+left": "\x1b[1;3D",
    "ctrl+shift+end": "\x1b[1;6F", "ctrl+alt+shift+home": "\x1b[1;8H",
    "insert": "\x1b[2~", "delete": "\x1b[3~", "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "pgdn": "\x1b[6~",
    "ctrl+delete": "\x1b[3;5~", "shift+pageup": "\x1b[5;2~",
    "f1": "\x1bOP", "f4": "\x1bOS", "f5": "\x1b[15~", "f10": "\x1b[21~", "f11": "\x1b[23~", "f12": "\x1b[24~",
    "f13": "\x1b[25~", "f20": "\x1b[34~", "shift+f1": "\x1b[1;2P", "ctrl+f5": "\x1b[15;5~",
    "kp_5": "5", "kp_enter": "\r", "kp_add": "+",
}  # fmt: skip


@pytest.mark.parametrize(("name", "sent"), [pair for pair in LEGACY.items() if pair[1] is not None])
def test_legacy_keys(name: str, sent: str) -> None:
    assert encode_key(name, PLAIN) == sent.encode()


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("up", "\x1bOA"), ("end", "\x1bOF"), ("ctrl+up", "\x1b[1;5A"), ("f1", "\x1bOP"), ("delete", "\x1b[3~"),
        ("kp_5", "\x1bOu"), ("kp_enter", "\x1bOM"), ("shift+kp_add", "\x1bO2k"), ("a", "a"),
    ],
)  # fmt: skip
def test_application_modes(name: str, sent: str) -> None:
    assert encode_key(name, APPLICATION) == sent.encode()


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("escape", "\x1b[27u"), ("shift+escape", "\x1b[27;2u"), ("enter", "\r"), ("tab", "\t"),
        ("backspace", "\x7f"), ("shift+enter", "\x1b[13;2u"), ("ctrl+enter", "\x1b[13;5u"),
        ("shift+tab", "\x1b[9;2u"), ("alt+backspace", "\x1b[127;3u"), ("a", "a"), ("A", "A"),
        ("shift+a", "A"), ("ctrl+c", "\x1b[99;5u"), ("ctrl+shift+c", "\x1b[99;6u"), ("ctrl+C", "\x1b[99;6u"),
        ("alt+x", "\x1b[120;3u"), ("ctrl+space", "\x1b[32;5u"), ("super+k", "\x1b[107;9u"), ("space", " "),
        ("up", "\x1b[A"), ("ctrl+up", "\x1b[1;5A"), ("f1", "\x1b[P"), ("f3", "\x1b[13~"),
        ("shift+f3", "\x1b[13;2~"), ("f5", "\x1b[15~"), ("é", "é"), ("ctrl+é", "\x1b[233;5u"),
    ],
)  # fmt: skip
def test_kitty_disambiguation(name: str, sent: str) -> None:
    assert encode_key(name, KITTY) == sent.encode()
    if name == "up":
        assert encode_key(name, KITTY._replace(application_cursor=True)) == sent.encode()


@pytest.mark.parametrize(
    ("name", "escaped", "with_text"),
    [
        ("a", "\x1b[97u", "\x1b[97;;97u"),
        ("A", "\x1b[97;2u", "\x1b[97;2;65u"),
        ("shift+a", "\x1b[97;2u", "\x1b[97;2;65u"),
        ("enter", "\x1b[13u", "\x1b[13u"),
        ("tab", "\x1b[9u", "\x1b[9u"),
        ("backspace", "\x1b[127u", "\x1b[127u"),
        ("ctrl+a", "\x1b[97;5u", "\x1b[97;5u"),
        ("ß", "\x1b[223u", "\x1b[223;;223u"),
        ("İ", "\x1b[304u", "\x1b[304;;304u"),
    ],
)
def test_kitty_all_keys(name: str, escaped: str, with_text: str) -> None:
    assert encode_key(name, ALL_ESCAPES) == escaped.encode()
    assert encode_key(name, WITH_TEXT) == with_text.encode()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("pagup", "pageup"), ("ctrl+rihgt", "right"), ("f25", "f2"), ("bogus+a", None), ("", None),
        ("ctrl+", None), ("\x1b", None), ("upper_a", None), ("keycap_digit_one", None), ("ctrl+shift", None),
    ],
)  # fmt: skip
def test_unknown_keys(name: str, near: str | None) -> None:
    with pytest.raises(UnknownKey) as refused:
        encode_key(name, PLAIN)
    assert refused.value.code == "unknown_key"
    assert repr(name) in refused.value.message
    if near is not None:
        assert near in refused.value.details["near"]
        assert near in refused.value.message


@given(
    name=st.sampled_from([name for name, sent in LEGACY.items() if sent is not None]),
    modifiers=st.sets(st.sampled_from(["ctrl", "alt", "shift"])),
    flags=st.integers(0, 31),
    application=st.booleans(),
)
def test_every_key_has_bytes_in_every_mode(
    name: str, modifiers: set[str], flags: int, application: bool
) -> None:
    modes = Modes(
        keyboard_flags=flags, application_cursor=application, application_keypad=application
    )
    assert encode_key("+".join([*sorted(modifiers), name]), modes)


@given(character=st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cf", "Co", "Cn"]))
def test_characters_are_sent_as_they_are(character: str) -> None:
    assert encode_key(character, PLAIN) == character.encode()
    assert encode_key(character, KITTY) == character.encode()


@given(letter=st.sampled_from(string.ascii_lowercase))
def test_ctrl_and_a_letter(letter: str) -> None:
    assert encode_key(f"ctrl+{letter}", PLAIN) == bytes([ord(letter) - 96])


# Pastes

BRACKETED = Modes(bracketed_paste=True)


def test_a_paste() -> None:
    assert paste("a\r\nb\nc\rd", PLAIN) == b"a\rb\rc\rd"
    assert paste("a\r\nb\nc", BRACKETED) == b"\x1b[200~a\nb\nc\x1b[201~"
    assert paste("漢\t!", PLAIN) == "漢\t!".encode()


@pytest.mark.parametrize(
    "text",
    [
        "a\x1b[201~rm -rf /\r",
        "\x1b[20\x1b[201~1~x",
        "\x1b[\x1b[201~201~x",
        "\x9b201~x",
        "\x1b[200~\x1b[201~",
    ],
)
def test_pasted_text_can_not_end_its_paste(text: str) -> None:
    sent = paste(text, BRACKETED)
    assert sent.startswith(b"\x1b[200~")
    assert sent.endswith(b"\x1b[201~")
    assert b"\x1b" not in sent[6:-6]
    assert b"\xc2\x9b" not in sent


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_pasted_text_presses_no_keys(text: str) -> None:
    allowed = {"\t", "\n", "\r"}
    for modes in (PLAIN, BRACKETED):
        sent = paste(text, modes).decode()
        inner = sent.removeprefix("\x1b[200~").removesuffix("\x1b[201~")
        assert all(char.isprintable() or char in allowed or ord(char) > 0x9F for char in inner)


@given(st.text())
def test_typed_text_presses_no_keys(text: str) -> None:
    typed = plain(text).decode()
    assert all(one in "\n\t" or not (ord(one) < 32 or 127 <= ord(one) < 160) for one in typed)


def test_typed_line_ends_are_line_feeds() -> None:
    assert plain("a\r\nb\rc\nd") == b"a\nb\nc\nd"


@pytest.mark.parametrize("text", ["naïve — “quotes”", "日本語", "👩‍👩‍👧", "a\xa0b", "עברית"])
def test_text_of_people_stays(text: str) -> None:
    assert plain(text) == text.encode()


def test_half_a_surrogate_pair_does_not_stop_a_paste() -> None:
    assert paste("a\ud800b", PLAIN) == b"a?b"


# Mouse


def modes_for(mouse_mode: MouseMode, *, sgr: bool = True) -> Modes:
    return Modes(mouse=mouse_mode, mouse_sgr=sgr)


PRESS = MouseEvent("press", 4, 2, button=1)
RELEASE = MouseEvent("release", 4, 2, button=1)
DRAG = MouseEvent("move", 4, 2, button=1)
HOVER = MouseEvent("move", 4, 2)
WHEEL = MouseEvent("scroll_up", 4, 2)


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (MouseMode.OFF, []),
        (MouseMode.PRESS, [PRESS]),
        (MouseMode.CLICK, [PRESS, RELEASE, WHEEL]),
        (MouseMode.DRAG, [PRESS, RELEASE, DRAG, WHEEL]),
        (MouseMode.MOTION, [PRESS, RELEASE, DRAG, HOVER, WHEEL]),
    ],
)
def test_only_what_was_asked_for_is_told(mode: MouseMode, told: list[MouseEvent]) -> None:
    sent = [
        event for event in (PRESS, RELEASE, DRAG, HOVER, WHEEL) if mouse(event, modes_for(mode))
    ]
    assert sent == told


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        (PRESS, "\x1b[<0;5;3M"),
        (RELEASE, "\x1b[<0;5;3m"),
        (MouseEvent("press", 0, 0, button=3), "\x1b[<2;1;1M"),
        (MouseEvent("release", 0, 0, button=2), "\x1b[<1;1;1m"),
        (DRAG, "\x1b[<32;5;3M"),
        (HOVER, "\x1b[<35;5;3M"),
        (WHEEL, "\x1b[<64;5;3M"),
        (MouseEvent("scroll_down", 4, 2), "\x1b[<65;5;3M"),
        (MouseEvent("press", 4, 2, button=1, shift=True, alt=True, ctrl=True), "\x1b[<28;5;3M"),
        (MouseEvent("press", 10**9, -5, button=1), "\x1b[<0;65535;1M"),
        (MouseEvent("press", 4, 2), ""),
        (MouseEvent("press", 4, 2, button=9), ""),
    ],
)
def test_sgr_mouse(event: MouseEvent, sent: str) -> None:
    assert mouse(event, modes_for(MouseMode.MOTION)) == sent.encode()


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        (PRESS, b"\x1b[M \x25\x23"),
        (RELEASE, b"\x1b[M\x23\x25\x23"),
        (MouseEvent("release", 4, 2, button=3, ctrl=True), b"\x1b[M\x33\x25\x23"),
        (WHEEL, b"\x1b[M\x60\x25\x23"),
        (MouseEvent("press", 222, 222, button=1), b"\x1b[M \xff\xff"),
        (MouseEvent("press", 223, 0, button=1), b""),
        (MouseEvent("press", 0, 223, button=1), b""),
    ],
)
def test_legacy_mouse(event: MouseEvent, sent: bytes) -> None:
    assert mouse(event, modes_for(MouseMode.MOTION, sgr=False)) == sent


def test_the_oldest_mouse_mode_knows_no_modifiers() -> None:
    event = MouseEvent("press", 4, 2, button=1, ctrl=True)
    assert mouse(event, modes_for(MouseMode.PRESS, sgr=False)) == b"\x1b[M \x25\x23"


def test_focus() -> None:
    asked = Modes(focus_events=True)
    assert focus(True, asked) == b"\x1b[I"
    assert focus(False, asked) == b"\x1b[O"
    assert focus(True, PLAIN) == b""
