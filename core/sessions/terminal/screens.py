"""The main and the alternate screen, and all state that goes with them but not into cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...protocol.screen import Row
from .grid import (
    CLEAR,
    PLAIN_STATE,
    TAIL,
    Grid,
    GridFactory,
    GridState,
    capture,
    default_tabs,
    move,
    redraw,
    set_tabs,
)
from .modes import (
    ALT_SCREEN,
    AUTOWRAP,
    CURSOR_VISIBLE,
    INSERT,
    NEW_LINE,
    ORIGIN,
    KeyboardStack,
    ModeTable,
)
from .styles import merge

_SAVE_CURSOR = 1048
EFFORT = 256
"""How many resets, alignment tests and switches of the screen one feed may hold: output that is
made to stall a terminal holds thousands."""
_REDRAW = 16
_REPEATED_LINES = 4
_ITEM = re.compile(
    rb"\x1b\[(?:[0-9;:]*m|\?25[hl])()"  # 1: what repeating looks through
    rb"|\x1b_([^\x1b]*)\x1b\\"  # 2: a character before a snapshot, for grids a string without effect
    rb"|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x1f\x7f]"
    rb"|([ -~]|[\xc2-\xf4][\x80-\xbf]*)"  # 3: a character
)


_TEXT = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|([_-~]+)")
_LINES = dict(zip(
    range(0x5F, 0x7F),
    (char.encode() for char in " ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"),
    strict=True,
))  # fmt: skip
"""The line drawing set (DEC special graphics)."""


def line_drawing(data: bytes) -> bytes:
    """``data`` with the letters outside of escape sequences as lines."""
    return _TEXT.sub(_as_lines, data)


def _as_lines(match: re.Match[bytes]) -> bytes:
    return b"".join(_LINES[byte] for byte in match[1]) if match[1] else match[0]


class Charsets(NamedTuple):
    """Which of G0 to G3 are the line drawing set, and which is in use."""

    drawing: tuple[bool, ...] = (False,) * 4
    shift: int = 0

    @property
    def lines(self) -> bool:
        """Whether letters come out as lines."""
        return self.drawing[self.shift]


class SavedCursor(NamedTuple):
    """What DECSC keeps. A pending wrap is not kept."""

    x: int = 0
    y: int = 0
    pen: str = "0"
    charsets: Charsets = Charsets()
    origin: bool = False


class Screens:
    """Two grids of which one is shown; the alternate one lives only while it is."""

    def __init__(self, make: GridFactory, cols: int, rows: int, scrollback: int) -> None:
        self.cols = cols
        self.rows = rows
        self.scrollback = scrollback
        self.make = make
        self.main: Grid = make(cols, rows, scrollback)
        self.alt: Grid | None = None
        self.tail = b"\r"
        """The last bytes drawn; a fresh grid stands at a line's start."""
        self.epoch = 0
        """Grows when the screen as a whole became another."""
        self.touched = 0
        """Grows with changes that no cell shows."""
        self.effort = EFFORT
        """What is left for whole-screen work in one feed; the rest of it is left undone."""
        self._reset_state()

    def _reset_state(self) -> None:
        self.modes = ModeTable()
        self.charsets = Charsets()
        self.saved = {False: SavedCursor(), True: SavedCursor()}
        self.keyboards = {False: KeyboardStack(), True: KeyboardStack()}

    @property
    def grid(self) -> Grid:
        """The screen that is shown."""
        return self.main if self.alt is None else self.alt

    @property
    def in_alt(self) -> bool:
        """Whether that is the alternate one."""
        return self.alt is not None

    @property
    def keyboard(self) -> KeyboardStack:
        """The keyboard flags of the screen that is shown."""
        return self.keyboards[self.in_alt]

    def _affordable(self, effort: int) -> bool:
        """Whether this feed may still take ``effort``, which is then spent."""
        self.effort -= effort
        return self.effort >= 0

    def draw(self, data: bytes) -> None:
        """Draw what a program wrote on the screen that is shown."""
        self._put(line_drawing(data) if self.charsets.lines else data)

    def _put(self, data: bytes) -> None:
        self.grid.process(data)
        self.tail = data[-TAIL:] if len(data) >= TAIL else (self.tail + data)[-TAIL:]

    # Modes

    def set_private(self, numbers: Sequence[int], on: bool) -> None:
        """Set or reset DEC private modes; those that nobody knows change nothing."""
        for number in numbers:
            if number in ALT_SCREEN:
                self._switch(number, on)
            elif number == _SAVE_CURSOR:
                self.save_cursor() if on else self.restore_cursor()
            elif number == CURSOR_VISIBLE:
                self._put(b"\x1b[?25h" if on else b"\x1b[?25l")
            elif self.modes.set_private(number, on) and number in {ORIGIN, AUTOWRAP}:
                home = b"\x1b[H" if number == ORIGIN else b""
                self._put(_mode(number, on, private=True) + home)
        self.touched += 1

    def set_ansi(self, numbers: Sequence[int], on: bool) -> None:
        """Set or reset ANSI modes."""
        for number in numbers:
            if self.modes.set_ansi(number, on):
                self._put(_mode(number, on, private=False))

    def mode_state(self, number: int, *, private: bool) -> int:
        """1 if the mode is set, 2 if it is reset, 0 if it is not known."""
        if private and number in ALT_SCREEN:
            return 1 if self.in_alt else 2
        if private and number == CURSOR_VISIBLE:
            return 1 if self.grid.cursor_visible() else 2
        return self.modes.state(number, private=private)

    # The alternate screen

    def _switch(self, number: int, on: bool) -> None:
        if on == self.in_alt or not self._affordable(1):
            return
        left = self.grid
        x, y = left.cursor()
        pen, visible = left.pen(), left.cursor_visible()
        if on:
            self._enter(number, left)
        else:
            self.alt = None
            self.keyboards[True] = KeyboardStack()
        self.tail = b""
        self.epoch += 1
        self._put(self._modes_now() + self._pen(pen) + self._at(x, y))
        self._put(b"\x1b[?25h" if visible else b"\x1b[?25l")
        if number == 1049 and not on:
            self.restore_cursor()

    def _enter(self, number: int, left: Grid) -> None:
        if number == 1049:
            self.save_cursor()
        self.alt = self.make(self.cols, self.rows, 0)
        self.saved[True] = SavedCursor()
        tabs = left.tab_stops()
        if tabs != default_tabs(self.cols):
            self.alt.process(set_tabs(tabs))

    def _modes_now(self) -> bytes:
        private, ansi = self.modes.private, self.modes.ansi
        return b"".join(
            (
                _mode(AUTOWRAP, private[AUTOWRAP], private=True),
                _mode(ORIGIN, private[ORIGIN], private=True),
                _mode(INSERT, ansi[INSERT], private=False),
                _mode(NEW_LINE, ansi[NEW_LINE], private=False),
            )
        )

    def _pen(self, pen: str) -> bytes:
        return f"\x1b[{pen}m".encode()

    def _at(self, x: int, y: int) -> bytes:
        """The bytes that put the cursor at a place counted from the screen's corner."""
        top = self.grid.margins()[0] if self.modes.private[ORIGIN] else 0
        return move(min(x, self.cols - 1), max(0, min(y, self.rows - 1) - top))

    # The cursor

    def save_cursor(self) -> None:
        """DECSC."""
        x, y = self.grid.cursor()
        self.saved[self.in_alt] = SavedCursor(
            x, y, self.grid.pen(), self.charsets, self.modes.private[ORIGIN]
        )

    def restore_cursor(self) -> None:
        """DECRC; home in the default style if nothing was saved."""
        saved = self.saved[self.in_alt]
        self.charsets = saved.charsets
        self.modes.private[ORIGIN] = saved.origin
        self._put(_mode(ORIGIN, saved.origin, private=True) + self._pen(saved.pen))
        self._put(self._at(saved.x, saved.y))

    def reported_cursor(self) -> tuple[int, int]:
        """Line and column from 1; in origin mode counted from the scroll region's top."""
        x, y = self.grid.cursor()
        top = self.grid.margins()[0] if self.modes.private[ORIGIN] else 0
        return y - top + 1, x + 1

    # Character sets

    def designate(self, slot: int, code: bytes) -> None:
        """Make G0 to G3 the line drawing set (``0``) or letters (all others)."""
        drawing = list(self.charsets.drawing)
        drawing[slot] = code == b"0"
        self.charsets = Charsets(tuple(drawing), self.charsets.shift)

    def shift(self, slot: int) -> None:
        """Use G0 to G3."""
        self.charsets = self.charsets._replace(shift=slot)

    # Whole screens

    def repeat(self, count: int) -> None:
        """REP: print the character before once more, ``count`` times, on a few lines at most."""
        self._put(self.last_character() * min(count, self.cols * _REPEATED_LINES))

    def last_character(self) -> bytes:
        """The character printed last, if nothing but styles came after it."""
        last = b""
        for item in _ITEM.finditer(self.tail[-256:]):
            if item[1] is None:
                last = item[2] or item[3] or b""
        return last

    def align(self) -> None:
        """DECALN: a screen full of E."""
        if not self._affordable(1):
            return
        pen = self.grid.pen()
        row = b"E" * self.cols
        lines = b"".join(move(0, y) + row for y in range(self.rows))
        self.modes.private[ORIGIN] = False
        self._put(b"\x1b[?7l" + CLEAR + lines + self._modes_now() + self._pen(pen) + move(0, 0))

    def clear_history(self) -> None:
        """Forget the lines that have scrolled off."""
        if not self.main.history_length() or not self._affordable(_REDRAW):
            return
        if self.main.clear_history(lambda: self.redraw_of(self.main)):
            self.epoch += 1
            if not self.in_alt:
                self.tail = self.redraw_of(self.main)[-TAIL:]
        self.touched += 1

    def soft_reset(self) -> None:
        """DECSTR: modes, margins, style; the cells and the cursor's place stay."""
        x, y = self.grid.cursor()
        self.modes.soft_reset()
        self.charsets = Charsets()
        self.saved[self.in_alt] = SavedCursor()
        self._put(b"\x1b[r" + self._modes_now() + self._pen("0") + move(x, y) + b"\x1b[?25h")
        self.touched += 1

    def reset(self) -> None:
        """RIS: everything as at the start, history too."""
        if not self._affordable(1):
            return
        self.main = self.make(self.cols, self.rows, self.scrollback)
        self.alt = None
        self.tail = b"\r"
        self.epoch += 1
        self._reset_state()

    def resize(self, cols: int, rows: int) -> None:
        """Take another size: lines are cut or padded; what no longer fits above scrolls off."""
        grids = [self.main] if self.alt is None else [self.main, self.alt]
        tails = [b"", self.tail] if self.alt is not None else [self.tail]
        states = [capture(grid, tail) for grid, tail in zip(grids, tails, strict=True)]
        self.cols, self.rows = cols, rows
        self.epoch += 1
        for grid, state in zip(grids, states, strict=True):
            self.tail = self._refit(grid, state)

    def _refit(self, grid: Grid, state: GridState) -> bytes:
        excess = max(0, state.y + 1 - self.rows)
        grid.process(PLAIN_STATE + move(0, grid.rows - 1) + b"\n" * excess)
        old_cols = grid.cols
        grid.resize(self.cols, self.rows)
        every_8 = default_tabs(self.cols)
        kept = state.rows[excess : excess + self.rows]
        tabs = every_8 if state.tabs is None else [tab for tab in state.tabs if tab < self.cols]
        fitted = state._replace(
            rows=[cut_row(row, self.cols, grid) if self.cols < old_cols else row for row in kept],
            x=min(state.x, self.cols - 1),
            y=state.y - excess,
            pending=state.pending and self.cols == old_cols,
            margins=(0, self.rows - 1),
            tabs=None if tabs == every_8 == grid.tab_stops() else tabs,
        )
        drawn = self.redraw_of(grid, fitted)
        grid.process(drawn)
        return drawn[-TAIL:]

    def redraw_of(self, grid: Grid, state: GridState | None = None) -> bytes:
        """The bytes that give a screen the state of ``grid``, or another state."""
        tail = self.tail if grid is self.grid else b""
        now = state or capture(grid, tail)
        return redraw(now, grid, self.modes)

    # Snapshots

    def dump(self) -> dict[str, Any]:
        """What is not in the grids, as plain values."""
        return {
            "last": self.last_character().decode("utf-8", "replace"),
            "modes": self.modes.dump(),
            "charsets": self.charsets,
            "saved": [self.saved[alt] for alt in (False, True)],
            "keyboards": [self.keyboards[alt].dump() for alt in (False, True)],
        }

    def load_history(self, stream: bytes, cols: int) -> None:
        """Scroll ``stream`` through a fresh main screen that is ``cols`` wide meanwhile."""
        if cols != self.cols:
            self.main = self.make(cols, self.rows, self.scrollback)
        self.main.process(stream)
        if cols != self.cols:
            self.main.resize(self.cols, self.rows)

    def load(self, values: dict[str, Any], main: bytes, alt: bytes | None) -> None:
        """Take over what ``dump`` and ``redraw_of`` gave, on grids that are blank."""
        self.modes.load(values["modes"])
        self.charsets = _load_charsets(values["charsets"])
        self.saved = dict(zip((False, True), map(_load_saved, values["saved"]), strict=True))
        stacks = map(KeyboardStack, values["keyboards"])
        self.keyboards = dict(zip((False, True), stacks, strict=True))
        self._put(main)
        if alt is not None:
            self.alt = self.make(self.cols, self.rows, 0)
            self._put(alt)
        self.tail += b"\x1b_" + values["last"].encode() + b"\x1b\\"


def _mode(number: int, on: bool, *, private: bool) -> bytes:
    return b"\x1b[%s%d%s" % (b"?" if private else b"", number, b"h" if on else b"l")


def _load_charsets(values: Sequence[Any]) -> Charsets:
    drawing, shift = values
    return Charsets(tuple(map(bool, drawing)), int(shift))


def _load_saved(values: Sequence[Any]) -> SavedCursor:
    x, y, pen, charsets, origin = values
    return SavedCursor(x, y, pen, _load_charsets(charsets), origin)


def row_width(row: Row, grid: Grid) -> int:
    """How many cells ``row`` takes up."""
    return sum(
        len(run.text) if run.text.isascii() else sum(map(grid.width, run.text)) for run in row
    )


def cut_row(row: Row, cols: int, grid: Grid) -> Row:
    """``row`` without what stands beyond ``cols`` cells; half a wide character becomes blank."""
    kept = []
    left = cols
    for run in row:
        text = ""
        for char in run.text:
            width = grid.width(char)
            if width > left:
                text += " " * left
                left = 0
                break
            text += char
            left -= width
        kept.append(run._replace(text=text))
        if not left:
            break
    return merge(kept)
