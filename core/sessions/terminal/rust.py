"""A grid on ``par-term-emu-core-rust``: fast, pinned, and wrapped where it errs.

What it can't do right or doesn't tell is mended here and in ``rust_cells``:

- Halves of overwritten wide characters stay: shown as blanks.
- A wide character in the last columns leaves no pending wrap: the wrap is drawn for it.
- A pending wrap is not told: found by drawing the last line's bytes again on a scratch grid.
- Its resize, its ED 3 and its export of history lose or join lines: none of them is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from par_term_emu_core_rust import Terminal, char_width  # pyright: ignore[reportMissingImports]  # no wheel for 3.11

from ...protocol.screen import Row
from .clusters import SUSPECT
from .grid import KEEPS_WRAP, set_tabs
from .history import Segments
from .rust_cells import (
    line_row,
    line_text,
    native_sgr,
    new_terminal,
    pen_parameters,
    screen_cells,
    scrolled_cells,
)

_ANCHOR = re.compile(rb"\r|\x1bE|\x1b\[[0-9;]*[HfG`]")
_WIDE_CHARS = (
    "\u1100-\u115f\u231a\u231b\u2329\u232a\u23e9-\u23f3\u25fd\u25fe\u2614\u2615\u2630-\u2637"
    "\u2648-\u2653\u267f\u268a-\u268f\u2693\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4"
    "\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757"
    "\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\u2e80-\ud7ff\uf900-\ufaff\ufe10-\ufe6f"
    "\uff00-\uff60\uffe0-\uffe6\U00016fe0-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0003fffd"
)
_WIDE = re.compile(f"[{_WIDE_CHARS}]")
_JOINING = "\u0300-\u036f\u200d\u20d0-\u20ff\ufe0e\ufe0f\U0001f3fb-\U0001f3ff"
_PART = re.compile(
    f"([{_WIDE_CHARS}][{_WIDE_CHARS}{_JOINING}]*)"  # 1: wide text
    f"|([^\x00-\x1f\x7f{_WIDE_CHARS}{_JOINING}]+)"  # 2: other text
    # 3: what leaves a pending wrap pending
    f"|([{_JOINING}\x00-\x06\x10-\x17\x19\x1c-\x1f\x7f]|\x1b(?:\\[[0-9;:?]*[{KEEPS_WRAP}]|H))"
    "|\x1b(?:\\[[0-9;:?]*[@-~]|.)|[\x00-\x1f]"
)
_SUSPECT_BYTES = bytes.maketrans(
    bytes(range(256)),
    bytes(
        3 if byte in {0xE1, *range(0xE3, 0xEE), 0xEF, 0xF0}
        else 1 if byte == 0xE2
        else 2 if byte in {0x8C, 0x8F, *range(0x97, 0x9F), 0xAC, 0xAD, *range(0xBA, 0xC0)}
        else 0
        for byte in range(256)
    ),
)  # fmt: skip
_CURSOR = b"\x1b[?25"
_EVENTS_EVERY = 256
_PEN_QUERY = b"\x1bP$qm\x1b\\"


def _may_be_wide(data: bytes) -> bool:
    """Whether UTF-8 ``data`` may hold wide characters, found at a fraction of a search's cost."""
    marks = data.translate(_SUSPECT_BYTES)
    return b"\x03" in marks or b"\x01\x02" in marks


class _Scrolled:
    """The lines that have scrolled off one terminal.

    Reading one costs about 80 microseconds, so that those read once are remembered. Where they
    went when the oldest left is found by their texts.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._texts: list[str] = []
        self._rows: list[Row | None] = []

    def __len__(self) -> int:
        return int(self._terminal.scrollback_len())

    def rows(self, start: int, count: int) -> list[Row]:
        self._follow()
        for index in range(start, start + count):
            if self._rows[index] is None:
                self._rows[index] = self._read(index)
        return [row or () for row in self._rows[start : start + count]]

    def _read(self, index: int) -> Row:
        return line_row(scrolled_cells(self._terminal, index))

    def _follow(self) -> None:
        """Bring the remembered lines to where they stand now."""
        texts: list[str] = self._terminal.scrollback()
        gone = _gone(self._texts, texts)
        kept = self._rows[gone:] if gone is not None else []
        if kept and kept[0] is not None and kept[0] != self._read(0):
            kept = []  # the same texts in other styles
        self._texts, self._rows = texts, kept + [None] * (len(texts) - len(kept))

    def lines(self) -> list[str]:
        texts: list[str] = self._terminal.scrollback()
        return [
            line_text(self._terminal.scrollback_line(index))
            if SUSPECT.search(text)
            else text.rstrip(" ")
            for index, text in enumerate(texts)
        ]


def _gone(before: Sequence[str], now: Sequence[str]) -> int | None:
    """How many lines left at the start when ``before`` became ``now``; ``None`` if all did."""
    for count in range(len(before)):
        if now and before[count] == now[0] and before[count:] == now[: len(before) - count]:
            return count
    return None


class RustGrid:
    """A ``Grid``; see there."""

    def __init__(self, cols: int, rows: int, scrollback: int) -> None:
        self.cols = cols
        self.rows = rows
        self._scrollback = scrollback
        self._terminal = new_terminal(cols, rows, scrollback)
        self._history = Segments(scrollback, _Scrolled(self._terminal))
        self._owes_wrap = False
        self._visible = True
        self._calls = 0

    def process(self, data: bytes) -> None:
        """Draw ``data``; what is no UTF-8 becomes replacement characters, by Python's rules."""
        self._forget_events()
        if _CURSOR in data:
            # The terminal would keep an event for each; many agents send two in every frame.
            self._visible = data[data.rindex(_CURSOR) + len(_CURSOR)] == 0x68
            data = data.replace(_CURSOR + b"h", b"").replace(_CURSOR + b"l", b"")
        if not data.isascii():
            try:
                text = data.decode()
            except UnicodeDecodeError:
                text = data.decode("utf-8", "replace")
                data = text.encode()
            if self._owes_wrap or (_may_be_wide(data) and _WIDE.search(text)):
                self._process_wide(text)
                return
        elif self._owes_wrap:
            self._process_wide(data.decode())
            return
        self._terminal.process(native_sgr(data))

    def _forget_events(self) -> None:
        """Empty the terminal's own list of events, which nobody reads, now and then."""
        self._calls += 1
        if not self._calls % _EVENTS_EVERY:
            self._terminal.poll_events()

    def _process_wide(self, text: str) -> None:
        """Draw ``text`` in parts, looking after each wide one whether it filled its line."""
        terminal = self._terminal
        ready = ""
        for part in _PART.finditer(text):
            kind = part.lastindex
            if kind == 1:
                terminal.process(native_sgr((ready + part[0]).encode()))
                ready = ""
                self._owes_wrap = self._line_is_full()
                continue
            if self._owes_wrap and kind != 3:
                ready += "\r\n" if kind == 2 else ""
                self._owes_wrap = False
            ready += part[0]
        terminal.process(native_sgr(ready.encode()))

    def _line_is_full(self) -> bool:
        """Whether the second half of a wide character stands in the last column, at the cursor."""
        terminal = self._terminal
        x, y = terminal.cursor_position()
        if x != self.cols - 1 or not terminal.auto_wrap_mode():
            return False
        return bool(terminal.get_attributes(x, y).wide_char_spacer)

    def resize(self, cols: int, rows: int) -> None:
        """Take another size; afterwards the screen is blank and the history still there."""
        self.cols, self.rows = cols, rows
        self._terminal = new_terminal(cols, rows, self._scrollback)
        self._owes_wrap = False
        self._history.add(_Scrolled(self._terminal))

    def cursor(self) -> tuple[int, int]:
        """Column and line, from 0."""
        position: tuple[int, int] = self._terminal.cursor_position()
        return position

    def cursor_visible(self) -> bool:
        """Whether the cursor is shown."""
        return self._visible

    def pen(self) -> str:
        """The SGR parameters that give the style in force."""
        self._terminal.process(_PEN_QUERY)
        return pen_parameters(bytes(self._terminal.drain_responses()))

    def margins(self) -> tuple[int, int]:
        """The first and last line of the scroll region."""
        region: tuple[int, int] = self._terminal.scroll_region()
        return region

    def tab_stops(self) -> list[int]:
        """The columns of the tab stops."""
        stops: list[int] = self._terminal.get_tab_stops()
        return stops

    def pending_wrap(self, tail: bytes) -> bool:
        """Whether the next character goes to the next line.

        Counted from the last sequence in ``tail`` that set the column; ``False`` without one.
        """
        anchor = max((match.start() for match in _ANCHOR.finditer(tail)), default=-1)
        if anchor < 0 or self.cursor()[0] != self.cols - 1 or self._owes_wrap:
            return self._owes_wrap
        if not self._terminal.auto_wrap_mode():
            return False
        scratch = RustGrid(self.cols, self.rows + 1, 0)
        scratch.process(set_tabs(self.tab_stops()) + self._line_modes() + tail[anchor:])
        line = scratch.cursor()[1]
        scratch.process(b"x")
        x, y = scratch.cursor()
        return x == 1 and (y == line + 1 or self.cols > 2)

    def _line_modes(self) -> bytes:
        """The modes that decide where printing and line feeds lead to."""
        terminal = self._terminal
        insert = b"\x1b[4h" if terminal.insert_mode() else b""
        return insert + (b"\x1b[20h" if terminal.line_feed_new_line_mode() else b"")

    def row(self, y: int) -> Row:
        """Line ``y`` of the screen."""
        return line_row(screen_cells(self._terminal, y))

    def lines(self) -> list[str]:
        """The screen's text, without trailing blanks."""
        terminal = self._terminal
        texts = []
        for y in range(self.rows):
            text: str = terminal.get_line(y)
            # Spacers are left out of it: another length means that there are wide characters.
            if len(text) != self.cols or not (text.isascii() or not SUSPECT.search(text)):
                text = line_text(terminal.get_line_cells(y))
            texts.append(text.rstrip(" "))
        return texts

    def damage(self) -> int:
        """A number that grows with every change of cells."""
        generation: int = self._terminal.damage_generation()
        return generation

    def damaged_since(self, damage: int) -> Sequence[int]:
        """The lines whose cells may have changed since ``damage`` was read."""
        lines: Sequence[int] = self._terminal.dirty_rows_since(damage)
        return lines

    def history_length(self) -> int:
        """How many lines have scrolled off and are kept."""
        return len(self._history)

    def history(self, start: int, count: int) -> list[Row]:
        """Lines of the history; 0 is the oldest."""
        return self._history.rows(start, count)

    def history_lines(self) -> list[str]:
        """The history's text, oldest first."""
        return self._history.lines()

    def clear_history(self, redraw: Callable[[], bytes]) -> bool:
        """Forget the lines that have scrolled off; a screen with text on it is drawn again."""
        blank = not self._terminal.count_non_whitespace_lines()
        if blank:
            self._terminal.process(b"\x1b[3J")
        else:
            drawn = redraw()
            self._terminal = new_terminal(self.cols, self.rows, self._scrollback)
            self._owes_wrap = False
            self.process(drawn)
        self._history = Segments(self._scrollback, _Scrolled(self._terminal))
        return not blank

    def width(self, char: str) -> int:
        """The cells that ``char`` takes."""
        cells: int = char_width(char)
        return cells
