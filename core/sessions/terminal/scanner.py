"""One streaming scanner for both back ends.

It takes out of a program's output all that is not plain drawing, whole and well-formed, however
the bytes were split. What is left for a back end's grid is text, line controls and a short list of CSI sequences; modes,
queries, strings (OSC, DCS, APC, PM, SOS) and everything unknown never reach it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Protocol

MAX_STRING = 8192
"""Bytes of an OSC, DCS, APC, PM or SOS string that is read; longer ones are swallowed unread."""
MAX_PARAMETERS = 256
"""Bytes of parameters that a CSI sequence may have; longer ones are swallowed."""

_SEQUENCE = (
    # What a grid draws by itself passes: ESC D E H M, the cursor's visibility, and these CSI
    # sequences, but for ED 3, which no back end does right, and tabs, whose count is bounded.
    rb"(?!\[(?:[0-9;:]{0,256}+[@-HK-MPSTX`dfgm]|[012]?J|\?25[hl])|[DEHM])"
    rb"(?:"
    rb"\[\?2026([hl])"  # 1: synchronized output
    rb"|\]([^\x07\x18\x1a\x1b]*+)(?:(\x07|\x1b\\)|\x1b\Z)?+"  # 2, 3: OSC
    rb"|([PX^_])([^\x18\x1a\x1b]*+)(?:(\x1b\\)|\x1b\Z)?+"  # 4, 5, 6: other strings
    rb"|\[([\x00-\x17\x19\x1c-\x3f\x7f]*+)([@-~])?+"  # 7, 8: CSI
    rb"|([ -/]{0,3}+[0-Z`-~\\])"  # 9: other escapes
    rb"|[ -/]{0,3}+"  # an ESC that begins nothing, or one that goes on
    rb")"
)
_SEQUENCES = re.compile(rb"\x1b" + _SEQUENCE)
_SEQUENCES_AND_CONTROLS = re.compile(
    rb"[\x05\x07\x0b\x0c\x0e\x0f\x18\x1a\x1b](?:(?<=\x1b)" + _SEQUENCE + rb"|(?<!\x1b)())"
)
"""The same and 10: the controls that no grid gets. The first is twice as fast."""
_ALL_BUT_CONTROLS = bytes(set(range(256)) - set(b"\x05\x07\x0b\x0c\x0e\x0f\x18\x1a"))
OSC_OPEN, OSC, STRING_OPEN, STRING, CSI_OPEN, CSI, ESCAPE, CONTROL = 2, 3, 5, 6, 7, 8, 9, 10
SYNC = 1
_OPEN = frozenset({None, OSC_OPEN, STRING_OPEN, CSI_OPEN})

Swallowing = Literal["", "osc", "string", "csi"]
_ENDS: Mapping[Swallowing, re.Pattern[bytes]] = {
    "osc": re.compile(rb"[\x07\x18\x1a]|\x1b\\?"),
    "string": re.compile(rb"[\x18\x1a]|\x1b\\?"),
    "csi": re.compile(rb"[@-~\x18\x1a]|(?=[\x1b\x80-\xff])"),
}


_BEGINNING = re.compile(
    rb"[\xc2-\xdf]|\xe0[\xa0-\xbf]?|[\xe1-\xec\xee\xef][\x80-\xbf]?|\xed[\x80-\x9f]?"
    rb"|\xf0(?:[\x90-\xbf][\x80-\xbf]?)?|[\xf1-\xf3][\x80-\xbf]{0,2}|\xf4(?:[\x80-\x8f][\x80-\xbf]?)?"
)
"""A character of UTF-8 that lacks bytes at its end."""


class Sink(Protocol):
    """What the scanner hands its findings to, in order."""

    def text(self, piece: bytes) -> None:
        """A piece that a grid can draw; no sequence or character is cut at its end."""
        ...

    def synchronize(self, begin: bool) -> None:
        """Mode 2026 was set or reset."""
        ...

    def osc(self, payload: bytes, end: bytes) -> None:
        """A whole OSC string and its terminator."""
        ...

    def string(self, kind: bytes, payload: bytes) -> None:
        """A whole DCS (``P``), SOS (``X``), PM (``^``) or APC (``_``) string."""
        ...

    def csi(self, body: bytes, final: bytes) -> None:
        """A CSI sequence that no grid gets as it is; ``body`` may hold controls."""
        ...

    def escape(self, sequence: bytes) -> None:
        """An escape sequence without its ESC."""
        ...

    def control(self, byte: bytes) -> None:
        """A C0 control that no grid gets."""
        ...


def _pattern_for(data: bytes, start: int) -> re.Pattern[bytes]:
    """The faster pattern, unless there are controls apart from BEL at an OSC string's end."""
    controls = data[start:].translate(None, _ALL_BUT_CONTROLS)
    if not controls:
        return _SEQUENCES
    if controls.strip(b"\x07"):
        return _SEQUENCES_AND_CONTROLS
    bell = start - 1
    for _ in controls:
        after, bell = bell + 1, data.index(b"\x07", bell + 1)
        opener = data.rfind(b"\x1b", after, bell)
        if opener < 0 or data[opener + 1] != 0x5D:
            return _SEQUENCES_AND_CONTROLS
    return _SEQUENCES


class Scanner:
    """Splits a stream; keeps what is unfinished until its rest comes."""

    def __init__(self) -> None:
        self.carry = b""
        self.swallowing: Swallowing = ""

    def feed(self, data: bytes, sink: Sink) -> None:
        """Hand on everything in ``data`` that is complete."""
        if self.carry:
            data = self.carry + data
            self.carry = b""
        position = self._swallow(data) if self.swallowing else 0
        text = sink.text
        size = len(data)
        for match in _pattern_for(data, position).finditer(data, position):
            start, end = match.span()
            if start > position:
                piece = data[position:start]
                text(piece if piece[-1] < 0x80 else _whole(piece))
            position = end
            kind = match.lastindex
            if kind == SYNC:
                sink.synchronize(data[end - 1] == 0x68)
            elif end == size and kind in _OPEN:
                self._keep(data[start:], kind)
            else:
                self._dispatch(match, kind, sink)
        if position < len(data):
            cut = len(data) - _incomplete(data)
            self.carry += data[max(position, cut) :]
            if position < cut:
                text(_whole(data[position:cut]))

    def dump(self) -> tuple[bytes, Swallowing]:
        """What is unfinished, for a snapshot."""
        return self.carry, self.swallowing

    def load(self, carry: bytes, swallowing: Swallowing) -> None:
        """Go on with what ``dump`` gave."""
        self.carry = carry
        self.swallowing = swallowing

    def _keep(self, rest: bytes, kind: int | None) -> None:
        """Keep an unfinished sequence, or swallow what becomes too long to be one."""
        if kind == CSI_OPEN and len(rest) > MAX_PARAMETERS + 2:
            self.swallowing = "csi"
        elif kind in {OSC_OPEN, STRING_OPEN} and len(rest) > MAX_STRING + 3:
            self.swallowing = "osc" if kind == OSC_OPEN else "string"
        else:
            self.carry = rest

    def _swallow(self, data: bytes) -> int:
        """Where an overlong sequence ends in ``data``; its length if it goes on."""
        end = _ENDS[self.swallowing].search(data)
        if end is None:
            return len(data)
        if end[0] == b"\x1b":
            if end.end() == len(data):
                self.carry = b"\x1b"
                return len(data)
            self.swallowing = ""
            return end.start()
        self.swallowing = ""
        return end.end()

    @staticmethod
    def _dispatch(match: re.Match[bytes], kind: int | None, sink: Sink) -> None:
        if kind == OSC:
            if len(match[2]) <= MAX_STRING:
                sink.osc(match[2], match[3])
        elif kind == CSI:
            if len(match[7]) <= MAX_PARAMETERS:
                sink.csi(match[7], match[8])
        elif kind == CONTROL:
            sink.control(match[0])
        elif kind == ESCAPE:
            sink.escape(match[9])
        elif kind == STRING and len(match[5]) <= MAX_STRING:
            sink.string(match[4], match[5])


def _incomplete(data: bytes) -> int:
    """How many bytes at the end of ``data`` begin a character without ending it."""
    if data[-1] < 0x80:
        return 0
    for back in range(1, min(3, len(data)) + 1):
        if data[-back] >= 0xC0:
            return back if _BEGINNING.fullmatch(data, len(data) - back) else 0
    return 0


def _whole(piece: bytes) -> bytes:
    """``piece`` with a replacement character in place of one cut off by what follows."""
    if piece[-1] < 0x80 or not (cut := _incomplete(piece)):
        return piece
    return piece[:-cut] + b"\xef\xbf\xbd"
