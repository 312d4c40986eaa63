"""The attention queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from ..model.cells import Cell, Column, Row, arrange
from ..model.frame import NO_ITEM
from ..model.rows import ItemRow
from .lines import Lines

SIGN, AGE = 2, 6


class AttentionList(Lines):
    """One line per item: sign, session, what it is about, how long it has waited."""

    _longest = 0

    def show_items(self, rows: Sequence[ItemRow], current: str | None) -> None:
        """Show ``rows`` with the cursor on the item ``current``; an empty queue says so."""
        places = (index for index, row in enumerate(rows) if row.id == current)
        longest = max((cell_len(row.session) for row in rows), default=0)
        if longest != self._longest:
            self._longest = longest
            self.repaint()
        self.show(rows or (NO_ITEM,), next(places, None))

    def can_pick(self, index: int) -> bool:
        """Only items can be picked."""
        return super().can_pick(index) and isinstance(self.rows[index], ItemRow)

    def item_at(self, index: int) -> str | None:
        """The item of a row."""
        row = self.rows[index] if 0 <= index < len(self.rows) else None
        return row.id if isinstance(row, ItemRow) else None

    def compose_row(self, row: Any, width: int) -> Row:
        """The cells of an item."""
        if not isinstance(row, ItemRow):
            return (Cell(str(row), "muted"),)
        name = min(max(4, self._longest), max(6, (width - SIGN - AGE) // 2), 24)
        return arrange(
            (
                Column(row.sign, row.tone, SIGN),
                Column(row.session, row.tone if row.tone != "done" else "", name),
                Column(f" {row.title}"),
                Column(row.age, "muted", AGE, right=True),
            ),
            width,
        )
