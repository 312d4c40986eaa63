"""Cells of the Rust terminal read as rows, and styles written so that it reads them right.

It gives colours back as RGB. Its 16 palette colours and its defaults are set to values that no
program's direct colour keeps (those are nudged by one step), so that cells tell which they are.
Palette white text and palette black backgrounds it gives back as whatever the defaults are at that
moment, and untouched cells as both: so the defaults are other ones while cells are read than while
they are drawn. SGR with ``:`` or an underline's colour it misreads: rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from par_term_emu_core_rust import Terminal, char_width  # pyright: ignore[reportMissingImports]  # no wheel for 3.11

from ...protocol.screen import DEFAULT_COLOUR, RGB, Attr, Row, Run
from .clusters import SUSPECT, fold
from .styles import BLACK, WHITE, apply_sgr, merge, plain_parameters, sgr, white_runs

_Rgb = tuple[int, int, int]
_Cell = tuple[str, _Rgb, _Rgb, Any]

_LEVELS = (0, 51, 102, 153, 204, 255)
_FOREGROUND, _BACKGROUND = (1, 2, 16), (1, 2, 17)
_WHITE, _BLACK = (1, 2, 18), (1, 2, 19)


def _reserved() -> dict[_Rgb, int]:
    """The RGB values by which cells tell palette and default colours."""
    table: dict[_Rgb, int] = {(1, 2, n): n for n in range(16)}
    cube = ((r, g, b) for r in _LEVELS for g in _LEVELS for b in _LEVELS)
    table |= {rgb: 16 + n for n, rgb in enumerate(cube)}
    greys = ((grey, grey, grey) for grey in range(8, 248, 10))
    table |= {rgb: 232 + n for n, rgb in enumerate(greys)}
    table |= {_FOREGROUND: DEFAULT_COLOUR, _BACKGROUND: DEFAULT_COLOUR}
    return table | {_WHITE: WHITE, _BLACK: BLACK}


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
    rb"((?:[1-9]|1\d|2[0-3])?8);\2;\2|1;2;(?:\d|1\d))(?=[;m])"
)
_BEFORE = re.compile(rb"\x1b\[(?:[0-9;]*;)?[34]\Z")
_COLONS = re.compile(rb":[0-9:;]*m")
_UNDERLINE_COLOUR = re.compile(rb"58;[25];")
_ODD_SGR = re.compile(rb"\x1b\[((?:[0-9;:]*[;:])?58[;:][0-9;:]*|[0-9;]*:[0-9;:]*)m")

_PEN_REPLY = re.compile(rb"\x1bP1\$r([0-9;]*)m\x1b\\")

_ATTRIBUTES = attrgetter(
    "bold", "dim", "italic", "underline", "blink", "reverse", "hidden", "strikethrough"
)
_BITS = tuple(map(int, (
    Attr.BOLD, Attr.DIM, Attr.ITALIC, Attr.UNDERLINE,
    Attr.BLINK, Attr.REVERSE, Attr.HIDDEN, Attr.STRIKE,
)))  # fmt: skip
_NO_ATTRIBUTES = (False,) * 8
_SPACER = attrgetter("wide_char_spacer")


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


def new_terminal(cols: int, rows: int, scrollback: int) -> Terminal:
    """A blank terminal whose cells tell palette and default colours."""
    terminal = Terminal(cols, rows, scrollback)
    for index in range(16):
        terminal.set_ansi_palette_color(index, 1, 2, index)
    terminal.set_default_fg(*_FOREGROUND)
    terminal.set_default_bg(*_BACKGROUND)
    terminal.set_bold_brightening(False)
    terminal.process(b"\x1b[0m")  # the first style, too, is then made of these defaults
    return terminal


def screen_cells(terminal: Terminal, y: int) -> Sequence[_Cell]:
    """The cells of line ``y`` of the screen."""
    return _read(terminal, terminal.get_line_cells, y)


def scrolled_cells(terminal: Terminal, index: int) -> Sequence[_Cell]:
    """The cells of line ``index`` of the history."""
    return _read(terminal, terminal.scrollback_line, index)


def _read(
    terminal: Terminal, read: Callable[[int], Sequence[_Cell]], index: int
) -> Sequence[_Cell]:
    terminal.set_default_fg(*_WHITE)
    terminal.set_default_bg(*_BLACK)
    cells = read(index)
    terminal.set_default_fg(*_FOREGROUND)
    terminal.set_default_bg(*_BACKGROUND)
    return cells


def line_row(cells: Sequence[_Cell]) -> Row:
    """``cells`` as runs."""
    texts: Sequence[str]
    texts, fgs, bgs, attributes = zip(*cells, strict=True)
    if SUSPECT.search("".join(texts)):
        texts = fold(texts, list(map(_SPACER, attributes)), char_width)
    styles = list(zip(fgs, bgs, map(_ATTRIBUTES, attributes), strict=True))
    runs: list[Run] = []
    start, style = 0, styles[0]
    for at, other in enumerate(styles):
        if other != style:
            runs += _runs("".join(texts[start:at]), *style)
            start, style = at, other
    runs += _runs("".join(texts[start:]), *style)
    return merge(runs)


def _runs(text: str, fg: _Rgb, bg: _Rgb, attributes: tuple[bool, ...]) -> list[Run]:
    if fg != _WHITE or attributes != _NO_ATTRIBUTES:
        return [_run(text, fg, bg, attributes)]
    before, inner, after = white_runs(text, _colour(bg))
    if bg == _BLACK:  # as which untouched cells read, too: blanks are taken for these
        before, after = Run(before.text), Run(after.text)
    return [before, inner, after]


def _run(text: str, fg: _Rgb, bg: _Rgb, attributes: tuple[bool, ...]) -> Run:
    bits = 0
    if attributes != _NO_ATTRIBUTES:
        bits = sum(bit for bit, on in zip(_BITS, attributes, strict=True) if on)
    return Run(text, _colour(fg), _colour(bg), bits)


def _colour(rgb: _Rgb) -> int:
    known = _COLOURS.get(rgb)
    return _direct(rgb) if known is None else known


def pen_parameters(reply: bytes) -> str:
    """The SGR parameters in the terminal's answer to a query for them."""
    parts = _PEN_REPLY.fullmatch(reply)
    if parts is None:
        return "0"
    # It leaves out what it would give back as the defaults, and never the defaults themselves.
    told = parts[1].decode().removeprefix("0").removeprefix(";")
    fg, bg, attrs = apply_sgr((WHITE, BLACK, 0), told) if told else (WHITE, BLACK, 0)
    return sgr(_told(fg), _told(bg), attrs)[2:-1]


def _told(colour: int) -> int:
    """The colour of a pen, which tells the defaults as the values they were set to."""
    if not colour & RGB or colour < 0:
        return colour
    return _colour((colour >> 16 & 0xFF, colour >> 8 & 0xFF, colour & 0xFF))


def line_text(cells: Sequence[_Cell]) -> str:
    """``cells`` as text, without trailing blanks."""
    spacers = [cell[3].wide_char_spacer for cell in cells]
    return "".join(fold([cell[0] for cell in cells], spacers, char_width)).rstrip(" ")
