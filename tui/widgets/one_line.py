"""One line of cells, some of which can be clicked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual.events import Click
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from ..model.cells import Cell, Row, both_ends, cut, row_text, row_width
from .lines import TONES
from .painting import paint, restyle
from .styled import Styled


class Spot(NamedTuple):
    """The cells from ``start`` up to ``end`` stand for the action ``name``."""

    start: int
    end: int
    name: str


Layout = Callable[[int], tuple[Row, Sequence[Spot]]]
"""The row and its spots for a width."""


class OneLine(Styled):
    """A line that is painted only when it says something else."""

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{tone}" for tone in TONES}

    class Pressed(Message):
        """A spot was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self.row: Row = ()
        self.spots: Sequence[Spot] = ()
        self._layout: Layout | None = None

    def lay_out(self, layout: Layout) -> None:
        """Show what ``layout`` gives for the line's width, also after the width changes."""
        self._layout = layout
        self.on_resize()

    def on_resize(self) -> None:
        """The width may be another; a line that has none yet stays empty."""
        if self._layout is not None and self.content_size.width:
            self.show(*self._layout(self.content_size.width))

    def show(self, row: Row, spots: Sequence[Spot] = ()) -> None:
        """Show ``row``; ``spots`` can be clicked."""
        self.spots = spots
        if row != self.row:
            self.row = row
            self.refresh()

    def style_of(self, tone: str) -> Style:
        """The style of a tone over the line's own."""
        return self.get_component_rich_style(f"line--{tone}") if tone else self.own_style

    def render_line(self, y: int) -> Strip:
        """The line, and blanks below it."""
        width = self.content_size.width
        if y:
            return Strip.blank(width, self.own_style)
        segments = paint(self.row, self.style_of)
        selection = self.text_selection
        span = selection.get_span(0) if selection is not None else None
        if span is not None:
            segments = restyle(
                segments, *span, self.screen.get_component_rich_style("screen--selection")
            )
        return Strip(segments).adjust_cell_length(width, self.own_style).apply_offsets(0, 0)

    def on_click(self, event: Click) -> None:
        """Press the spot under the mouse."""
        x = event.x - self.gutter.left
        for spot in self.spots:
            if spot.name and spot.start <= x < spot.end and self.text_selection is None:
                self.post_message(self.Pressed(spot.name))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected part of the line."""
        return selection.extract(row_text(self.row)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """The selected part changed."""
        self.refresh()


def cut_layout(row: Row, width: int) -> tuple[Row, tuple[()]]:
    """``row`` as far as it has room; nothing of it can be clicked."""
    return cut(row, width), ()


def tabs_layout(
    tabs: Sequence[tuple[str, str]], current: str, right: Row, width: int
) -> tuple[Row, list[Spot]]:
    """Views to choose from, each with its action; the one that is shown stands in brackets."""
    cells: list[Cell] = []
    spots: list[Spot] = []
    x = 0
    for label, action in tabs:
        here = action == current
        text = f"[{label}]" if here else f" {label} "
        cells.append(Cell(text, "head" if here else "muted"))
        spots.append(Spot(x, x + len(text), action))
        x += len(text)
    shown = right if x + row_width(right) < width else ()
    return both_ends(tuple(cells), shown, width), spots


def spots_in(row: Row, names: Sequence[str | None]) -> list[Spot]:
    """The spots of ``row``: cell by cell, ``names`` gives the action or ``None``."""
    spots, x = [], 0
    for cell, name in zip(row, names, strict=True):
        end = x + cell_len(cell.text)
        if name is not None:
            spots.append(Spot(x, end, name))
        x = end
    return spots
