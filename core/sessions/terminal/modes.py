"""The modes of a terminal: one table for both back ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...protocol.screen import CursorShape, Modes, MouseMode

APPLICATION_CURSOR = 1
ORIGIN = 6
AUTOWRAP = 7
CURSOR_VISIBLE = 25
KEYPAD = 66
FOCUS = 1004
MOUSE_SGR = 1006
BRACKETED_PASTE = 2004
SYNCHRONIZED = 2026
SCHEME_UPDATES = 2031
INSERT = 4
NEW_LINE = 20

MOUSE_MODES = {
    9: MouseMode.PRESS,
    1000: MouseMode.CLICK,
    1002: MouseMode.DRAG,
    1003: MouseMode.MOTION,
}
ALT_SCREEN = frozenset({47, 1047, 1049})

_PRIVATE = {
    APPLICATION_CURSOR: False,
    ORIGIN: False,
    AUTOWRAP: True,
    KEYPAD: False,
    FOCUS: False,
    MOUSE_SGR: False,
    BRACKETED_PASTE: False,
    SCHEME_UPDATES: False,
}
_ANSI = {INSERT: False, NEW_LINE: False}
_SOFT_RESET = (APPLICATION_CURSOR, ORIGIN, AUTOWRAP, KEYPAD)

_SHAPES = {
    0: CursorShape.BLOCK,
    1: CursorShape.BLOCK,
    2: CursorShape.BLOCK,
    3: CursorShape.UNDERLINE,
    4: CursorShape.UNDERLINE,
    5: CursorShape.BAR,
    6: CursorShape.BAR,
}

KNOWN_KEYBOARD_FLAGS = 1 | 8 | 16
"""Of the kitty keyboard flags these are honoured: disambiguate, all keys as escapes, their text."""
_MAX_STACK = 16


class KeyboardStack:
    """The kitty keyboard flags of one screen."""

    def __init__(self, flags: list[int] | None = None) -> None:
        self._stack = list(flags or [0])

    @property
    def flags(self) -> int:
        """The flags in force."""
        return self._stack[-1]

    def push(self, flags: int) -> None:
        """Put ``flags`` in force; beyond 16 the oldest are forgotten."""
        self._stack.append(flags & KNOWN_KEYBOARD_FLAGS)
        del self._stack[:-_MAX_STACK]

    def pop(self, count: int) -> None:
        """Take back the last ``count`` pushes; none are in force once all are taken back."""
        del self._stack[-max(1, count) :]
        if not self._stack:
            self._stack.append(0)

    def change(self, flags: int, how: int) -> None:
        """Replace (1), add (2) or remove (3) flags."""
        flags &= KNOWN_KEYBOARD_FLAGS
        now = self.flags
        self._stack[-1] = {1: flags, 2: now | flags, 3: now & ~flags}.get(how, now)

    def dump(self) -> list[int]:
        """The stack, bottom first."""
        return list(self._stack)


class ModeTable:
    """Every mode that is known, apart from the cursor's visibility and the screen in use."""

    def __init__(self) -> None:
        self.private = dict(_PRIVATE)
        self.ansi = dict(_ANSI)
        self.mouse = MouseMode.OFF
        self.shape = CursorShape.BLOCK

    def set_private(self, number: int, on: bool) -> bool:
        """Set or reset a DEC private mode; whether it is one that is known here."""
        if number in MOUSE_MODES:
            self.mouse = MOUSE_MODES[number] if on else MouseMode.OFF
            return True
        if number not in self.private:
            return False
        self.private[number] = on
        return True

    def set_ansi(self, number: int, on: bool) -> bool:
        """Set or reset an ANSI mode; whether it is one that is known here."""
        if number not in self.ansi:
            return False
        self.ansi[number] = on
        return True

    def state(self, number: int, *, private: bool) -> int:
        """1 if the mode is set, 2 if it is reset, 0 if it is not known."""
        if private and number in MOUSE_MODES:
            return 1 if self.mouse is MOUSE_MODES[number] else 2
        table = self.private if private else self.ansi
        if number not in table:
            return 0
        return 1 if table[number] else 2

    def set_shape(self, style: int) -> None:
        """Take the cursor's shape from DECSCUSR; unknown styles change nothing."""
        self.shape = _SHAPES.get(style, self.shape)

    def soft_reset(self) -> None:
        """What DECSTR puts back."""
        for number in _SOFT_RESET:
            self.private[number] = _PRIVATE[number]
        self.ansi[INSERT] = False

    def view(self, *, alt_screen: bool, keyboard_flags: int) -> Modes:
        """The modes that a front end must know."""
        return Modes(
            alt_screen=alt_screen,
            mouse=self.mouse,
            mouse_sgr=self.private[MOUSE_SGR],
            bracketed_paste=self.private[BRACKETED_PASTE],
            application_cursor=self.private[APPLICATION_CURSOR],
            application_keypad=self.private[KEYPAD],
            focus_events=self.private[FOCUS],
            keyboard_flags=keyboard_flags,
        )

    def drawing(self) -> bytes:
        """The sequences that give a fresh grid these modes, but for origin and insert mode."""
        wrap = b"" if self.private[AUTOWRAP] else b"\x1b[?7l"
        return wrap + (b"\x1b[20h" if self.ansi[NEW_LINE] else b"")

    def dump(self) -> dict[str, Any]:
        """The modes as plain values, for a snapshot."""
        return {
            "private": sorted(n for n, on in self.private.items() if on),
            "ansi": sorted(n for n, on in self.ansi.items() if on),
            "mouse": self.mouse.value,
            "shape": self.shape.value,
        }

    def load(self, values: Mapping[str, Any]) -> None:
        """Take over what ``dump`` gave.

        :raises ValueError: if a value is not known.
        """
        self.private = {number: number in values["private"] for number in _PRIVATE}
        self.ansi = {number: number in values["ansi"] for number in _ANSI}
        self.mouse = MouseMode(values["mouse"])
        self.shape = CursorShape(values["shape"])
