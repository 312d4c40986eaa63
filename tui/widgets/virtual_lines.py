"""A list whose rows are made when they are seen: ten thousand of them cost no more than a screenful."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from .lines import Lines


class LazyRows(Sequence[Any]):
    """``count`` rows, each made by ``make`` whenever it is asked for."""

    def __init__(self, count: int, make: Callable[[int], Any]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._make(at) for at in range(*index.indices(self._count))]
        return self._make(range(self._count)[index])


class VirtualLines(Lines):
    """Compares and paints only the rows that can be seen."""

    class Resized(Message):
        """There is another width to make rows for."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._painted: dict[int, Any] = {}

    @property
    def seen(self) -> range:
        """The rows that can be seen now."""
        top = self.scroll_offset.y
        height = max(0, self.scrollable_content_region.height)
        return range(min(top, len(self.rows)), min(top + height, len(self.rows)))

    def show(self, rows: Sequence[Any], cursor: int | None) -> None:
        """Show ``rows`` with the cursor on one of them, or on none."""
        before, old_cursor = len(self.rows), self.cursor
        self.rows, self.cursor = rows, cursor
        if len(rows) != before:
            self._painted.clear()
            self.virtual_size = self.extent()
            self.refresh()
        else:
            self._refresh_seen({old_cursor, cursor})
        if cursor is not None and (cursor != old_cursor or len(rows) != before):
            self.show_line(cursor)

    def extent(self) -> Size:
        """How large all rows are together."""
        return Size(self.size.width, len(self.rows))

    def _refresh_seen(self, cursors: set[int | None]) -> None:
        moved = cursors if len(cursors) > 1 else set()
        painted, self._painted = self._painted, {}
        for index in self.seen:
            row = self.rows[index]
            if index not in painted or painted[index] != row or index in moved:
                self.refresh_line(index)
            else:
                self._painted[index] = row

    def show_line(self, index: int) -> None:
        """Scroll as little as needed for the row at ``index`` to be seen."""
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        wanted = min(max(top, index - height + 1), index) if height > 0 else top
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, immediate=True, force=True)

    def neighbour(self, step: int) -> int | None:
        """The row that lies ``step`` rows from the cursor, or the last on the way."""
        if not self.rows:
            return None
        if self.cursor is None:
            first = 0 < step < len(self.rows) or step <= -len(self.rows)
            return 0 if first else len(self.rows) - 1
        found = min(max(0, self.cursor + step), len(self.rows) - 1)
        return found if found != self.cursor else None

    def render_line(self, y: int) -> Strip:
        """The strip at ``y`` of the visible part."""
        index = self.scroll_offset.y + y
        if 0 <= index < len(self.rows):
            self._painted[index] = self.rows[index]
        return super().render_line(y)

    def repaint(self) -> None:
        """Rows are composed in another way from now on."""
        self._painted.clear()
        super().repaint()

    def on_resize(self) -> None:
        """Another part can be seen; the cursor stays in sight."""
        self._painted.clear()
        self.virtual_size = self.extent()
        if self.cursor is not None:
            self.show_line(self.cursor)
        self.post_message(self.Resized())
