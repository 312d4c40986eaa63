"""A watched screen, rebuilt from its frames."""

from __future__ import annotations

from ..protocol.screen import Cursor, Modes, Row, ScreenFrame

EVERYTHING = None


class ScreenModel:
    """The lines of one session's screen; ``generation`` 0 means that nothing has come yet."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.generation = 0
        self.cols = 0
        self.lines = 0
        self.rows: list[Row] = []
        self.cursor = Cursor()
        self.modes = Modes()
        self.title = ""
        self.history = 0

    def apply(self, frame: ScreenFrame) -> frozenset[int] | None:
        """The numbers of the lines to repaint; ``None``: all of them.

        A frame that builds on another generation than the one held is left out (empty set); the
        engine sends a full one to whoever watches anew.
        """
        if not frame.full and frame.base != self.generation:
            return frozenset()
        changed = set(frame.rows)
        if frame.full:
            self.rows = [frame.rows.get(y, ()) for y in range(frame.lines)]
        else:
            self._take(frame)
        changed.update(self._cursor_lines(frame.cursor))
        resized = (frame.cols, frame.lines) != (self.cols, self.lines)
        self.generation, self.cols, self.lines = frame.generation, frame.cols, frame.lines
        self.cursor, self.modes, self.title = frame.cursor, frame.modes, frame.title
        self.history = frame.history
        return EVERYTHING if frame.full or resized else frozenset(changed)

    def _take(self, frame: ScreenFrame) -> None:
        if len(self.rows) != frame.lines:
            missing = frame.lines - len(self.rows)
            self.rows = [*self.rows[: frame.lines], *([()] * missing)]
        for y, row in frame.rows.items():
            if y < frame.lines:
                self.rows[y] = row

    def _cursor_lines(self, new: Cursor) -> set[int]:
        """The lines on which the cursor must be taken off or drawn."""
        return set() if new == self.cursor else {self.cursor.y, new.y}
