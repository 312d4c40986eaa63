"""A grid on ``par-term-emu-core-rust``: fast, pinned, and wrapped where it errs.

What it can't do right or doesn't tell is mended here:

- It gives colours back as RGB. Its 16 palette colours and its defaults are set to values that no
  program's direct colour keeps (those are nudged by one step), so that cells tell which they are.
- SGR with ``:`` or an underline's colour is misread: rewritten.
- Halves of overwritten wide characters stay: shown as blanks.
- A pending wrap is not told: found by drawing the last line's bytes again on a scratch terminal.
- Its resize, its ED 3 and its export of history lose or join lines: none of them is used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from par_term_emu_core_rust import Terminal, char_width

from ...protocol.screen import DEFAULT_COLOUR, RGB, Attr, Row, Run
from .clusters import SUSPECT, fold
from .grid import set_tabs
from .history import Segments
from .styles import PLAIN, apply_sgr, merge, plain_parameters, sgr

_Rgb = tuple[int, int, int]
_Cell = tuple[str, _Rgb, _Rgb, Any]

_LEVELS = (0, 51, 102, 153, 204, 255)
_FOREGROUND, _BACKGROUND = (1, 2, 16), (1, 2, 17)


def _reserved() -> dict[_Rgb, int]:
    """The RGB values by which cells tell palette and default colours."""
    table = {(1, 2, n): n for n in range(16)}
    cube = ((r, g, b) for r in _LEVELS for g in _LEVELS for b in _LEVELS)
    table |= {rgb: 16 + n for n, rgb in enumerate(cube)}
    table |= {(8 + 10 * n,) * 3: 232 + n for n in range(24)}
    return table | {_FOREGROUND: DEFAULT_COLOUR, _BACKGROUND: DEFAULT_COLOUR}


def _nudge(rgb: _Rgb) -> _Rgb:
    red, green, blue = rgb
    if (red, green) == (1, 2):
        return 2, green, blue
    return red, green, blue + 1 if blue < 255 else 254


def _direct(rgb: _Rgb) -> int:
    return RGB | rgb[0] << 16 | rgb[1] << 8 | rgb[2]


_RESERVED = _reserved()
_COLOURS = _RESERVED | {_nudge(rgb): _direct(rgb) for rgb in _RESERVED}

_CUBE = rb"(?:0|51|102|153|204|255)"
_MISTAKABLE = re.compile(
    rb"8;2;(" + _CUBE + rb";" + _CUBE + rb";" + _CUBE + rb"|"
    rb"((?:[1-9]|1\d|2[0-3])?8);\2;\2|1;2;(?:\d|1[0-7]))(?=[;m])"
)
_BEFORE = re.compile(rb"\x1b\[(?:[0-9;]*;)?[34]\Z")
_COLONS = re.compile(rb":[0-9:;]*m")
_UNDERLINE_COLOUR = re.compile(rb"58;[25];")
_ODD_SGR = re.compile(rb"\x1b\[((?:[0-9;:]*[;:])?58[;:][0-9;:]*|[0-9;]*:[0-9;:]*)m")

_ATTRIBUTES = attrgetter(
    "bold", "dim", "italic", "underline", "blink", "reverse", "hidden", "strikethrough"
)
_BITS = tuple(map(int, (
    Attr.BOLD, Attr.DIM, Attr.ITALIC, Attr.UNDERLINE,
    Attr.BLINK, Attr.REVERSE, Attr.HIDDEN, Attr.STRIKE,
)))  # fmt: skip
_NO_ATTRIBUTES = (False,) * 8
_SPACER = attrgetter("wide_char_spacer")

_ANCHOR = re.compile(rb"\r|\x1bE|\x1b\[[0-9;]*[HfG`]")
_PEN_QUERY = b"\x1bP$qm\x1b\\"
_PEN_REPLY = re.compile(rb"\x1bP1\$r([0-9;]*)m\x1b\\")


def native_sgr(data: bytes) -> bytes:
    """``data`` with every SGR sequence rewritten that the terminal would misread or mistake."""
    if (b":" in data and _COLONS.search(data)) or _UNDERLINE_COLOUR.search(data):
        data = _ODD_SGR.sub(_rewrite, data)
    if b"8;2;" in data:
        data = _MISTAKABLE.sub(_nudged, data)
    return data


def _rewrite(match: re.Match[bytes]) -> bytes:
    plain = plain_parameters(match[1].decode())
    return f"\x1b[{plain}m".encode() if plain else b""


def _nudged(match: re.Match[bytes]) -> bytes:
    start = match.start()
    if not _BEFORE.search(match.string, max(0, start - 256), start):
        return match[0]  # text that only looks like a colour
    red, green, blue = map(int, match[1].split(b";"))
    return b"8;2;%d;%d;%d" % _nudge((red, green, blue))


def _terminal(cols: int, rows: int, scrollback: int) -> Terminal:
    terminal = Terminal(cols, rows, scrollback)
    for index in range(16):
        terminal.set_ansi_palette_color(index, 1, 2, index)
    terminal.set_default_fg(*_FOREGROUND)
    terminal.set_default_bg(*_BACKGROUND)
    terminal.set_bold_brightening(False)
    return terminal


def _row(cells: Sequence[_Cell]) -> Row:
    texts: Sequence[str]
    texts, fgs, bgs, attributes = zip(*cells, strict=True)
    if SUSPECT.search("".join(texts)):
        texts = fold(texts, list(map(_SPACER, attributes)), char_width)
    styles = list(zip(fgs, bgs, map(_ATTRIBUTES, attributes), strict=True))
    runs = []
    start, style = 0, styles[0]
    for at, other in enumerate(styles):
        if other != style:
            runs.append(_run("".join(texts[start:at]), *style))
            start, style = at, other
    runs.append(_run("".join(texts[start:]), *style))
    return merge(runs)


def _run(text: str, fg: _Rgb, bg: _Rgb, attributes: tuple[bool, ...]) -> Run:
    bits = 0
    if attributes != _NO_ATTRIBUTES:
        bits = sum(bit for bit, on in zip(_BITS, attributes, strict=True) if on)
    return Run(text, _colour(fg), _colour(bg), bits)


def _colour(rgb: _Rgb) -> int:
    known = _COLOURS.get(rgb)
    return _direct(rgb) if known is None else known


def _told(colour: int) -> int:
    """The colour of a pen, which tells the defaults as the values they were set to."""
    if not colour & RGB or colour < 0:
        return colour
    return _colour((colour >> 16 & 0xFF, colour >> 8 & 0xFF, colour & 0xFF))


def _text(cells: Sequence[_Cell]) -> str:
    spacers = [cell[3].wide_char_spacer for cell in cells]
    return "".join(fold([cell[0] for cell in cells], spacers, char_width)).rstrip(" ")


class _Scrolled:
    """The lines that have scrolled off one terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __len__(self) -> int:
        return int(self._terminal.scrollback_len())

    def row(self, index: int) -> Row:
        return _row(self._terminal.scrollback_line(index))

    def lines(self) -> list[str]:
        texts: list[str] = self._terminal.scrollback()
        return [
            _text(self._terminal.scrollback_line(index))
            if SUSPECT.search(text)
            else text.rstrip(" ")
            for index, text in enumerate(texts)
        ]


class RustGrid:
    """A ``Grid``; see there."""

    def __init__(self, cols: int, rows: int, scrollback: int) -> None:
        self.cols = cols
        self.rows = rows
        self._scrollback = scrollback
        self._terminal = _terminal(cols, rows, scrollback)
        self._history = Segments(scrollback, _Scrolled(self._terminal))

    def process(self, data: bytes) -> None:
        """Draw ``data``; what is no UTF-8 becomes replacement characters, by Python's rules."""
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("utf-8", "replace").encode()
        self._terminal.process(native_sgr(data))

    def resize(self, cols: int, rows: int) -> None:
        """Take another size; afterwards the screen is blank and the history still there."""
        self.cols, self.rows = cols, rows
        self._terminal = _terminal(cols, rows, self._scrollback)
        self._history.add(_Scrolled(self._terminal))

    def cursor(self) -> tuple[int, int]:
        """Column and line, from 0."""
        position: tuple[int, int] = self._terminal.cursor_position()
        return position

    def cursor_visible(self) -> bool:
        """Whether the cursor is shown."""
        return bool(self._terminal.cursor_visible())

    def pen(self) -> str:
        """The SGR parameters that give the style in force."""
        self._terminal.process(_PEN_QUERY)
        reply = _PEN_REPLY.fullmatch(bytes(self._terminal.drain_responses()))
        if reply is None:
            return "0"
        fg, bg, attrs = apply_sgr(PLAIN, reply[1].decode())
        return sgr(_told(fg), _told(bg), attrs)[2:-1]

    def margins(self) -> tuple[int, int]:
        """The first and last line of the scroll region."""
        region: tuple[int, int] = self._terminal.scroll_region()
        return region

    def tab_stops(self) -> list[int]:
        """The columns of the tab stops."""
        return self._terminal.get_tab_stops()

    def pending_wrap(self, tail: bytes) -> bool:
        """Whether the next character goes to the next line.

        Counted from the last sequence in ``tail`` that set the column; ``False`` without one.
        """
        anchor = max((match.start() for match in _ANCHOR.finditer(tail)), default=-1)
        if anchor < 0 or self.cursor()[0] != self.cols - 1:
            return False
        scratch = Terminal(self.cols, self.rows, 0)
        scratch.process(set_tabs(self.tab_stops()) + native_sgr(tail[anchor:]))
        line = scratch.cursor_position()[1]
        scratch.process(b"x")
        x, y = scratch.cursor_position()
        return bool(x == 1 and (y != line or line == self.rows - 1))

    def row(self, y: int) -> Row:
        """Line ``y`` of the screen."""
        return _row(self._terminal.get_line_cells(y))

    def lines(self) -> list[str]:
        """The screen's text, without trailing blanks."""
        terminal = self._terminal
        texts = []
        for y in range(self.rows):
            text: str = terminal.get_line(y)
            # Spacers are left out of it: another length means that there are wide characters.
            if len(text) != self.cols or not (text.isascii() or not SUSPECT.search(text)):
                text = _text(terminal.get_line_cells(y))
            texts.append(text.rstrip(" "))
        return texts

    def damage(self) -> int:
        """A number that grows with every change of cells."""
        return self._terminal.damage_generation()

    def damaged_since(self, damage: int) -> Sequence[int]:
        """The lines whose cells may have changed since ``damage`` was read."""
        return self._terminal.dirty_rows_since(damage)

    def history_length(self) -> int:
        """How many lines have scrolled off and are kept."""
        return len(self._history)

    def history(self, start: int, count: int) -> list[Row]:
        """Lines of the history; 0 is the oldest."""
        return [self._history.row(index) for index in range(start, start + count)]

    def history_lines(self) -> list[str]:
        """The history's text, oldest first."""
        return self._history.lines()

    def clear_history(self) -> bool:
        """Forget the lines that have scrolled off; the screen goes with them if there were any."""
        if not len(self._history):
            return False
        self._terminal = _terminal(self.cols, self.rows, self._scrollback)
        self._history = Segments(self._scrollback, _Scrolled(self._terminal))
        return True

    def width(self, char: str) -> int:
        """The cells that ``char`` takes."""
        return char_width(char)
