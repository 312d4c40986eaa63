"""Lines of text to read: details and help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model.cells import Cell, Row, cut
from ..model.words import wrapped
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


class Paragraphs(TextLines):
    """Text that is broken between words, and is as high as its lines need, up to ``most``."""

    def __init__(self, most: int, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._most = most
        self._said: Sequence[Cell] = ()

    def say(self, paragraphs: Sequence[Cell]) -> None:
        """Show each of ``paragraphs`` from a line of its own on."""
        self._said = paragraphs
        self._break()

    def limit(self, most: int) -> None:
        """Be at most so high."""
        self._most = most
        self._break()

    @property
    def overflows(self) -> bool:
        """Whether there are more lines than are seen at once."""
        return len(self.rows) > self._most

    def on_resize(self) -> None:
        """Lines end elsewhere."""
        super().on_resize()
        self._break()

    def _break(self) -> None:
        width = self.content_size.width
        rows = [
            (Cell(line, cell.tone),)
            for cell in self._said
            for line in (wrapped(cell.text, width) if width else (cell.text,))
        ]
        self.styles.height = min(len(rows), self._most)
        if tuple(rows) != tuple(self.rows):
            self.show_text(rows)
