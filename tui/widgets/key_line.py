"""The line at the bottom: keys that do something now."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from ..model.cells import Cell, Row, both_ends, row_width
from .one_line import OneLine, Spot, spots_in

GAP = 2


class Hint(NamedTuple):
    """A key, what it does, and the action's name."""

    key: str
    text: str
    action: str


class KeyLine(OneLine):
    """Hints from the left, the ones that always hold at the right; what has no room is left out."""

    def show_hints(
        self, left: Sequence[Hint], right: Sequence[Hint], note: str = "", tone: str = "head"
    ) -> None:
        """Show the hints; ``note`` stands before them."""
        self.lay_out(partial(_layout, tuple(left), tuple(right), Cell(f"{note}  ", tone)))


def _layout(
    left: Sequence[Hint], right: Sequence[Hint], note: Cell, width: int
) -> tuple[Row, list[Spot]]:
    end = _cells(right)
    room = width - row_width(end)
    start: Row = (Cell(" "), *([note] if note.text.strip() else []))
    shown: list[Hint] = []
    for hint in left:
        if row_width((*start, *_cells([*shown, hint]))) <= room:
            shown.append(hint)
    row = both_ends((*start, *_cells(shown)), end, width)
    middle = len(row) - len(start) - 2 * len(shown) - 2 * len(right)
    names = [None] * len(start) + _names(shown) + [None] * middle + _names(right)
    return row, spots_in(row, names)


def _cells(hints: Sequence[Hint]) -> Row:
    cells: list[Cell] = []
    for hint in hints:
        cells += [Cell(hint.key, "key"), Cell(f" {hint.text}{' ' * GAP}")]
    return tuple(cells)


def _names(hints: Sequence[Hint]) -> list[str | None]:
    return [hint.action for hint in hints for _ in range(2)]
