"""Bytes from a terminal as keys, without I/O."""

from __future__ import annotations

from codecs import getincrementaldecoder

Key = tuple[str, str]
"""A key's name and its text: ``("text", "abc")``, ``("paste", "…")``, ``("enter", "")``."""

PASTE_LIMIT = 1_000_000
"""Characters of one paste that are kept."""

PASTE_END = "\x1b[201~"

CONTROLS = {
    "\x03": "ctrl-c",
    "\x04": "ctrl-d",
    "\x08": "backspace",
    "\n": "newline",
    "\r": "enter",
    "\x15": "ctrl-u",
    "\x17": "ctrl-w",
    "\x7f": "backspace",
}

FINALS = {"A": "up", "B": "down", "C": "right", "D": "left", "F": "end", "H": "home"}


def printable(char: str) -> bool:
    """Whether ``char`` is text rather than a control."""
    return char >= " " and char != "\x7f" and not "\x80" <= char <= "\x9f"


class KeyDecoder:
    """Takes what was read, gives the keys that are complete.

    A lone Esc may be the start of a sequence: it becomes a key only in ``flush``, which is called
    when nothing followed for a moment.
    """

    def __init__(self) -> None:
        self._characters = getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._pasted: list[str] | None = None

    @property
    def pending(self) -> bool:
        """Whether an unfinished sequence waits for more, or for ``flush``."""
        return bool(self._rest) and self._pasted is None

    def feed(self, data: bytes) -> list[Key]:
        """The keys that ``data`` completes."""
        self._rest += self._characters.decode(data)
        keys: list[Key] = []
        while self._rest:
            before = self._rest
            keys += self._take_paste() if self._pasted is not None else self._take()
            if self._rest == before:
                break
        return keys

    def flush(self) -> list[Key]:
        """A waiting Esc as a key; any other unfinished sequence is forgotten."""
        if not self.pending:
            return []
        lone = self._rest == "\x1b"
        self._rest = ""
        return [("esc", "")] if lone else []

    def _take(self) -> list[Key]:
        first = self._rest[0]
        if first == "\x1b":
            return self._take_sequence()
        if printable(first):
            return [("text", self._cut(self._text_length()))]
        self._cut(1)
        return [(CONTROLS[first], "")] if first in CONTROLS else []

    def _text_length(self) -> int:
        for index, char in enumerate(self._rest):
            if not printable(char):
                return index
        return len(self._rest)

    def _take_sequence(self) -> list[Key]:
        kind = self._rest[1:2]
        if kind == "[":
            return self._take_csi()
        if kind == "O":
            return self._take_named(3)
        if kind and kind in "]P_^X":
            return self._take_string()
        if kind == "\x1b":
            self._cut(1)
            return [("esc", "")]
        if kind == "\r":
            self._cut(2)
            return [("newline", "")]
        if kind:
            self._cut(2)  # Alt and a character: no agent of the crew has a use for it
        return []

    def _take_csi(self) -> list[Key]:
        for index in range(2, len(self._rest)):
            if "\x40" <= self._rest[index] <= "\x7e":
                if self._rest[: index + 1] == "\x1b[200~":
                    self._pasted = []
                return self._take_named(index + 1)
        return []

    def _take_named(self, length: int) -> list[Key]:
        if len(self._rest) < length:
            return []
        name = FINALS.get(self._cut(length)[-1])
        return [(name, "")] if name else []

    def _take_string(self) -> list[Key]:
        """Swallow a terminal's answer, up to BEL or ST."""
        ends = [
            place + len(end) for end in ("\x07", "\x1b\\") if (place := self._rest.find(end, 2)) > 0
        ]
        if ends:
            self._cut(min(ends))
        return []

    def _take_paste(self) -> list[Key]:
        pasted = self._pasted or []
        end = self._rest.find(PASTE_END)
        if end < 0:
            # The tail may be the beginning of the end mark.
            pasted.append(self._cut(max(len(self._rest) - len(PASTE_END), 0)))
            self._pasted = ["".join(pasted)[:PASTE_LIMIT]]
            return []
        text = "".join([*pasted, self._cut(end)])
        self._cut(len(PASTE_END))
        self._pasted = None
        return [("paste", text[:PASTE_LIMIT])]

    def _cut(self, length: int) -> str:
        cut, self._rest = self._rest[:length], self._rest[length:]
        return cut
