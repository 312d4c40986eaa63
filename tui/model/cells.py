"""Rows as they are shown: cells of text, each with a tone that the theme colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Cell(NamedTuple):
    """Some text of one tone; tones are the ``line--`` component classes."""

    text: str
    tone: str = ""


Row = tuple[Cell, ...]


class Column(NamedTuple):
    """One column of a row: ``width`` cells, or with 0 what the others leave."""

    text: str
    tone: str = ""
    width: int = 0
    right: bool = False


def fit(text: str, width: int, *, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells: padded, or cut with an ellipsis."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    blank = " " * (width - length)
    return blank + text if right else text + blank


def arrange(columns: Iterable[Column], width: int) -> Row:
    """The columns side by side in ``width`` cells; the last flexible one takes what is left."""
    kept = list(columns)
    fixed = sum(column.width for column in kept)
    flexible = [index for index, column in enumerate(kept) if not column.width]
    rest = max(0, width - fixed)
    share, extra = divmod(rest, len(flexible)) if flexible else (0, 0)
    cells = []
    for index, column in enumerate(kept):
        room = column.width or share + (extra if index == flexible[-1] else 0)
        cells.append(Cell(fit(column.text, room, right=column.right), column.tone))
    return tuple(cells)


def row_text(row: Row) -> str:
    """The characters of ``row``."""
    return "".join(cell.text for cell in row)


def row_width(row: Sequence[Cell]) -> int:
    """The cells that ``row`` takes."""
    return sum(cell_len(cell.text) for cell in row)


def both_ends(left: Row, right: Row, width: int) -> Row:
    """``left`` and ``right`` at the two ends of ``width`` cells; ``left`` is cut if need be."""
    room = max(0, width - row_width(right))
    shown = cut(left, room)
    gap = " " * (room - row_width(shown))
    return (*shown, Cell(gap), *right)


def cut(row: Sequence[Cell], width: int) -> Row:
    """``row`` in at most ``width`` cells."""
    kept: list[Cell] = []
    for cell in row:
        length = cell_len(cell.text)
        if length > width:
            kept.append(Cell(fit(cell.text, width), cell.tone))
            break
        kept.append(cell)
        width -= length
    return tuple(kept)
