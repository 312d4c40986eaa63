"""The log of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.geometry import Size

from ..model.cells import Cell, Column, Row, arrange
from ..model.log import Entry, log_row
from .lines import Lines

TIME, TYPE, SESSION = 9, 20, 16
WIDE = 70
NOTHING = "no event yet"


class EventList(Lines):
    """One line per event, newest at the end.

    ``rows`` is the log's own list: it grows in place, so that twenty thousand events a second
    cost only the lines that can be seen.
    """

    def __init__(self, names: Mapping[str, str], *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._names = names
        self._follow = True

    def show_events(self, rows: Sequence[Entry], cursor: int | None, *, dropped: int = 0) -> None:
        """Show the log as it is now; ``dropped`` rows have left at the top."""
        self._follow = cursor is None
        shown: Sequence[Any] = rows or (NOTHING,)
        before = self.virtual_size.height
        self.rows, self.cursor = shown, len(rows) - 1 if self._follow and rows else cursor
        if before != len(shown):
            self.virtual_size = Size(self.size.width, len(shown))
        self._scroll(self.scroll_offset.y - dropped)
        self.refresh()

    def _scroll(self, top: int) -> None:
        """Stay at ``top``, or at the end while following."""
        if self._follow:
            top = len(self.rows) - self.scrollable_content_region.height
        if top != self.scroll_offset.y:
            self.scroll_to(y=max(0, top), animate=False, immediate=True, force=True)

    def on_resize(self) -> None:
        """The end may be elsewhere."""
        self._scroll(self.scroll_offset.y)

    def can_pick(self, index: int) -> bool:
        """Only events can be picked."""
        return super().can_pick(index) and isinstance(self.rows[index], Entry)

    def compose_row(self, row: Any, width: int) -> Row:
        """The cells of an event."""
        if not isinstance(row, Entry):
            return (Cell(str(row), "muted"),)
        line = log_row(row.event, self._names)
        session = (Column(line.session, "head", SESSION),) if width >= WIDE else ()
        text = line.text if session or not line.session else f"{line.session}: {line.text}"
        return arrange(
            (
                Column(line.time, "muted", TIME),
                Column(line.type, "working", TYPE),
                *session,
                Column(text, line.tone),
            ),
            width,
        )
