"""The graph of a workflow: a drawing with live states, that scrolls with its cursor both ways."""

from __future__ import annotations

from typing import Any

from rich.style import Style
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from ..model.cells import Cell, Row
from ..model.flow.graph import CURSOR, Picture
from .virtual_lines import LazyRows, VirtualLines

MARGIN = 1


class FlowGraph(VirtualLines):
    """Lines of the drawing; only those that can be seen are painted, and only what changed of them."""

    class Pointed(Message):
        """A box was clicked, or ``double``-clicked."""

        def __init__(self, box: str, *, double: bool) -> None:
            super().__init__()
            self.box = box
            self.double = double

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.picture: Picture | None = None
        self._note = ""
        self._box: str | None = None

    def show_picture(self, picture: Picture | None, rows: LazyRows, box: str | None) -> None:
        """Show a drawing whose lines ``rows`` makes, with the cursor on a box."""
        other = picture is not self.picture
        self.picture = picture
        if other:
            self._painted.clear()
            self.rows = ()
        self.show(rows, None)
        if box != self._box or other:
            self._box = box
            self.show_box()

    def show_box(self) -> None:
        """Bring the box under the cursor into sight, its neighbours' edges too where there is room."""
        box = self.picture.boxes.get(self._box or "") if self.picture is not None else None
        if box is None:
            return
        region = Region(box.x, box.y, box.width, box.height).grow((MARGIN, MARGIN, MARGIN, MARGIN))
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def show_note(self, note: str) -> None:
        """Say something in place of a drawing."""
        self.picture = None
        width, height = self.scrollable_content_region.size
        lines = [(Cell(line.center(width), "muted"),) for line in note.split("\n")]
        above: list[Row] = [()] * max(0, (height - len(lines)) // 2)
        self.show((*above, *lines), None)

    def extent(self) -> Size:
        """How large the drawing is."""
        width = self.picture.graph.width if self.picture is not None else 0
        return Size(width, len(self.rows))

    def can_pick(self, index: int) -> bool:
        """Boxes are picked, not lines."""
        return False

    def compose_row(self, row: Any, width: int) -> Row:
        """The line as it was made."""
        return tuple(row)

    def style_of(self, tone: str) -> Style:
        """The style of a tone; the cursor's says whether the graph has the focus."""
        if tone == CURSOR:
            name = "line--cursor" if self.has_focus else "line--cursor-away"
            return self.get_component_rich_style(name)
        return super().style_of(tone)

    def render_line(self, y: int) -> Strip:
        """The part of a line that can be seen."""
        x, width = self.scroll_offset.x, self.scrollable_content_region.width
        index = self.scroll_offset.y + y
        if not 0 <= index < len(self.rows):
            return Strip.blank(width, self.own_style)
        self._painted[index] = self.rows[index]
        whole = self._strip(index, max(width, self.virtual_size.width, x + width))
        return whole.crop(x, x + width).apply_offsets(x, index)

    def watch_has_focus(self, focused: bool) -> None:
        """The cursor looks different in a graph that has the focus."""
        super().watch_has_focus(focused)
        self.repaint()

    def on_resize(self) -> None:
        """Another part can be seen."""
        super().on_resize()
        self.show_box()

    def on_click(self, event: Click) -> None:
        """Point at the box under the mouse."""
        x = event.x - self.gutter.left + self.scroll_offset.x
        y = event.y - self.gutter.top + self.scroll_offset.y
        box = self.picture.at(x, y) if self.picture is not None else None
        if box is not None and self.text_selection is None:
            self.post_message(self.Pointed(box, double=event.chain == 2))
