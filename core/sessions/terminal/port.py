"""What the rest of the program sees of a terminal emulator."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from ...base.errors import ResourceFault, ValidationFault
from ...protocol.screen import Cursor, Modes, Row
from .signals import Signal
from .status_protocol import StatusRecords


class BackendMissing(ResourceFault):
    """The emulator asked for by name is not installed, or does not run on this Python."""

    code = "backend_missing"


class SizeRefused(ValidationFault):
    """A terminal can't have this size."""

    code = "terminal_size"


class SnapshotUnreadable(ResourceFault):
    """A snapshot is damaged, foreign or from a newer version; the screen must be rebuilt."""

    code = "snapshot_unreadable"


class Match(NamedTuple):
    """Where a search found something.

    ``line`` counts from 0 at the oldest line of history; the screen's first line is number
    ``history_length``. ``column`` and ``cells`` are in cells.
    """

    line: int
    column: int
    cells: int
    text: str


class Emulator(Protocol):
    """A terminal without a window: bytes go in, rows, signals and replies come out.

    What it shows does not depend on how the bytes were split. While a program holds a frame by
    synchronized output (mode 2026), rows, cursor and modes stay those of the frame before, until
    the program ends it or ``held_until`` has passed.
    """

    backend: str

    @property
    def cols(self) -> int:
        """Columns of the screen."""
        ...

    @property
    def rows(self) -> int:
        """Lines of the screen."""
        ...

    def feed(self, data: bytes) -> None:
        """Take the program's next bytes."""
        ...

    def resize(self, cols: int, rows: int) -> None:
        """Take another size; lines are cut or padded, never wrapped anew.

        :raises SizeRefused: if the size is out of bounds.
        """
        ...

    def row(self, y: int) -> Row:
        """Line ``y`` of the screen."""
        ...

    def lines(self) -> list[str]:
        """The screen's text, top to bottom, without trailing blanks."""
        ...

    @property
    def history_length(self) -> int:
        """How many lines have scrolled off the main screen and are kept."""
        ...

    def history(self, start: int, count: int) -> list[Row]:
        """Lines of the history; 0 is the oldest."""
        ...

    def search(self, text: str, *, ignore_case: bool = False) -> list[Match]:
        """Where ``text`` stands in history and screen, oldest first, at most 1 000 places.

        Text across a line's end is not found.
        """
        ...

    @property
    def generation(self) -> int:
        """Grows with every change of what is shown: cells, cursor, modes, title."""
        ...

    def dirty_since(self, generation: int) -> frozenset[int] | None:
        """Lines that may have changed since ``generation`` was read; ``None``: all of them."""
        ...

    @property
    def cursor(self) -> Cursor:
        """Where the cursor stands."""
        ...

    @property
    def modes(self) -> Modes:
        """The modes that decide how keys are sent and what is drawn."""
        ...

    @property
    def title(self) -> str:
        """The title that the program set, clean and on one line."""
        ...

    @property
    def status(self) -> StatusRecords:
        """What the program reports of itself (OSC 7501)."""
        ...

    @property
    def held_until(self) -> float | None:
        """When an open frame is shown unfinished, on the clock's monotonic scale."""
        ...

    @property
    def dropped_signals(self) -> int:
        """How many signals were lost because nobody took them."""
        ...

    def take_replies(self) -> bytes:
        """Answers to device queries since the last call, to be written to the program."""
        ...

    def take_signals(self) -> list[Signal]:
        """What the program told since the last call, in order."""
        ...

    def mute(self) -> AbstractContextManager[None]:
        """Within it no replies and no signals arise: for bytes that were seen before."""
        ...

    def snapshot(self, *, offset: int = 0, history: int = 500) -> bytes:
        """All state, compact, with at most ``history`` lines; ``offset`` is kept for the caller."""
        ...

    def repaint(self) -> bytes:
        """Bytes that make a real terminal of this size show this screen, cursor and modes too."""
        ...

    def reset_modes(self) -> bytes:
        """Bytes that give a real terminal back what ``repaint`` and the program's output took."""
        ...


class Restored(NamedTuple):
    """An emulator made from a snapshot, and the offset kept with it."""

    emulator: Emulator
    offset: int
