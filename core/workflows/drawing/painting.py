"""A layout as rows of cells: text, the name of its style, and the task it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from .layout import Box, Layout
from .nets import Strand

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
_LINES = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"
EDGE = "edge"
PLAIN = ""
CURSOR = "cursor"
ELLIPSIS = "…"


class Cell(NamedTuple):
    """A piece of a row. ``style`` is ``edge``, ``cursor``, a status, or empty."""

    text: str
    style: str = PLAIN
    task: str | None = None


Row = list[Cell]


@dataclass(frozen=True, slots=True)
class _Mark:
    text: str
    style: str
    task: str | None


class _Canvas:
    """Lines by their directions, boxes and texts over them."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._lines: list[dict[int, int]] = [{} for _ in range(height)]
        self._marks: list[dict[int, _Mark]] = [{} for _ in range(height)]

    def across(self, y: int, start: int, end: int) -> None:
        """A line from one column to another."""
        for x in range(start, end + 1):
            self._add(x, y, (LEFT if x > start else 0) | (RIGHT if x < end else 0))

    def down(self, x: int, start: int, end: int) -> None:
        """A line from the middle of one row to that of another."""
        for y in range(start, end + 1):
            self._add(x, y, (UP if y > start else 0) | (DOWN if y < end else 0))

    def touch(self, x: int, y: int, direction: int) -> None:
        """Half a line within one place."""
        self._add(x, y, direction)

    def mark(self, x: int, y: int, text: str, style: str, task: str) -> None:
        """A text over all lines."""
        self._marks[y][x] = _Mark(text, style, task)

    def _add(self, x: int, y: int, directions: int) -> None:
        self._lines[y][x] = self._lines[y].get(x, 0) | directions

    def rows(self) -> list[Row]:
        """What was drawn, as cells without trailing blanks."""
        return [self._row(y) for y in range(len(self._lines))]

    def _row(self, y: int) -> Row:
        row: Row = []
        lines, marks = self._lines[y], self._marks[y]
        x, plain = 0, ""
        last = max([*lines, *marks], default=-1)
        style = PLAIN
        while x <= last:
            mark = marks.get(x)
            here = EDGE if mark is None and lines.get(x) else PLAIN
            if mark is not None or here != style:
                if plain:
                    row.append(Cell(plain, style))
                plain = ""
            if mark is not None:
                row.append(Cell(mark.text, mark.style, mark.task))
                x += cell_len(mark.text)
                style = PLAIN
                continue
            plain += _LINES[lines.get(x, 0)]
            style = here
            x += 1
        if plain:
            row.append(Cell(plain, style))
        return row


def paint(layout: Layout, *, cursor: str | None = None) -> list[Row]:
    """The drawing, a row of cells for each line; ``cursor`` is the node that is marked."""
    canvas = _Canvas(layout.width, layout.height)
    _paint_channels(canvas, layout)
    entered, left = _ports(layout)
    for name, box in layout.boxes.items():
        status = layout.nodes[name].status
        style = CURSOR if name == cursor else status
        text = _fitted(layout.nodes[name].text, box.width - (4 if layout.boxed else 2))
        if layout.boxed:
            label = _Label(name, text, style, entered.get(name, ()), left.get(name, ()))
            _paint_box(canvas, box, label)
        else:
            canvas.mark(box.x, box.y, f"[{text}]", style, name)
    return canvas.rows()


def lines_of(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Rows as plain text."""
    return ["".join(cell.text for cell in row).rstrip() for row in rows]


def _fitted(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + ELLIPSIS


@dataclass(frozen=True, slots=True)
class _Label:
    """What stands in a box, and the columns at which lines enter and leave it."""

    name: str
    text: str
    style: str
    entered: Sequence[int]
    left: Sequence[int]


def _paint_box(canvas: _Canvas, box: Box, label: _Label) -> None:
    inner = range(box.x + 1, box.x + box.width - 1)
    top = "".join("┴" if x in label.entered else "─" for x in inner)
    bottom = "".join("┬" if x in label.left else "─" for x in inner)
    for at, text in enumerate((f"╭{top}╮", f"│ {label.text} │", f"╰{bottom}╯")):
        canvas.mark(box.x, box.y + at, text, label.style, label.name)


def _paint_channels(canvas: _Canvas, layout: Layout) -> None:
    for at, channel in enumerate(layout.channels):
        row = layout.tops[at]
        top = row + (3 if layout.boxed else 1)
        bottom = layout.tops[at + 1] - 1
        for strand in channel.strands:
            _paint_strand(canvas, strand, top, bottom)
    for net in layout.nets:
        if net.lane is not None:
            for at in range(net.first + 1, net.last):
                canvas.down(
                    net.lane, layout.tops[at] - 1, layout.tops[at] + (3 if layout.boxed else 1)
                )


def _paint_strand(canvas: _Canvas, strand: Strand, top: int, bottom: int) -> None:
    if strand.track is None:
        column = strand.columns[0]
        canvas.down(column, top, bottom)
        canvas.touch(column, top, UP)
        canvas.touch(column, bottom, DOWN)
        return
    y = top + strand.track
    canvas.across(y, min(strand.columns), max(strand.columns))
    for column in set(strand.tops):
        canvas.down(column, top, y)
        canvas.touch(column, top, UP)
    for column in set(strand.bottoms):
        canvas.down(column, y, bottom)
        canvas.touch(column, bottom, DOWN)


def _ports(layout: Layout) -> tuple[Mapping[str, list[int]], Mapping[str, list[int]]]:
    """The columns at which lines enter and leave each box."""
    entered: dict[str, list[int]] = {}
    left: dict[str, list[int]] = {}
    for at, channel in enumerate(layout.channels):
        above, below = layout.rows[at], layout.rows[at + 1]
        for strand in channel.strands:
            for columns, row, ports in (
                (strand.tops, above, left),
                (strand.bottoms, below, entered),
            ):
                for column in columns:
                    for name in row:
                        box = layout.boxes[name]
                        if box.x <= column < box.x + box.width:
                            ports.setdefault(name, []).append(column)
    return entered, left
