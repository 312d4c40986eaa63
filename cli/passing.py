"""A session's bytes on their way to the person's own terminal.

What draws passes. What would make the terminal answer does not, since the session's emulator has
answered already and a second answer would be typed into the session. Nor does what reaches beyond
the screen: titles, the clipboard, notifications, the scrollback.
"""

from __future__ import annotations

from ..core.sessions.terminal.scanner import Scanner

_PASSED_OSC = (b"8;", b"133;")
"""Links and a shell's marks."""

_ANSWERED_ELSEWHERE = frozenset({b"2031", b"2048"})
"""Private modes by which a terminal reports its colour scheme and its size."""

_SOFT_RESET = b"\x1b[!p\x1b[?1049l\x1b[2J\x1b[H"
_QUERYING = frozenset({b"c", b"n", b"t", b"x", b"y"})
_DROPPED_CONTROLS = frozenset({b"\x05"})


class Passage:
    """Takes a session's bytes and gives what may pass; keeps what is unfinished."""

    def __init__(self) -> None:
        self._scanner = Scanner()
        self._passed = bytearray()

    def feed(self, data: bytes) -> bytes:
        """What of ``data`` may pass."""
        self._scanner.feed(data, self)
        passed = bytes(self._passed)
        self._passed.clear()
        return passed

    def text(self, piece: bytes) -> None:
        """Drawing passes."""
        self._passed += piece

    def synchronize(self, begin: bool) -> None:
        """Synchronized output passes."""
        self._passed += b"\x1b[?2026h" if begin else b"\x1b[?2026l"

    def osc(self, payload: bytes, end: bytes) -> None:
        """Links and marks pass."""
        if payload.startswith(_PASSED_OSC):
            self._passed += b"\x1b]" + payload + end

    def string(self, kind: bytes, payload: bytes) -> None:
        """Device strings don't pass: they ask, or load things into the terminal."""

    def csi(self, body: bytes, final: bytes) -> None:
        """Modes and cursor shapes pass, queries don't."""
        if final in {b"h", b"l"} and body.startswith(b"?"):
            self._mode(body[1:], final)
        elif not _asks(body, final):
            self._passed += b"\x1b[" + body + final

    def _mode(self, numbers: bytes, final: bytes) -> None:
        kept = [number for number in numbers.split(b";") if number not in _ANSWERED_ELSEWHERE]
        if kept:
            self._passed += b"\x1b[?" + b";".join(kept) + final

    def escape(self, sequence: bytes) -> None:
        """A full reset becomes a soft one, which leaves the person's scrollback alone."""
        if sequence == b"c":
            self._passed += _SOFT_RESET
        elif sequence != b"Z":  # asks what the terminal is
            self._passed += b"\x1b" + sequence

    def control(self, byte: bytes) -> None:
        """The bell and the like pass."""
        if byte not in _DROPPED_CONTROLS:
            self._passed += byte


def _asks(body: bytes, final: bytes) -> bool:
    """Whether a CSI sequence makes a terminal answer, move its window, or clear its scrollback."""
    if final in _QUERYING:
        return True
    if final in {b"p", b"w"}:
        return body.endswith(b"$")
    if final == b"u":
        return body.startswith(b"?") or body.endswith((b"$", b"&"))
    if final == b"q":
        return body.startswith(b">")
    if final == b"S":
        return body.startswith(b"?")
    return final == b"J" and body.strip(b"0") == b"3"
