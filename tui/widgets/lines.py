"""The base of every list: rows drawn line by line, a cursor, text that can be selected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from rich.style import Style
from textual.cache import LRUCache
from textual.content import Content
from textual.events import Click, Event, Key
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from ..model.cells import Cell, Row, row_text
from .painting import paint, restyle
from .styled import Styled

TONES = (
    "muted",
    "needs",
    "error",
    "working",
    "done",
    "head",
    "key",
    "match",
    "edge",
    "foot",
    "border",
)
STRIPS_KEPT = 512


def runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and the count of each run of neighbours in ascending ``numbers``."""
    start = previous = numbers[0]
    for number in numbers[1:]:
        if number != previous + 1:
            yield start, previous + 1 - start
            start = number
        previous = number
    yield start, previous + 1 - start


class KeyTaker:
    """A screen that looks up every key of its lists itself."""


class Lines(Styled, ScrollView, can_focus=True):  # pyright: ignore[reportIncompatibleVariableOverride]  # see Styled
    """Rows of any kind over ``compose_row``; only lines that changed are painted anew.

    Rows are compared by value and painted once: they must be hashable.
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"line--{tone}" for tone in TONES),
        "line--cursor",
        "line--cursor-away",
    }

    class Picked(Message):
        """A row was clicked, or ``double``-clicked."""

        def __init__(self, lines: Lines, index: int, *, double: bool) -> None:
            super().__init__()
            self.lines = lines
            self.index = index
            self.double = double

        @property
        def control(self) -> Lines:
            """The list."""
            return self.lines

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self.rows: Sequence[Any] = ()
        self.cursor: int | None = None
        self._foot = ""
        self._strips: LRUCache[Any, Strip] = LRUCache(STRIPS_KEPT)

    def compose_row(self, row: Any, width: int) -> Row:
        """The cells of ``row`` in ``width`` cells."""
        return (Cell(str(row)[:width]),)

    def face(self, row: Any, width: int) -> Any:
        """What of ``row`` is seen in ``width`` cells: while that stays the same it is not painted anew."""
        return row

    def can_pick(self, index: int) -> bool:
        """Whether the cursor may stand on the row at ``index``."""
        return 0 <= index < len(self.rows)

    def show(self, rows: Sequence[Any], cursor: int | None) -> None:
        """Show ``rows`` with the cursor on one of them, or on none."""
        before, old_cursor = self.rows, self.cursor
        self.rows, self.cursor = rows, cursor
        if len(rows) != len(before):
            self.virtual_size = Size(self.size.width, len(rows))
            self.refresh()
        else:
            self._refresh_changed(before, {old_cursor, cursor})
        if cursor is not None and cursor != old_cursor:
            self.show_line(cursor)

    def point(self, index: int) -> None:
        """Put the cursor on a row."""
        if self.cursor is not None:
            self.refresh_line(self.cursor)
        self.refresh_line(index)
        self.cursor = index
        self.show_line(index)
        self._paint_now()

    def _paint_now(self) -> None:
        """Paint in this turn: a person waits for it, and the way to the screen's timer is four turns."""
        self.screen._dirty_widgets.add(self)  # noqa: SLF001  # Textual has no way of its own for this
        self.screen._on_timer_update()  # noqa: SLF001  # as above

    def show_foot(self, text: str) -> None:
        """Say something on the lower edge."""
        if text != self._foot:
            self._foot = text
            self.border_subtitle = Content(text)

    def _refresh_changed(self, before: Sequence[Any], cursors: set[int | None]) -> None:
        """Repaint the rows in view that changed: a region beyond the list would repaint what is there."""
        moved = cursors if len(cursors) > 1 else set()
        top, region, face = self.scroll_offset.y, self.scrollable_content_region, self.face
        width = region.width
        changed = [
            index
            for index, new in enumerate(self.rows[top : top + region.height], top)
            if index in moved
            or (before[index] != new and face(before[index], width) != face(new, width))
        ]
        if changed:  # one call: each would work out all about the widget anew
            width = max(self.virtual_size.width, self.size.width)
            self.refresh(*(Region(0, start - top, width, count) for start, count in runs(changed)))

    def show_line(self, index: int) -> None:
        """Scroll as little as needed for the row at ``index`` to be seen, headings over it too."""
        top = index
        while top > 0 and not self.can_pick(top - 1):
            top -= 1
        region = Region(0, top, 1, index + 1 - top)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def neighbour(self, step: int) -> int | None:
        """The row that lies ``step`` pickable rows from the cursor, or the last on the way."""
        if self.cursor is None:
            picks = [index for index in range(len(self.rows)) if self.can_pick(index)]
            return picks[0 if step > 0 else -1] if picks else None
        found, index, way = None, self.cursor, 1 if step > 0 else -1
        left = abs(step)
        while left and 0 <= index + way < len(self.rows):
            index += way
            if self.can_pick(index):
                found, left = index, left - 1
        return found

    @property
    def page(self) -> int:
        """How many rows a page has."""
        return max(1, self.scrollable_content_region.height - 1)

    # ---- painting

    def style_of(self, tone: str) -> Style:
        """The style of a tone over the list's own."""
        return self.get_component_rich_style(f"line--{tone}") if tone else self.own_style

    def render_line(self, y: int) -> Strip:
        """The strip at ``y`` of the visible part."""
        index = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        if not 0 <= index < len(self.rows):
            return Strip.blank(width, self.own_style)
        return self._strip(index, width).apply_offsets(0, index)

    def _strip(self, index: int, width: int) -> Strip:
        selection = self.text_selection
        span = selection.get_span(index) if selection is not None else None
        key = (
            self.face(self.rows[index], width),
            width,
            index == self.cursor and self.has_focus,
            index == self.cursor,
        )
        if span is None and (kept := self._strips.get(key)) is not None:
            return kept
        segments = paint(self.compose_row(*key[:2]), self.style_of, self._over(index))
        if span is not None:
            marked = self.screen.get_component_rich_style("screen--selection")
            return Strip(restyle(segments, *span, marked)).adjust_cell_length(width, self.own_style)
        strip = Strip(segments).adjust_cell_length(width, self.own_style)
        self._strips[key] = strip
        return strip

    def _over(self, index: int) -> Style | None:
        if index != self.cursor:
            return None
        name = "line--cursor" if self.has_focus else "line--cursor-away"
        return self.get_component_rich_style(name)

    def repaint(self) -> None:
        """Rows are composed in another way from now on."""
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        """The theme or a class changed: paint all anew."""
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        """Rows are as wide as the list; the cursor stays in sight."""
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.rows))
        if self.cursor is not None:
            self.show_line(self.cursor)

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """Textual moves the thumb with the list, but not of a scrollbar that comes after that."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def watch_show_horizontal_scrollbar(self, shown: bool) -> None:
        """The same sideways."""
        if shown:
            self.horizontal_scrollbar.position = self.scroll_x

    def watch_has_focus(self, focused: bool) -> None:
        """The cursor looks different in a list that has the focus."""
        super().watch_has_focus(focused)
        if self.cursor is not None:
            self.refresh_line(self.cursor)

    def _forward_event(self, event: Event) -> None:
        # Textual would let a key climb through every container between; that is a third of the
        # time until the cursor moves.
        if isinstance(event, Key) and isinstance(self.screen, KeyTaker):
            self.screen._forward_event(event)  # noqa: SLF001  # as Textual's own App does
        else:
            super()._forward_event(event)

    # ---- mouse and selection

    def on_click(self, event: Click) -> None:
        """Pick the row under the mouse, unless text was selected."""
        index = event.y - self.gutter.top + self.scroll_offset.y
        if self.text_selection is None and self.can_pick(index):
            self.post_message(self.Picked(self, index, double=event.chain == 2))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, without the blanks that fill rows."""
        width = self.scrollable_content_region.width
        text = "\n".join(row_text(self.compose_row(row, width)) for row in self.rows)
        lines = (line.rstrip() for line in selection.extract(text).split("\n"))
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """The selected part changed."""
        self.refresh()
