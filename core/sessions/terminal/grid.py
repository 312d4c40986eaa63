"""What a back end is: one screen of cells with its history, drawn on by a clean stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ...protocol.screen import Row
from .clusters import is_flag
from .modes import INSERT, ORIGIN, ModeTable
from .styles import PLAIN, row_ansi, sgr

PLAIN_STATE = b"\x1b[r\x1b[?6l\x1b[4l\x1b[0m"
CLEAR = PLAIN_STATE + b"\x1b[H\x1b[2J"
KEEPS_WRAP = "P@LMSTJKXgmhl"
"""The final bytes of the CSI sequences that leave a pending wrap pending."""
TAIL = 4096
"""Bytes of the last output that are remembered, for what a back end doesn't tell of its state."""


class Grid(Protocol):
    """One screen.

    ``process`` gets only what ``scanner`` lets through, and the modes ?6, ?7, ?25, 4 and 20. Private to the emulator: nothing else talks to a grid.
    """

    cols: int
    rows: int

    def process(self, data: bytes) -> None:
        """Draw ``data``."""
        ...

    def resize(self, cols: int, rows: int) -> None:
        """Take another size; afterwards the screen is blank and the history still there."""
        ...

    def cursor(self) -> tuple[int, int]:
        """Column and line, from 0; in a pending wrap the last column."""
        ...

    def cursor_visible(self) -> bool:
        """Whether the cursor is shown."""
        ...

    def pen(self) -> str:
        """The SGR parameters that give the style in force, beginning with 0."""
        ...

    def margins(self) -> tuple[int, int]:
        """The first and last line of the scroll region, from 0."""
        ...

    def tab_stops(self) -> list[int]:
        """The columns of the tab stops, from 0."""
        ...

    def pending_wrap(self, tail: bytes) -> bool:
        """Whether the next character goes to the next line; ``tail``: the last bytes drawn."""
        ...

    def row(self, y: int) -> Row:
        """Line ``y`` of the screen."""
        ...

    def lines(self) -> list[str]:
        """The screen's text, without trailing blanks."""
        ...

    def damage(self) -> int:
        """A number that grows with every change of cells."""
        ...

    def damaged_since(self, damage: int) -> Sequence[int]:
        """The lines whose cells may have changed since ``damage`` was read."""
        ...

    def history_length(self) -> int:
        """How many lines have scrolled off and are kept."""
        ...

    def history(self, start: int, count: int) -> list[Row]:
        """Lines of the history; 0 is the oldest."""
        ...

    def history_lines(self) -> list[str]:
        """The history's text, oldest first, without trailing blanks."""
        ...

    def clear_history(self, redraw: Callable[[], bytes]) -> bool:
        """Forget the lines that have scrolled off.

        Where that can't spare the screen, ``redraw`` is asked for the bytes that draw it again;
        the result is whether it was.
        """
        ...

    def width(self, char: str) -> int:
        """The cells that ``char`` takes, as this back end counts."""
        ...


GridFactory = Callable[[int, int, int], Grid]
"""Makes a blank grid from columns, lines and the length of its history."""


class GridState(NamedTuple):
    """All that must be drawn again to go on elsewhere; ``tabs`` is ``None`` for every 8 columns."""

    rows: list[Row]
    x: int
    y: int
    pending: bool
    visible: bool
    pen: str
    margins: tuple[int, int]
    tabs: list[int] | None


def capture(grid: Grid, tail: bytes) -> GridState:
    """The state of ``grid``; ``tail`` are the last bytes that it drew."""
    x, y = grid.cursor()
    tabs = grid.tab_stops()
    return GridState(
        rows=[grid.row(line) for line in range(grid.rows)],
        x=x,
        y=y,
        pending=x == grid.cols - 1 and grid.pending_wrap(tail),
        visible=grid.cursor_visible(),
        pen=grid.pen(),
        margins=grid.margins(),
        tabs=None if tabs == default_tabs(grid.cols) else tabs,
    )


def default_tabs(cols: int) -> list[int]:
    """A stop every eight columns."""
    return list(range(0, cols, 8))


def redraw(state: GridState, grid: Grid, modes: ModeTable) -> bytes:
    """The bytes that give a screen of ``grid``'s size this state, whatever it showed before."""
    full = (0, grid.rows - 1)
    top, bottom = state.margins
    return b"".join(
        (
            b"\x1b[?7h" + CLEAR,
            draw_rows(state.rows),
            set_tabs(state.tabs) if state.tabs is not None else b"",
            b"\x1b[%d;%dr" % (top + 1, bottom + 1) if state.margins != full else b"",
            b"\x1b[?6h" if modes.private[ORIGIN] else b"",
            _place(state, grid, origin=modes.private[ORIGIN]),
            f"\x1b[{state.pen}m".encode(),
            b"\x1b[4h" if modes.ansi[INSERT] else b"",
            modes.drawing(),
            b"\x1b[?25h" if state.visible else b"\x1b[?25l",
        )
    )


def draw_rows(rows: Sequence[Row]) -> bytes:
    """The bytes that draw ``rows`` on a clear screen."""
    lines = (f"\x1b[{y + 1};1H{row_ansi(row)}" for y, row in enumerate(rows) if row)
    return "".join(lines).encode()


def set_tabs(tabs: Sequence[int]) -> bytes:
    """The bytes that set exactly these tab stops; they move the cursor."""
    return b"\x1b[3g" + b"".join(b"\x1b[%dG\x1bH" % (tab + 1) for tab in tabs)


def move(x: int, y: int) -> bytes:
    """The bytes that put the cursor there."""
    return b"\x1b[%d;%dH" % (y + 1, x + 1)


def _place(state: GridState, grid: Grid, *, origin: bool) -> bytes:
    """The bytes that put the cursor in its place, a pending wrap pending again."""
    text, style, width = " ", PLAIN, 0
    if state.pending:
        text, style = _last_cell(state.rows[state.y], grid)
        width = 2 if is_flag(text) else max(1, grid.width(text[0]))
    x = grid.cols - width if state.pending else state.x
    printed = f"{sgr(*style)}{text}".encode() if state.pending else b""
    return (_move_in_region(x, state) if origin else move(x, state.y)) + printed


def _move_in_region(x: int, state: GridState) -> bytes:
    """The same in origin mode, where only moving up or down leads out of the scroll region."""
    top, bottom = state.margins
    inside = min(max(state.y, top), bottom)
    beyond = state.y - inside
    further = b"\x1b[%d%s" % (abs(beyond), b"A" if beyond < 0 else b"B") if beyond else b""
    return move(x, inside - top) + further


def _last_cell(row: Row, grid: Grid) -> tuple[str, tuple[int, int, int]]:
    """What stands in the last column, to be printed again: that alone leaves a pending wrap."""
    cells = sum(grid.width(char) for run in row for char in run.text)
    if cells < grid.cols:
        return " ", PLAIN
    last = row[-1]
    if is_flag(last.text[-2:]):
        return last.text[-2:], last[1:]
    start = len(last.text) - 1
    while start and grid.width(last.text[start]) == 0:
        start -= 1
    return last.text[start:], last[1:]
