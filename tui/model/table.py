"""Tables: columns that have room, cells of several tones, cells that are drawn for their width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .cells import Cell, Row, cut, row_width

WIDE = 90


class Drawn(Protocol):
    """A cell that is made for the width that it gets; values, so that rows can be compared."""

    def row(self, width: int) -> Row:
        """The cell in at most ``width`` cells."""
        ...


class Col(NamedTuple):
    """One column: ``width`` cells, or with 0 what the others leave; ``wide`` in a wide table.

    It is shown in tables that have at least ``since`` cells.
    """

    title: str
    width: int = 0
    right: bool = False
    wide: int = 0
    since: int = 0


Layout = tuple[Col, ...]


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row; ``key`` names what it is about, and is empty where the cursor can't stand."""

    layout: Layout
    cells: tuple[Row | Drawn, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of its own: a heading, or what belongs to the row over it."""

    cells: Row
    key: str = ""


AnyRow = TableRow | Line


def one(text: str, tone: str = "") -> Row:
    """A cell of one tone."""
    return (Cell(text, tone),)


def heading(layout: Layout) -> TableRow:
    """What the columns are."""
    return TableRow(layout, tuple(one(col.title, "muted") for col in layout))


def head(title: str) -> list[AnyRow]:
    """A heading over a group of rows, apart from what is before it."""
    return [Line(()), Line(one(title, "head"))]


def lay_out(row: AnyRow, width: int) -> Row:
    """``row`` in ``width`` cells."""
    if isinstance(row, Line):
        shown = cut(row.cells, width)
        return (*shown, Cell(" " * (width - row_width(shown))))
    placed = [
        (col, cell) for col, cell in zip(row.layout, row.cells, strict=True) if width >= col.since
    ]
    rooms = list(_rooms([col for col, _ in placed], width))
    cells: list[Cell] = []
    for (col, cell), room in zip(placed, rooms, strict=True):
        cells += _cell(cell, room, right=col.right)
    return cut(cells, width)


def _rooms(cols: Sequence[Col], width: int) -> Iterator[int]:
    sizes = [(col.wide or col.width) if width >= WIDE else col.width for col in cols]
    flexible = [index for index, size in enumerate(sizes) if not size]
    rest = max(0, width - sum(sizes))
    share, extra = divmod(rest, len(flexible)) if flexible else (0, 0)
    for index, size in enumerate(sizes):
        yield size or share + (extra if index == flexible[-1] else 0)


def _cell(cell: Row | Drawn, room: int, *, right: bool) -> Iterable[Cell]:
    """The cell in exactly ``room`` cells; one blank at least stands before the next column."""
    inner = max(0, room - 1)
    shown = cut(cell, inner) if isinstance(cell, tuple) else cell.row(inner)
    blank = inner - row_width(shown)
    apart = Cell(" " * (room - inner))
    if right:
        return (Cell(" " * blank), *shown, apart)
    return (*shown, Cell(" " * (blank + room - inner)))
