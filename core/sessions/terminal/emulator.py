"""The emulator: one grid or two behind the scanner that both back ends share."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...base.clock import SYSTEM_CLOCK, Clock
from ...protocol.commands import MAX_COLS, MAX_LINES, MIN_COLS, MIN_LINES
from ...protocol.screen import Cursor, Modes, Row
from .grid import GridFactory
from .interpreter import Interpreter
from .port import Match, SizeRefused
from .queries import CellSize, Colours
from .repaint import paint_modes, unpaint_modes
from .screens import Screens
from .search import find_all
from .signals import Signal
from .status_protocol import StatusRecords

_MARKS = 512


class _Mark(NamedTuple):
    """What stood when a generation began."""

    generation: int
    epoch: int
    damage: int


class GridEmulator:
    """An ``Emulator`` on grids made by ``make``."""

    def __init__(
        self,
        make: GridFactory,
        backend: str,
        cols: int,
        rows: int,
        *,
        scrollback: int,
        colours: Colours | None = None,
        cell: CellSize | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        check_size(cols, rows)
        self.backend = backend
        self.screens = Screens(make, cols, rows, scrollback)
        self.interpreter = Interpreter(
            self.screens, colours or Colours(), cell or CellSize(), clock
        )
        self._generation = 0
        self._seen = self._state()
        self._marks = [_Mark(0, 0, self.screens.grid.damage())]

    @property
    def cols(self) -> int:
        """Columns of the screen."""
        return self.screens.cols

    @property
    def rows(self) -> int:
        """Lines of the screen."""
        return self.screens.rows

    # Bytes in

    def feed(self, data: bytes) -> None:
        """Take the program's next bytes."""
        self.interpreter.feed(data)

    def resize(self, cols: int, rows: int) -> None:
        """Take another size.

        :raises SizeRefused: if the size is out of bounds.
        """
        check_size(cols, rows)
        if (cols, rows) != (self.cols, self.rows):
            self.interpreter.end_frame()
            self.screens.resize(cols, rows)

    # The screen

    def row(self, y: int) -> Row:
        """Line ``y`` of the screen."""
        self.interpreter.expire()
        return self.screens.grid.row(y)

    def lines(self) -> list[str]:
        """The screen's text, without trailing blanks."""
        self.interpreter.expire()
        return self.screens.grid.lines()

    @property
    def history_length(self) -> int:
        """How many lines have scrolled off the main screen and are kept."""
        self.interpreter.expire()
        return self.screens.main.history_length()

    def history(self, start: int, count: int) -> list[Row]:
        """Lines of the history; 0 is the oldest."""
        self.interpreter.expire()
        first = max(0, start)
        last = min(start + count, self.screens.main.history_length())
        return self.screens.main.history(first, max(0, last - first))

    def search(self, text: str, *, ignore_case: bool = False) -> list[Match]:
        """Where ``text`` stands in history and screen, oldest first."""
        self.interpreter.expire()
        main = self.screens.main
        lines = [*main.history_lines(), *self.screens.grid.lines()]
        return find_all(lines, text, ignore_case=ignore_case, width=main.width)

    @property
    def cursor(self) -> Cursor:
        """Where the cursor stands."""
        self.interpreter.expire()
        grid = self.screens.grid
        x, y = grid.cursor()
        return Cursor(x, y, grid.cursor_visible(), self.screens.modes.shape)

    @property
    def modes(self) -> Modes:
        """The modes that decide how keys are sent and what is drawn."""
        self.interpreter.expire()
        screens = self.screens
        return screens.modes.view(alt_screen=screens.in_alt, keyboard_flags=screens.keyboard.flags)

    @property
    def title(self) -> str:
        """The title that the program set."""
        return self.interpreter.title

    @property
    def status(self) -> StatusRecords:
        """What the program reports of itself."""
        return self.interpreter.status

    @property
    def held_until(self) -> float | None:
        """When an open frame is shown unfinished."""
        return self.interpreter.deadline

    # Changes

    def _state(self) -> tuple[Any, ...]:
        screens, grid = self.screens, self.screens.grid
        return (
            screens.epoch,
            screens.touched,
            grid.damage(),
            grid.cursor(),
            grid.cursor_visible(),
            screens.modes.shape,
            screens.keyboard.flags,
        )

    @property
    def generation(self) -> int:
        """Grows with every change of what is shown."""
        self.interpreter.expire()
        state = self._state()
        if state != self._seen:
            self._seen = state
            self._generation += 1
            self._marks.append(_Mark(self._generation, state[0], state[2]))
            if len(self._marks) > _MARKS:
                del self._marks[: _MARKS // 2]
        return self._generation

    def dirty_since(self, generation: int) -> frozenset[int] | None:
        """Lines that may have changed since ``generation`` was read; ``None``: all of them."""
        if generation >= self.generation:
            return frozenset()
        at = bisect.bisect_right(self._marks, generation, key=lambda mark: mark.generation) - 1
        if at < 0 or self._marks[at].epoch != self.screens.epoch:
            return None
        return frozenset(self.screens.grid.damaged_since(self._marks[at].damage))

    # What the program is told and tells

    @property
    def dropped_signals(self) -> int:
        """How many signals were lost because nobody took them."""
        return self.interpreter.signals.dropped

    def take_replies(self) -> bytes:
        """Answers to device queries since the last call."""
        return self.interpreter.replies.take()

    def take_signals(self) -> list[Signal]:
        """What the program told since the last call."""
        return self.interpreter.signals.take()

    @contextmanager
    def mute(self) -> Iterator[None]:
        """Within it no replies and no signals arise."""
        self.interpreter.muted += 1
        try:
            yield
        finally:
            self.interpreter.muted -= 1

    # Elsewhere

    def snapshot(self, *, offset: int = 0, history: int = 500) -> bytes:
        """All state, with at most ``history`` lines; ``offset`` is kept for the caller."""
        from .snapshot import write_snapshot  # noqa: PLC0415 - pydantic and zlib, at first use

        return write_snapshot(self, offset=offset, history=history)

    def repaint(self) -> bytes:
        """Bytes that make a real terminal of this size show this screen."""
        self.interpreter.expire()
        return paint_modes(self.screens, self.modes)

    def reset_modes(self) -> bytes:
        """Bytes that give a real terminal back what ``repaint`` took."""
        return unpaint_modes()


def check_size(cols: int, rows: int) -> None:
    """Refuse sizes that no terminal has.

    :raises SizeRefused: if the size is out of bounds.
    """
    if not (MIN_COLS <= cols <= MAX_COLS and MIN_LINES <= rows <= MAX_LINES):
        raise SizeRefused(
            f"A terminal can't have {cols} columns and {rows} lines; it has {MIN_COLS} to "
            f"{MAX_COLS} columns and {MIN_LINES} to {MAX_LINES} lines.",
            cols=cols,
            rows=rows,
        )
