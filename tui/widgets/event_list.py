"""The log of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.geometry import Size

from ..model.cells import Cell, Column, Row, arrange
from ..model.log import LogRow
from .lines import Lines

TIME, TYPE, SESSION = 9, 20, 16
WIDE = 70
NOTHING = "no event yet"


class EventList(Lines):
    """One line per event, newest at the end.

    ``rows`` is the log's own list: it grows in place, so that twenty thousand events a second
    cost only the lines that can be seen.
    """

    def show_events(self, rows: Sequence[LogRow], cursor: int | None, *, dropped: int = 0) -> None:
        """Show the log as it is now; ``dropped`` rows have left at the top."""
        follow = cursor is None
        shown: Sequence[Any] = rows or (NOTHING,)
        before = self.virtual_size.height
        self.rows, self.cursor = shown, len(rows) - 1 if follow and rows else cursor
        if before != len(shown):
            self.virtual_size = Size(self.size.width, len(shown))
        if follow:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        elif dropped:
            self.scroll_to(y=max(0, self.scroll_offset.y - dropped), animate=False, immediate=True)
        self.refresh()

    def can_pick(self, index: int) -> bool:
        """Only events can be picked."""
        return super().can_pick(index) and isinstance(self.rows[index], LogRow)

    def compose_row(self, row: Any, width: int) -> Row:
        """The cells of an event."""
        if not isinstance(row, LogRow):
            return (Cell(str(row), "muted"),)
        session = (Column(row.session, "head", SESSION),) if width >= WIDE else ()
        text = row.text if session or not row.session else f"{row.session}: {row.text}"
        return arrange(
            (
                Column(row.time, "muted", TIME),
                Column(row.type, "key", TYPE),
                *session,
                Column(text, row.tone),
            ),
            width,
        )
