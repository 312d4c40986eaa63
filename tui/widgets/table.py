"""A table with a cursor that stays on what it is about, and a text whose links the cursor goes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.content import Content

from ..model.cells import Cell, Row
from ..model.table import AnyRow, Line, TableRow, lay_out
from .lines import Lines


class Table(Lines):
    """Rows with keys; ``chosen`` is the key under the cursor, or empty."""

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.title = title
        self.chosen = ""
        self._titled = ""

    def on_mount(self) -> None:
        """The title stands on the upper edge."""
        self.show_title(self.title)

    def show_title(self, title: str) -> None:
        """Say on the upper edge what is listed."""
        if title != self._titled:
            self._titled = title
            self.border_title = Content(title)

    def show_rows(self, rows: Sequence[AnyRow], chosen: str | None = None) -> None:
        """Show ``rows``; the cursor stays on what it is about, or goes to what took its place; with nothing chosen to the first."""
        wanted = self.chosen if chosen is None else chosen
        places = [index for index, row in enumerate(rows) if row.key]
        found = next((index for index in places if rows[index].key == wanted), None)
        if found is None and places:
            before = (self.cursor or 0) if wanted else 0
            found = next((index for index in places if index >= before), places[-1])
        self.chosen = rows[found].key if found is not None else ""
        self.show(tuple(rows), found)

    def can_pick(self, index: int) -> bool:
        """Headings and what belongs to a row can't be picked."""
        return super().can_pick(index) and bool(self.rows[index].key)

    def choose(self, index: int) -> None:
        """Put the cursor on a row."""
        self.chosen = self.rows[index].key
        self.point(index)

    def step(self, rows: int) -> bool:
        """Move the cursor by so many rows; whether it went to another one."""
        index = self.neighbour(rows)
        if index is not None and index != self.cursor:
            self.choose(index)
            return True
        if index is None and rows < 0:
            self.scroll_home(animate=False)
        return False

    def compose_row(self, row: Any, width: int) -> Row:
        """The columns that have room."""
        if isinstance(row, TableRow | Line):
            return lay_out(row, width)
        return (Cell(str(row), "muted"),)


class LinkedText(Table):
    """A text to read; the cursor goes to links that are in sight, else the text is scrolled."""

    def show_rows(self, rows: Sequence[AnyRow], chosen: str | None = None) -> None:
        """Show ``rows``; without a link chosen the cursor stands nowhere."""
        wanted = self.chosen if chosen is None else chosen
        found = next((at for at, row in enumerate(rows) if row.key and row.key == wanted), None)
        self.chosen = wanted if found is not None else ""
        self.show(tuple(rows), found)

    def from_the_top(self) -> None:
        """Read another text."""
        self.chosen = ""
        self.scroll_home(animate=False)

    def step(self, rows: int) -> bool:
        """To the next link if it is in sight or on the next line, else on by so many lines."""
        way = 1 if rows > 0 else -1
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        start = self.cursor
        if start is None or not top <= start < top + height:
            start = top - 1 if way > 0 else top + height
        ahead = range(start + way, top + height if way > 0 else top - 1, way)
        found = next((at for at in ahead if self.can_pick(at)), None)
        if found is not None and abs(rows) == 1:
            self.choose(found)
            return True
        self.scroll_relative(y=rows, animate=False, force=True, immediate=True)
        return False
