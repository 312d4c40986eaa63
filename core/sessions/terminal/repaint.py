"""A screen drawn on a person's own terminal, and that terminal given back."""

from __future__ import annotations

from ...protocol.screen import CursorShape, Modes
from .modes import MOUSE_MODES, NEW_LINE
from .screens import Screens

_SHAPES = {CursorShape.BLOCK: 2, CursorShape.UNDERLINE: 4, CursorShape.BAR: 6}
_MOUSE_OFF = b"".join(b"\x1b[?%dl" % number for number in (*MOUSE_MODES, 1006))
_PLAIN = (
    b"\x1b[?2026l" + _MOUSE_OFF + b"\x1b[?1004l\x1b[?2004l\x1b[?1l\x1b>"
    b"\x1b[=0u\x1b[>4;0m\x1b[?6l\x1b[?7h\x1b[4l\x1b[20l\x1b[r\x1b(B\x0f\x1b[0m"
)


def paint_modes(screens: Screens, modes: Modes) -> bytes:
    """The bytes that bring a terminal from any state to this screen and these modes.

    The title is left alone: a program's text reaches the person's terminal as cells only.
    """
    alt = b"\x1b[?1049h" if modes.alt_screen else b"\x1b[?1049l"
    return b"".join(
        (
            _PLAIN,
            alt,
            screens.redraw_of(screens.grid),
            b"" if screens.modes.ansi[NEW_LINE] else b"\x1b[20l",
            _input_modes(modes),
            b"\x1b[%d q" % _SHAPES[screens.modes.shape],
        )
    )


def _input_modes(modes: Modes) -> bytes:
    wanted = {
        1: modes.application_cursor,
        1004: modes.focus_events,
        1006: modes.mouse_sgr,
        2004: modes.bracketed_paste,
    }
    numbers = [number for number, on in wanted.items() if on]
    numbers += [n for n, mouse in MOUSE_MODES.items() if mouse is modes.mouse]
    keypad = b"\x1b=" if modes.application_keypad else b""
    flags = b"\x1b[=%du" % modes.keyboard_flags if modes.keyboard_flags else b""
    return b"".join(b"\x1b[?%dh" % number for number in numbers) + keypad + flags


def unpaint_modes() -> bytes:
    """The bytes that leave the alternate screen and undo every mode a program may have set."""
    return _PLAIN + b"\x1b[?1049l\x1b[?25h\x1b[0 q"
