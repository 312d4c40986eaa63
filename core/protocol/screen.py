"""Screens as they cross the boundary: rows of styled runs, a cursor, modes."""

from __future__ import annotations

from enum import IntFlag, StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

DEFAULT_COLOUR = -1
RGB = 0x1000000
"""Colours: -1 the theme's default, 0..255 the palette, RGB | 0xrrggbb a direct one."""


class Attr(IntFlag):
    """Attributes of a run of cells."""

    NONE = 0
    BOLD = 1
    DIM = 2
    ITALIC = 4
    UNDERLINE = 8
    BLINK = 16
    REVERSE = 32
    HIDDEN = 64
    STRIKE = 128


class Run(NamedTuple):
    """Cells of one style side by side; a wide character counts two cells and stands once."""

    text: str
    fg: int = DEFAULT_COLOUR
    bg: int = DEFAULT_COLOUR
    attrs: int = 0


Row = tuple[Run, ...]
"""One line of a screen, left to right; trailing default blanks are left out."""


def row_text(row: Row) -> str:
    """The characters of ``row``, without styles."""
    return "".join(run.text for run in row)


class CursorShape(StrEnum):
    """How the program wants its cursor drawn."""

    BLOCK = "block"
    UNDERLINE = "underline"
    BAR = "bar"


class Cursor(NamedTuple):
    """Where the cursor stands, counted in cells from 0."""

    x: int = 0
    y: int = 0
    visible: bool = True
    shape: CursorShape = CursorShape.BLOCK


class MouseMode(StrEnum):
    """Which mouse events the program asked for."""

    OFF = "off"
    PRESS = "press"  # X10 (mode 9): presses only
    CLICK = "click"  # 1000: presses and releases
    DRAG = "drag"  # 1002: and motion with a button down
    MOTION = "motion"  # 1003: all motion


class Modes(NamedTuple):
    """The modes a front end must know to send the right bytes and draw the right thing."""

    alt_screen: bool = False
    mouse: MouseMode = MouseMode.OFF
    mouse_sgr: bool = False
    bracketed_paste: bool = False
    application_cursor: bool = False
    application_keypad: bool = False
    focus_events: bool = False
    keyboard_flags: int = 0  # kitty keyboard protocol


class ScreenFrame(BaseModel):
    """What changed on a screen since the frame before.

    ``rows`` maps a line's number (0 at the top) to its cells; with ``full`` it holds every line.
    ``generation`` grows with each change; a frame whose ``base`` is not the generation the front
    end holds must not be applied.
    """

    model_config = ConfigDict(frozen=True)

    session_id: str
    generation: int
    base: int = 0
    full: bool = False
    cols: int
    lines: int
    rows: dict[int, Row]
    cursor: Cursor = Cursor()
    modes: Modes = Modes()
    title: str = ""
    history: int = 0
