"""Answers to the questions that programs ask their terminal.

Agents hang or degrade at start when device queries stay open; each is answered once, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from .status_protocol import MAX_SEQUENCE

Rgb = tuple[int, int, int]

CSI = b"\x1b["
ST = b"\x1b\\"
MAX_REPLIES = 64 * 1024
"""Bytes of answers kept until they are taken; a flood of queries beyond stays unanswered."""


def _xterm_palette() -> tuple[Rgb, ...]:
    basic: list[Rgb] = [
        (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0),
        (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
        (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0),
        (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255),
    ]  # fmt: skip
    steps = (0, 95, 135, 175, 215, 255)
    cube = [(r, g, b) for r in steps for g in steps for b in steps]
    greys = [(grey, grey, grey) for grey in range(8, 248, 10)]
    return (*basic, *cube, *greys)


XTERM_PALETTE = _xterm_palette()
"""The 256 colours that programs expect; what is shown follows the person's own palette."""


class Colours(NamedTuple):
    """The colours told to a program that asks; red, green, blue from 0 to 255."""

    foreground: Rgb = (229, 229, 229)
    background: Rgb = (18, 18, 18)
    cursor: Rgb = (229, 229, 229)
    palette: Sequence[Rgb] = XTERM_PALETTE

    @property
    def dark(self) -> bool:
        """Whether the background is dark, by its luma."""
        red, green, blue = self.background
        return 299 * red + 587 * green + 114 * blue < 128_000


class CellSize(NamedTuple):
    """Pixels of one cell, told to programs that ask."""

    width: int = 10
    height: int = 20


class Device(Protocol):
    """What the answers are made of."""

    colours: Colours
    cell: CellSize

    @property
    def cols(self) -> int:
        """Columns of the screen."""
        ...

    @property
    def rows(self) -> int:
        """Lines of the screen."""
        ...

    def reported_cursor(self) -> tuple[int, int]:
        """Line and column, from 1, counted as the origin mode says."""
        ...

    def mode_state(self, number: int, *, private: bool) -> int:
        """1 if the mode is set, 2 if it is reset, 0 if it is not known."""
        ...

    def keyboard_flags(self) -> int:
        """The kitty keyboard flags in force."""
        ...


Answer = Callable[[Device, Sequence[int]], bytes]


def _status(device: Device, params: Sequence[int]) -> bytes:
    if params[:1] == [5]:
        return CSI + b"0n"
    if params[:1] == [6]:
        return CSI + b"%d;%dR" % device.reported_cursor()
    return b""


def _private_status(device: Device, params: Sequence[int]) -> bytes:
    if params[:1] == [6]:
        return CSI + b"?%d;%dR" % device.reported_cursor()
    if params[:1] == [996]:
        return colour_scheme(device.colours)
    return b""


def colour_scheme(colours: Colours) -> bytes:
    """The report of a dark or light scheme, asked for or sent by mode 2031."""
    return CSI + b"?997;%dn" % (1 if colours.dark else 2)


def _mode(*, private: bool) -> Answer:
    prefix = b"?" if private else b""

    def answer(device: Device, params: Sequence[int]) -> bytes:
        number = params[0] if params else 0
        state = device.mode_state(number, private=private)
        return CSI + prefix + b"%d;%d$y" % (number, state)

    return answer


def _window(device: Device, params: Sequence[int]) -> bytes:
    match params[:1]:
        case [14]:
            size = (device.rows * device.cell.height, device.cols * device.cell.width)
            return CSI + b"4;%d;%dt" % size
        case [16]:
            return CSI + b"6;%d;%dt" % (device.cell.height, device.cell.width)
        case [18]:
            return CSI + b"8;%d;%dt" % (device.rows, device.cols)
        case _:
            return b""


def _version(_device: Device, params: Sequence[int]) -> bytes:
    return b"" if any(params) else b"\x1bP>|quarterdeck" + ST


def _unless_numbered(reply: bytes) -> Answer:
    return lambda _device, params: b"" if any(params) else reply


CSI_ANSWERS: Mapping[bytes, Answer] = {
    b"c": _unless_numbered(CSI + b"?62;22c"),  # a VT220 with colours
    b">c": _unless_numbered(CSI + b">1;10;0c"),
    b"=c": _unless_numbered(b"\x1bP!|00000000" + ST),
    b"n": _status,
    b"?n": _private_status,
    b"$p": _mode(private=False),
    b"?$p": _mode(private=True),
    b"?u": lambda device, _params: CSI + b"?%du" % device.keyboard_flags(),
    b">q": _version,
    b"t": _window,
}
"""By the sequence's prefix, intermediates and final byte."""

STATEFUL = frozenset({b"n", b"?n", b"$p", b"?$p", b"?u"})
"""Queries whose answer depends on what was drawn or set before."""


def answer_osc(number: int, text: str, colours: Colours, end: bytes) -> bytes:
    """The answer to OSC ``number`` if it asks something; ``end`` is its own terminator."""
    if number == 4:
        return _palette(text, colours, end)
    if number in {10, 11, 12}:
        return _defaults(number, text, colours, end)
    if number == 99:
        return _notifications(text, end)
    if number == 7501 and text == "?":
        return b"\x1b]7501;?" + end
    return b""


def _palette(text: str, colours: Colours, end: bytes) -> bytes:
    parts = text.split(";")[: MAX_SEQUENCE // 8]
    asked = (index for index, value in zip(parts[::2], parts[1::2], strict=False) if value == "?")
    indexes = [int(index) for index in asked if index.isascii() and index.isdigit()]
    known = [index for index in indexes if index < len(colours.palette)]
    return b"".join(_colour(b"4;%d" % n, colours.palette[n], end) for n in known)


def _defaults(number: int, text: str, colours: Colours, end: bytes) -> bytes:
    known = {10: colours.foreground, 11: colours.background, 12: colours.cursor}
    asked = [number + at for at, value in enumerate(text.split(";")[:8]) if value == "?"]
    return b"".join(_colour(b"%d" % n, known[n], end) for n in asked if n in known)


def _colour(what: bytes, rgb: Rgb, end: bytes) -> bytes:
    wide = tuple(channel * 257 for channel in rgb)
    return b"\x1b]" + what + b";rgb:%04x/%04x/%04x" % wide + end


def _notifications(text: str, end: bytes) -> bytes:
    pairs = dict(pair.split("=", 1) for pair in text.partition(";")[0].split(":") if "=" in pair)
    name = pairs.get("i", "")
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    if pairs.get("p") != "?" or len(name) > 64 or not plain:
        return b""
    return b"\x1b]99;i=" + name.encode() + b":p=?;p=title,body" + end


def answer_dcs(payload: bytes) -> bytes:
    """The answer to DCS: settings (DECRQSS) and capabilities (XTGETTCAP) are not told."""
    if payload.startswith(b"$q"):
        return b"\x1bP0$r" + ST
    if payload.startswith(b"+q"):
        return b"\x1bP0+r" + ST
    return b""


class ReplyBuffer:
    """Answers until they are sent to the program; bounded."""

    def __init__(self, limit: int = MAX_REPLIES) -> None:
        self._pending = bytearray()
        self._limit = limit
        self.dropped = 0

    def put(self, reply: bytes) -> None:
        """Add one answer, or count it as dropped if there is no room."""
        if len(self._pending) + len(reply) > self._limit:
            self.dropped += 1
            return
        self._pending += reply

    def take(self) -> bytes:
        """All answers since the last call, in order."""
        taken = bytes(self._pending)
        self._pending.clear()
        return taken
