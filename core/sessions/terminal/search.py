"""Finding text in a terminal's lines, with columns counted in cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from .port import Match

MAX_MATCHES = 1000


def find_all(
    lines: Sequence[str], text: str, *, ignore_case: bool, width: Callable[[str], int]
) -> list[Match]:
    """The first places of ``text`` in ``lines``; none overlaps another, an empty text has none."""
    if not text:
        return []
    pattern = re.compile(re.escape(text), re.IGNORECASE if ignore_case else 0)
    found: list[Match] = []
    for number, line in enumerate(lines):
        found.extend(_in_line(number, line, pattern, width))
        if len(found) >= MAX_MATCHES:
            break
    return found[:MAX_MATCHES]


def _in_line(
    number: int, line: str, pattern: re.Pattern[str], width: Callable[[str], int]
) -> Iterator[Match]:
    for match in pattern.finditer(line):
        column = _cells(line[: match.start()], width)
        yield Match(number, column, _cells(match[0], width), match[0])


def _cells(text: str, width: Callable[[str], int]) -> int:
    return len(text) if text.isascii() else sum(map(width, text))
