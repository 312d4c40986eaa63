"""Lines of text to read: details and help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model.cells import Cell, Row, cut
from .lines import Lines


class TextLines(Lines):
    """Rows of cells, without a cursor."""

    def show_text(self, rows: Sequence[Row]) -> None:
        """Show ``rows`` from the top."""
        self.show(tuple(rows), None)
        self.scroll_home(animate=False)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show ``rows`` in place of what is shown, scrolled as it is."""
        self.show(tuple(rows), None)

    def show_plain(self, lines: Sequence[str], tone: str = "") -> None:
        """Show lines of one tone."""
        self.show_text([(Cell(line, tone),) for line in lines])

    def can_pick(self, index: int) -> bool:
        """Text is only read."""
        return False

    def compose_row(self, row: Any, width: int) -> Row:
        """The row as it is, cut to ``width``."""
        return cut(row, width)
