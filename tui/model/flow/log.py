"""What is held of an attempt's output: a window that ends at its newest line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..words import clean_lines

LINES_KEPT = 20_000
SLACK = 2_000
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")


@dataclass(frozen=True, slots=True)
class LogPart:
    """Output as text, from byte ``start`` up to ``end``, of ``size`` in all."""

    start: int
    end: int
    size: int
    text: str


class TaskLog:
    """The output of one attempt between two bytes of it; ``size`` is how long it is known to be."""

    def __init__(self, task_id: str, attempt: int) -> None:
        self.task_id = task_id
        self.attempt = attempt
        self.start = 0
        self.end = 0
        self.size = 0
        self.lines: list[str] = []
        self.begun = False
        self._open = ""
        self._was_open = False

    @property
    def has_older(self) -> bool:
        """Whether there is more before what is held."""
        return self.begun and self.start > 0

    @property
    def has_newer(self) -> bool:
        """Whether there is more behind what is held."""
        return not self.begun or self.end < self.size

    def grown(self, size: int) -> None:
        """It is known to be so long now."""
        self.size = max(self.size, size)

    def take(self, part: LogPart) -> int:
        """Take a part in that goes on at the end, or ends at the start; lines that came at the top."""
        self.size = max(self.size, part.size, part.end)
        if not self.begun:
            self.begun = True
            self.start, self.end = part.start, part.end
            self._append(part.text)
            return 0
        if part.start == self.end:
            self.end = part.end
            self._append(part.text)
        elif part.end == self.start:
            return self._prepend(part)
        return 0

    def _append(self, text: str) -> None:
        whole = self._open + text
        head, newline, self._open = whole.rpartition("\n")
        if self.lines and self._was_open:
            self.lines.pop()
        if newline:
            self.lines += _shown(head.split("\n"))
        if self._open:
            self.lines += _shown([self._open])
        self._trim()

    def _trim(self) -> None:
        self._was_open = bool(self._open)
        if len(self.lines) > LINES_KEPT + SLACK:
            gone = self.lines[: len(self.lines) - LINES_KEPT]
            del self.lines[: len(gone)]
            self.start += sum(len(line.encode()) + 1 for line in gone)

    def _prepend(self, part: LogPart) -> int:
        """Lines of the past; a line that was cut in two becomes one again."""
        self.start = part.start
        older = _shown(part.text.split("\n"))
        last = older.pop()
        if self.lines:
            self.lines[0] = last + self.lines[0]
        self.lines[:0] = older
        return len(older)

    def find(self, text: str) -> list[int]:
        """The lines that hold ``text``, newest first."""
        sought = text.casefold()
        found = [number for number, line in enumerate(self.lines) if sought in line.casefold()]
        return found[::-1]


def _shown(lines: list[str]) -> list[str]:
    """Lines as they are shown: of what a carriage return wrote over, the last stands."""
    kept = (line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return [(clean_lines(without_colour(line)) or [""])[0] for line in kept]


def without_colour(text: str) -> str:
    """``text`` without the sequences that colour it or move a cursor."""
    if "\x1b" not in text:
        return text
    return _SEQUENCE.sub("", text)
