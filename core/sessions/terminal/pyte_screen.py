"""A grid on ``pyte``, for Pythons without the Rust parser: its parser, and the ``Grid`` itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from ...protocol.screen import Row, row_text
from .grid import KEEPS_WRAP
from .pyte_cells import cell_width
from .pyte_drawing import Drawing
from .styles import apply_sgr, sgr

_ITEM = re.compile(
    "([^\x00-\x1f\x7f-\x9f]+)"  # 1: text
    "|\x1b\\[(\\??)([0-9;:]*)([@-~])"  # 2, 3, 4: CSI
    "|\x1b(.)"  # 5: other escapes
    "|([\b\t\n\r])"  # 6: controls; the others do nothing
)


_CSI: Mapping[str, Callable[[Drawing, int], None]] = {
    "@": Drawing.insert_characters,
    "A": Drawing.cursor_up,
    "B": Drawing.cursor_down,
    "C": Drawing.cursor_forward,
    "D": Drawing.cursor_back,
    "E": Drawing.cursor_down1,
    "F": Drawing.cursor_up1,
    "G": Drawing.cursor_to_column,
    "I": lambda screen, count: screen.tab_by(count or 1),
    "J": Drawing.erase_in_display,
    "K": Drawing.erase_in_line,
    "L": Drawing.insert_lines,
    "M": Drawing.delete_lines,
    "P": Drawing.delete_characters,
    "S": lambda screen, count: screen.scroll(count or 1),
    "T": lambda screen, count: screen.scroll(-(count or 1)),
    "X": Drawing.erase_characters,
    "Z": lambda screen, count: screen.tab_by(-(count or 1)),
    "`": Drawing.cursor_to_column,
    "d": Drawing.cursor_to_line,
    "g": Drawing.clear_tab_stop,
}
_MOVES: Mapping[str, Callable[[Drawing], None]] = {
    "D": Drawing.index,
    "E": Drawing.next_line,
    "M": Drawing.reverse_index,
    "\b": Drawing.backspace,
    "\t": Drawing.tab,
    "\n": Drawing.linefeed,
    "\r": Drawing.carriage_return,
}


class PyteGrid:
    """A ``Grid``; see there."""

    def __init__(self, cols: int, rows: int, scrollback: int) -> None:
        self.cols = cols
        self.rows = rows
        self._screen = Drawing(cols, rows, scrollback)
        self._damage = 0
        self._stamps = [0] * rows
        self._stamp()

    def process(self, data: bytes) -> None:
        """Draw ``data``."""
        screen = self._screen
        for item in _ITEM.finditer(data.decode("utf-8", "replace")):
            match item.lastindex:
                case 1:
                    screen.draw(item[1])
                case 4:
                    self._csi(item[2], item[3], item[4])
                case 5 if item[5] == "H":
                    screen.set_tab_stop()
                case 5 | 6:
                    screen.wrap_next = False
                    _MOVES[item[0].lstrip("\x1b")](screen)
        if screen.dirty:
            self._stamp()

    def _csi(self, mark: str, parameters: str, final: str) -> None:
        screen = self._screen
        if final == "m":
            screen.style = apply_sgr(screen.style, parameters)
            return
        if final not in KEEPS_WRAP:
            screen.wrap_next = False
        numbers = [_number(part) for part in parameters.split(";")]
        if final in "Hf":
            screen.cursor_position(*numbers[:2])
        elif final == "r":
            screen.set_margins(*numbers[:2])
        elif final in "hl":
            screen.set_modes(bool(mark), numbers, final == "h")
        elif final in _CSI:
            _CSI[final](screen, numbers[0])

    def _stamp(self) -> None:
        """Note which lines changed."""
        self._damage += 1
        for y in self._screen.dirty:
            if y < self.rows:
                self._stamps[y] = self._damage
        self._screen.dirty.clear()

    def resize(self, cols: int, rows: int) -> None:
        """Take another size; afterwards the screen is blank and the history still there."""
        scrolled = self._screen.scrolled
        self.cols, self.rows = cols, rows
        self._screen = Drawing(cols, rows, scrolled.maxlen or 0)
        self._screen.scrolled = scrolled
        self._stamps = [0] * rows
        self._stamp()

    def cursor(self) -> tuple[int, int]:
        """Column and line, from 0."""
        return self._screen.cursor.x, self._screen.cursor.y

    def cursor_visible(self) -> bool:
        """Whether the cursor is shown."""
        return not self._screen.cursor.hidden

    def pen(self) -> str:
        """The SGR parameters that give the style in force."""
        return sgr(*self._screen.style)[2:-1]

    def margins(self) -> tuple[int, int]:
        """The first and last line of the scroll region."""
        return self._screen.region

    def tab_stops(self) -> list[int]:
        """The columns of the tab stops."""
        return sorted(self._screen.tabstops)

    def pending_wrap(self, tail: bytes) -> bool:
        """Whether the next character goes to the next line."""
        del tail
        return self._screen.wrap_next

    def row(self, y: int) -> Row:
        """Line ``y`` of the screen."""
        return self._screen.row_at(y)

    def lines(self) -> list[str]:
        """The screen's text, without trailing blanks."""
        return [self._screen.text_at(y) for y in range(self.rows)]

    def damage(self) -> int:
        """A number that grows with every change of cells."""
        return self._damage

    def damaged_since(self, damage: int) -> Sequence[int]:
        """The lines whose cells may have changed since ``damage`` was read."""
        return [y for y, stamp in enumerate(self._stamps) if stamp > damage]

    def history_length(self) -> int:
        """How many lines have scrolled off and are kept."""
        return len(self._screen.scrolled)

    def history(self, start: int, count: int) -> list[Row]:
        """Lines of the history; 0 is the oldest."""
        return list(islice(self._screen.scrolled, start, start + count))

    def history_lines(self) -> list[str]:
        """The history's text, oldest first."""
        return [row_text(row).rstrip(" ") for row in self._screen.scrolled]

    def clear_history(self, redraw: Callable[[], bytes]) -> bool:
        """Forget the lines that have scrolled off; the screen stays."""
        del redraw
        self._screen.scrolled.clear()
        return False

    def width(self, char: str) -> int:
        """The cells that ``char`` takes."""
        return cell_width(char)


def _number(digits: str) -> int:
    digits = digits.partition(":")[0]
    if not digits:
        return 0
    return min(int(digits), 65535) if len(digits) < 10 else 65535
