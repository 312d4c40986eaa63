"""The list of workflows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model.cells import Cell, Column, Row, arrange, fit
from ..model.flow.rows import EndedRow, FlowListRow, FlowRow, ProgressRow
from ..model.flow.words import bar
from .lines import Lines

WIDE = 60
SIGN, WORD, COUNT, TIME, BAR = 2, 15, 12, 7, 16
NOTHING = "no workflow"


class FlowList(Lines):
    """A workflow in one line where it is wide, else in two."""

    @property
    def tall(self) -> bool:
        """Whether a workflow takes two lines."""
        return self.scrollable_content_region.width < WIDE

    def show_flows(self, rows: Sequence[FlowListRow], current: str | None) -> None:
        """Show ``rows`` with the cursor on the workflow ``current``."""
        places = (
            index
            for index, row in enumerate(rows)
            if isinstance(row, FlowRow) and row.id == current
        )
        self.show(rows or (NOTHING,), next(places, None))

    def can_pick(self, index: int) -> bool:
        """What stands under a name belongs to it."""
        return super().can_pick(index) and isinstance(self.rows[index], FlowRow | EndedRow)

    def show_line(self, index: int) -> None:
        """A workflow's second line is seen with it."""
        under = index + 1
        if under < len(self.rows) and isinstance(self.rows[under], ProgressRow):
            super().show_line(under)
        else:
            super().show_line(index)

    def flow_at(self, index: int) -> str | None:
        """The workflow of a row; ``None`` for another kind of row."""
        row = self.rows[index] if 0 <= index < len(self.rows) else None
        return row.id if isinstance(row, FlowRow) else None

    def row_under(self, y: int) -> int:
        """The row that a click at ``y`` is for: a second line stands for the first."""
        under = 0 <= y < len(self.rows) and isinstance(self.rows[y], ProgressRow)
        return y - 1 if under else y

    def compose_row(self, row: Any, width: int) -> Row:
        """The cells of a workflow, its progress, or the fold."""
        if isinstance(row, FlowRow):
            return _wide(row, width) if width >= WIDE else _name(row, width)
        if isinstance(row, ProgressRow):
            return _progress(row.flow, width)
        return (Cell(fit(row.text if isinstance(row, EndedRow) else str(row), width), "muted"),)


def _name(row: FlowRow, width: int) -> Row:
    word = Column(f" {row.word}", row.tone, len(row.word) + 1)
    return arrange((Column(row.sign, row.tone, SIGN), Column(row.name, "head"), word), width)


def _progress(row: FlowRow, width: int) -> Row:
    count = f" {row.done}/{row.total}"
    time = max(TIME, len(row.time) + 1)
    room = max(0, width - SIGN - len(count) - time)
    return (
        Cell(" " * SIGN),
        Cell(bar(row.done, row.total, room), row.tone),
        Cell(count),
        Cell(fit(row.time, time, right=True), "muted"),
    )


def _wide(row: FlowRow, width: int) -> Row:
    return arrange(
        (
            Column(row.sign, row.tone, SIGN),
            Column(row.name, "head"),
            Column(f" {row.word}", row.tone, WORD),
            Column(bar(row.done, row.total, BAR), row.tone, BAR),
            Column(f" {row.done}/{row.total}", "", COUNT),
            Column(row.time, "muted", TIME, right=True),
            *((Column(f"  {row.file}", "muted"),) if width >= WIDE * 2 else ()),
        ),
        width,
    )
