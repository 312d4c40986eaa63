"""The key that leaves a session, found in the bytes that a terminal sends."""

from __future__ import annotations

import re
from typing import NamedTuple

from .failing import fault

_PASTE, _PASTED = b"\x1b[200~", b"\x1b[201~"
_CONTROL = re.compile(r"(?:ctrl\+|\^|C-)([a-z@\[\\\]^_])", re.IGNORECASE)
_UNSUITABLE = "chijm["
"""Keys that are backspace, tab, enter, escape or an interrupt: a session needs them."""


class Taken(NamedTuple):
    """What goes to the session, and whether the leave key came after it."""

    data: bytes
    left: bool


class LeaveKey:
    """Tells the leave key from the rest of what is typed.

    It may come as a control byte, or as terminals encode it after a program asked for the kitty
    keyboard protocol or xterm's modifyOtherKeys. In a paste it counts as text.
    """

    def __init__(self, name: str) -> None:
        found = _CONTROL.fullmatch(name.strip())
        if found is None or found[1].lower() in _UNSUITABLE:
            raise fault(
                "usage",
                f"The leave key is ctrl with one of a-z or @ \\ ] ^ _, such as ctrl+], not {name}; "
                "ctrl+c, ctrl+h, ctrl+i, ctrl+j, ctrl+m and ctrl+[ stay the session's.",
            )
        key = found[1].lower()
        self.name = f"ctrl+{key}"
        code = ord(key)
        plain = re.escape(bytes([ord(key.upper()) & 0x1F]))
        # 5 is ctrl; with caps lock (64) or num lock (128) the terminals count them in.
        modifier = rb"(?:5|69|133|197)"
        kitty = rb"\x1b\[%d(?::\d*)*;%s(?::[12])?(?:;[\d:]*)?u" % (code, modifier)
        xterm = rb"\x1b\[27;%s;%d~" % (modifier, code)
        marks = rb"|".join((plain, kitty, xterm, re.escape(_PASTE)))
        self._mark = re.compile(marks)
        self._rest = b""
        self._pasting = False

    @property
    def waiting(self) -> bool:
        """Whether bytes are held back since they may be the beginning of something."""
        return bool(self._rest)

    def feed(self, data: bytes) -> Taken:
        """What ``data`` holds for the session, up to the leave key."""
        data, self._rest = self._rest + data, b""
        passed = bytearray()
        while data:
            if self._pasting:
                before, mark, data = data.partition(_PASTED)
                passed += before + mark
                self._pasting = not mark
                continue
            found = self._mark.search(data)
            if found is None:
                return self._hold(bytes(passed), data)
            passed += data[: found.start()]
            if found[0] != _PASTE:
                return Taken(bytes(passed), left=True)
            passed += _PASTE
            data = data[found.end() :]
            self._pasting = True
        return Taken(bytes(passed), left=False)

    def flush(self) -> bytes:
        """What was held back, now that nothing followed."""
        rest, self._rest = self._rest, b""
        return rest

    def _hold(self, passed: bytes, data: bytes) -> Taken:
        """Pass ``data`` on but for a sequence at its end that is not complete yet."""
        start = data.rfind(b"\x1b[")
        if start >= 0 and re.fullmatch(rb"\x1b\[[\d;:]{0,24}", data[start:]):
            self._rest = data[start:]
            data = data[:start]
        return Taken(passed + data, left=False)
