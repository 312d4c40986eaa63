"""What a terminal sends, cut into key presses, pastes and reports; a machine without I/O."""

from __future__ import annotations

import re

ESCAPE = "\x1b"
PASTE, PASTED = "\x1b[200~", "\x1b[201~"
ESCAPE_WAIT = 0.025
"""Seconds after which a lone escape is the key and no sequence's beginning."""
SEQUENCE_WAIT = 0.1
PASTE_WAIT = 2.0
STRING_LIMIT = 4096
PASTE_LIMIT = 8_000_000

_UNIT = re.compile(
    r"\x1b\[\[[A-E]"  # the Linux console's function keys
    r"|\x1b\[M[^\x1b]{3}"  # the old form of mouse reports
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1bO[@-~]"
    r"|\x1b[P\]^_X][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b(?=\x1b)"
    r"|\x1b[^\x1b\[OP\]^_X]"
    r"|[^\x1b]",
    re.DOTALL,
)
_UNFINISHED = re.compile(r"\x1b\[M.{0,2}\Z|\x1b\[\[\Z|\x1b\[[0-?]*[ -/]*\Z", re.DOTALL)
_STRING = re.compile(r"\x1b[P\]^_X][^\x07\x1b]*\x1b?\Z")


class Splitter:
    """Takes characters as they are read, gives units: a key, a whole paste, a report.

    What may be the beginning of more is held back for ``wait`` seconds; then ``flush`` gives it as
    the keys that it stands for. Joined, the units are what was fed, in its order.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """The units that are complete now."""
        self._rest += text
        units: list[str] = []
        while self._rest:
            unit = self._next()
            if not unit:
                break
            units.append(unit)
            self._rest = self._rest[len(unit) :]
        return units

    @property
    def wait(self) -> float | None:
        """How long what is held back may still be waited for; ``None``: nothing is."""
        if not self._rest:
            return None
        if self._rest.startswith(PASTE):
            return PASTE_WAIT
        return SEQUENCE_WAIT if self._rest.startswith("\x1b[") else ESCAPE_WAIT

    def flush(self) -> list[str]:
        """What was held back, now that nothing followed."""
        rest, self._rest = self._rest, ""
        if not rest or rest.startswith(PASTE):
            return [rest] if rest else []
        head, tail = rest[:2], rest[2:]
        return [head, *self.feed(tail), *self.flush()]

    def _next(self) -> str:
        """The unit at the beginning; empty while it may go on."""
        rest = self._rest
        if rest[0] != ESCAPE:
            return rest[0]
        if rest.startswith(PASTE):
            end = rest.find(PASTED, len(PASTE))
            if end >= 0:
                return rest[: end + len(PASTED)]
            return rest if len(rest) > PASTE_LIMIT else ""
        found = _UNIT.match(rest)
        unfinished = _UNFINISHED.match(rest)
        if found is not None and (unfinished is None or rest.startswith(PASTE)):
            return found[0]
        if unfinished or len(rest) < 3 or (_STRING.match(rest) and len(rest) < STRING_LIMIT):
            return ""
        return rest[:2]


def is_paste(unit: str) -> bool:
    """Whether a unit is pasted text."""
    return unit.startswith(PASTE)


def pasted(unit: str) -> str:
    """The text of a paste."""
    return unit.removeprefix(PASTE).removesuffix(PASTED)


def is_escaped(unit: str) -> bool:
    """Whether it is an escape and one key more: typed together with Alt, or just quickly."""
    return len(unit) == 2 and unit[0] == ESCAPE
