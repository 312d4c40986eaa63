"""pyte's screen (LGPL, used unmodified) with drawing of its own.

pyte keeps cells, cursor, margins and tab stops; its parser and its drawing are not used: they are
slow, print what they don't know, lose text after a zero-width character, share rows after a
scroll, and know neither dim nor hidden text. What stands here follows the Rust grid, so that both
show the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Sequence
from typing import Any

import pyte
from pyte.screens import Char, Margins

from ...protocol.screen import DEFAULT_COLOUR, Row
from .clusters import is_flag
from .pyte_cells import BLANK, Kind, cell_width, cells_of, kind_of, row_of, style_key, text_of
from .styles import PLAIN, Style

_ALL_NARROW = {Kind.NARROW}
_MAY_JOIN = frozenset({Kind.EMOJI, Kind.REGIONAL})
_NON_ASCII = re.compile("([^\x00-\x7f]+)")


class Drawing(pyte.Screen):
    """pyte's screen, drawn on by the methods here."""

    def __init__(self, cols: int, rows: int, scrollback: int) -> None:
        self.scrolled: deque[Row] = deque(maxlen=scrollback)
        self.style: Style = PLAIN
        self.wrap_next = False
        self.autowrap = True
        self.origin = False
        self.insert = False
        self.new_line = False
        super().__init__(cols, rows)
        self.tabstops = set(range(0, cols, 8))

    @property
    def default_char(self) -> Char:
        """A blank cell in the default style."""
        return BLANK

    @property
    def blank(self) -> Char:
        """What erasing leaves: the background in force stays."""
        return cells_of(style_key((DEFAULT_COLOUR, self.style[1], 0)))[" "]

    @property
    def region(self) -> tuple[int, int]:
        """The scroll region's first and last line."""
        return self.margins or (0, self.lines - 1)

    # Text

    def draw(self, data: str) -> None:
        """Print ``data`` at the cursor."""
        for part in [data] if data.isascii() else _NON_ASCII.split(data):
            if part.isascii() or {*map(kind_of, part)} == _ALL_NARROW:
                self._draw_narrow(part)
            else:
                for char in part:
                    self._draw_char(char, kind_of(char))

    def _draw_narrow(self, data: str) -> None:
        cells = cells_of(style_key(self.style))
        while data:
            self._wrap()
            x = self.cursor.x
            room = self.columns - x
            part, data = data[:room], data[room:]
            if data and not self.autowrap:
                part, data = part[:-1] + data[-1], ""
            if self.insert:
                self.insert_characters(len(part))
            self.buffer[self.cursor.y].update(
                zip(range(x, x + len(part)), map(cells.__getitem__, part), strict=True)
            )
            self._advance(len(part))

    def _draw_char(self, char: str, kind: Kind) -> None:
        if kind is Kind.MARK:
            self._join(char)
        elif kind in _MAY_JOIN and self._joins(char):
            return
        elif kind is not Kind.NOTHING:
            self._draw_cell(char, cell_width(char))

    def _draw_cell(self, char: str, width: int) -> None:
        if width == 2 and self.cursor.x == self.columns - 1 and self.autowrap:
            self.wrap_next = True
        self._wrap()
        if self.insert:
            self.insert_characters(width)
        line, x = self.buffer[self.cursor.y], self.cursor.x
        cells = cells_of(style_key(self.style))
        line[x] = cells[char]
        if width == 2 and x + 1 < self.columns:
            line[x + 1] = cells[""]
        self._advance(width)

    def _advance(self, width: int) -> None:
        self.dirty.add(self.cursor.y)
        self.cursor.x += width
        if self.cursor.x >= self.columns:
            self.cursor.x = self.columns - 1
            self.wrap_next = self.autowrap

    def _wrap(self) -> None:
        if self.wrap_next:
            self.wrap_next = False
            self.cursor.x = 0
            self.index()

    def _previous(self) -> int | None:
        """The column of the character before the cursor, on the cursor's line."""
        x = self.cursor.x if self.wrap_next else self.cursor.x - 1
        line = self.buffer[self.cursor.y]
        if x > 0 and not line[x].data:
            x -= 1
        return x if x >= 0 else None

    def _join(self, char: str) -> None:
        x = self._previous()
        if x is not None:
            line = self.buffer[self.cursor.y]
            text = unicodedata.normalize("NFC", line[x].data + char)
            line[x] = line[x]._replace(data=text)
            self.dirty.add(self.cursor.y)

    def _joins(self, char: str) -> bool:
        """Add an emoji after a joiner, or the second half of a flag, to the cell before."""
        x = self._previous()
        if x is None:
            return False
        line = self.buffer[self.cursor.y]
        before = line[x].data
        if before.endswith("\u200d"):
            line[x] = line[x]._replace(data=before + char)
        elif len(before) == 1 and is_flag(before + char) and x + 1 < self.columns:
            line[x] = line[x]._replace(data=before + char)
            self._widen(x)
        else:
            return False
        self.dirty.add(self.cursor.y)
        return True

    def _widen(self, x: int) -> None:
        """Give the character at ``x`` a second cell."""
        line = self.buffer[self.cursor.y]
        line[x + 1] = line[x]._replace(data="")
        self._advance(1)

    # Lines

    def index(self) -> None:
        """One line down, scrolling at the region's end."""
        top, bottom = self.region
        if self.cursor.y == bottom:
            self._scroll_up(top, bottom, keep=top == 0)
        elif self.cursor.y < self.lines - 1:
            self.cursor.y += 1

    def reverse_index(self) -> None:
        """One line up, scrolling at the region's start."""
        top, bottom = self.region
        if self.cursor.y == top:
            self._scroll_down(top, bottom)
        elif self.cursor.y > 0:
            self.cursor.y -= 1

    def _scroll_up(self, top: int, bottom: int, *, keep: bool) -> None:
        if keep and self.scrolled.maxlen:
            self.scrolled.append(self.row_at(top))
        for y in range(top, bottom):
            self.buffer[y] = self.buffer[y + 1]
        self.buffer.pop(bottom, None)
        self.dirty.update(range(top, bottom + 1))

    def _scroll_down(self, top: int, bottom: int) -> None:
        for y in range(bottom, top, -1):
            self.buffer[y] = self.buffer[y - 1]
        self.buffer.pop(top, None)
        self.dirty.update(range(top, bottom + 1))

    def scroll(self, count: int) -> None:
        """SU, or SD for a negative ``count``."""
        top, bottom = self.region
        for _ in range(min(abs(count), self.lines)):
            if count > 0:
                self._scroll_up(top, bottom, keep=top == 0)
            else:
                self._scroll_down(top, bottom)

    def insert_lines(self, count: int | None = None) -> None:
        """IL; outside the scroll region it does nothing."""
        top, bottom = self.region
        if top <= self.cursor.y <= bottom:
            for _ in range(min(count or 1, self.lines)):
                self._scroll_down(self.cursor.y, bottom)

    def delete_lines(self, count: int | None = None) -> None:
        """DL; outside the scroll region it does nothing."""
        top, bottom = self.region
        if top <= self.cursor.y <= bottom:
            for _ in range(min(count or 1, self.lines)):
                self._scroll_up(self.cursor.y, bottom, keep=False)

    # Cells

    def insert_characters(self, count: int | None = None) -> None:
        """ICH: shift the rest of the line to the right."""
        y, x = self.cursor.y, self.cursor.x
        count = min(count or 1, self.columns - x)
        cells = [self.buffer[y][at] for at in range(x, self.columns - count)]
        self._put(y, x, [BLANK] * count + cells)

    def delete_characters(self, count: int | None = None) -> None:
        """DCH: shift the rest of the line to the left."""
        y, x = self.cursor.y, self.cursor.x
        count = min(count or 1, self.columns - x)
        cells = [self.buffer[y][at] for at in range(x + count, self.columns)]
        self._put(y, x, cells + [BLANK] * count)

    def erase_characters(self, count: int | None = None) -> None:
        """ECH."""
        x = self.cursor.x
        self._put(self.cursor.y, x, [self.blank] * min(count or 1, self.columns - x))

    def _put(self, y: int, x: int, cells: Sequence[Char]) -> None:
        self.buffer[y].update(zip(range(x, x + len(cells)), cells, strict=True))
        self.dirty.add(y)

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        """EL."""
        del private
        x = self.cursor.x
        first, last = {0: (x, self.columns), 1: (0, x + 1)}.get(how, (0, self.columns))
        if how <= 2:
            self._put(self.cursor.y, first, [self.blank] * (last - first))

    def erase_in_display(self, how: int = 0, *_args: Any, **_kwargs: Any) -> None:
        """ED, without 3."""
        y = self.cursor.y
        if how > 2:
            return
        lines = {0: range(y + 1, self.lines), 1: range(y)}.get(how, range(self.lines))
        blank = self.blank
        for line in lines:
            self.buffer.pop(line, None)
            if blank != BLANK:
                self._put(line, 0, [blank] * self.columns)
        self.dirty.update(lines)
        if how < 2:
            self.erase_in_line(how)

    # Cursor

    def cursor_up(self, count: int | None = None) -> None:
        """CUU, up to the screen's edge."""
        self.cursor.y = max(0, self.cursor.y - (count or 1))

    def cursor_down(self, count: int | None = None) -> None:
        """CUD, down to the screen's edge."""
        self.cursor.y = min(self.lines - 1, self.cursor.y + (count or 1))

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        """CUP, counted within the scroll region in origin mode."""
        self.cursor.x = min((column or 1) - 1, self.columns - 1)
        self.cursor_to_line(line)

    def cursor_to_line(self, line: int | None = None) -> None:
        """VPA, counted within the scroll region in origin mode."""
        top, bottom = self.region if self.origin else (0, self.lines - 1)
        self.cursor.y = min(top + (line or 1) - 1, bottom)

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """DECSTBM; a region of less than two lines changes nothing."""
        first = max(1, top or 1) - 1
        last = min(bottom or self.lines, self.lines) - 1
        if first < last:
            full = (first, last) == (0, self.lines - 1)
            self.margins = None if full else Margins(first, last)

    def linefeed(self) -> None:
        """LF, with a carriage return in new line mode."""
        self.index()
        if self.new_line:
            self.carriage_return()

    def next_line(self) -> None:
        """NEL."""
        self.carriage_return()
        self.index()

    def tab(self) -> None:
        """HT."""
        self.tab_by(1)

    def tab_by(self, count: int) -> None:
        """CHT, or CBT for a negative ``count``."""
        x = self.cursor.x
        for _ in range(min(abs(count), self.columns)):
            if count > 0:
                x = min((stop for stop in self.tabstops if stop > x), default=self.columns - 1)
            else:
                x = max((stop for stop in self.tabstops if stop < x), default=0)
        self.cursor.x = x

    def set_modes(self, private: bool, numbers: Sequence[int], on: bool) -> None:
        """The modes that a grid knows."""
        for number in numbers:
            if private and number == 6:
                self.origin = on
                self.cursor_position()
                self.wrap_next = False
            elif private and number == 7:
                self.autowrap = on
            elif private and number == 25:
                self.cursor.hidden = not on
            elif not private and number == 4:
                self.insert = on
            elif not private and number == 20:
                self.new_line = on

    # Rows

    def row_at(self, y: int) -> Row:
        """Line ``y`` as runs."""
        line = self.buffer[y]
        return row_of([line[x] for x in range(self.columns)]) if line else ()

    def text_at(self, y: int) -> str:
        """Line ``y`` as text, without trailing blanks."""
        line = self.buffer[y]
        return text_of([line[x] for x in range(self.columns)]) if line else ""
