"""The bottom of a screen as rules see it: bounded, without blank lines and box sides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..agents.rules import REGION_LIMIT

LINE_LIMIT = 400
"""Characters of a line that rules look at: it bounds what an expression can cost."""

_SIDES = "│┃║"
_RULED = re.compile(r"[\s─━═╌┄┈╭╮╰╯┌┐└┘├┤╹╻▀▄▔▁_-]+")


def inner(line: str) -> str:
    """``line`` with the sides of boxes around it as blanks; what is inside keeps its column."""
    start = len(line) - len(line.lstrip(_SIDES + " \t"))
    return " " * start + line[start:].rstrip(_SIDES + " \t")


def is_ruled(line: str) -> bool:
    """Whether ``line`` only draws: a rule, the top or bottom of a box."""
    return _RULED.fullmatch(line) is not None


def flat(lines: Iterable[str]) -> str:
    """``lines`` as one line, so that a phrase is found wherever it was wrapped."""
    return " ".join(" ".join(inner(line).split()) for line in lines).strip()


@dataclass(frozen=True, slots=True)
class Bottom:
    """A screen's last lines that aren't blank, at most ``REGION_LIMIT``.

    ``cursor_last`` says whether the cursor stands on the last of them; ``None`` if unknown.
    """

    lines: tuple[str, ...] = ()
    cursor_last: bool | None = None


def bottom_of(lines: Sequence[str], cursor_line: int | None = None) -> Bottom:
    """The bottom of ``lines``, which are a whole screen or the last part of one."""
    kept: list[str] = []
    last = -1
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number][:LINE_LIMIT].replace("\xa0", " ").rstrip()
        if not line.strip(_SIDES + " \t"):
            continue
        if not kept:
            last = number
        kept.append(line)
        if len(kept) == REGION_LIMIT:
            break
    cursor_last = None if cursor_line is None or last < 0 else cursor_line == last
    return Bottom(tuple(reversed(kept)), cursor_last)
