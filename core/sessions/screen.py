"""One session's screen: the emulator, and whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..protocol.commands import MAX_COLS, MAX_LINES, MIN_COLS, MIN_LINES
from ..protocol.screen import Row, ScreenFrame
from .terminal.port import Emulator

F = TypeVar("F")


def possible(cols: int, lines: int) -> tuple[int, int]:
    """The size nearest to this one that an emulator can have."""
    return min(max(cols, MIN_COLS), MAX_COLS), min(max(lines, MIN_LINES), MAX_LINES)


class SessionScreen:
    """Feeds an emulator and tells watchers; implements the engine's ``ScreenSource``."""

    def __init__(self, session_id: str, emulator: Emulator) -> None:
        self.session_id = session_id
        self.emulator = emulator
        self.ended = False
        self._watchers: dict[int, Callable[[], None]] = {}
        self._taps: dict[int, Callable[[bytes, bool], None]] = {}
        self._next = 0
        self._epoch = 0

    def feed(self, data: bytes) -> None:
        """Parse ``data``; watchers learn of it, taps get it as it stands."""
        self.emulator.feed(data)
        for tap in tuple(self._taps.values()):
            tap(data, False)
        self._changed()

    def replace(self, emulator: Emulator) -> None:
        """Go on with another emulator: a restart's, or a restored one."""
        self._epoch += self.emulator.generation + 1
        self.emulator = emulator
        self.ended = False
        self._changed()

    def resize(self, cols: int, lines: int) -> None:
        """Give the emulator another size, or the nearest that one can have."""
        self.emulator.resize(*possible(cols, lines))
        self._changed()

    def refresh(self) -> None:
        """Let watchers look: time alone may have shown an open frame."""
        self._changed()

    def end(self) -> None:
        """The program's output is over."""
        self.ended = True
        for tap in tuple(self._taps.values()):
            tap(b"", True)
        self._changed()

    def _changed(self) -> None:
        for watcher in tuple(self._watchers.values()):
            watcher()

    @property
    def generation(self) -> int:
        """Grows with every change, also from one emulator to the next; at least 1."""
        return self._epoch + self.emulator.generation + 1

    def frame(self, since: int) -> ScreenFrame | None:
        """What changed after generation ``since`` (0: everything); ``None`` if nothing did."""
        generation = self.generation
        if since == generation:
            return None
        dirty = self._dirty(since)
        emulator = self.emulator
        numbers = range(emulator.rows) if dirty is None else sorted(dirty)
        rows: dict[int, Row] = {y: emulator.row(y) for y in numbers}
        return ScreenFrame.model_construct(
            session_id=self.session_id,
            generation=generation,
            base=since,
            full=dirty is None,
            cols=emulator.cols,
            lines=emulator.rows,
            rows=rows,
            cursor=emulator.cursor,
            modes=emulator.modes,
            title=emulator.title,
            history=emulator.history_length,
        )

    def _dirty(self, since: int) -> frozenset[int] | None:
        inner = since - self._epoch - 1
        if inner < 0 or since > self.generation:
            return None
        return self.emulator.dirty_since(inner)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after every change, until the returned function is called."""
        return self._enter(self._watchers, changed)

    def tap(self, output: Callable[[bytes, bool], None]) -> Callable[[], None]:
        """Pass on the program's bytes as they come, and ``True`` at their end, until released."""
        release = self._enter(self._taps, output)
        if self.ended:
            output(b"", True)
        return release

    def _enter(self, table: dict[int, F], listener: F) -> Callable[[], None]:
        self._next += 1
        key = self._next
        table[key] = listener
        return lambda: (table.pop(key, None), None)[1]

    def repaint(self) -> bytes:
        """Bytes that draw the whole screen on a real terminal of its size."""
        return self.emulator.repaint()
