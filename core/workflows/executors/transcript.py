"""What a screen gained during a turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Screen:
    """Lines of history and screen; ``start`` is the number of the first of them."""

    start: int = 0
    rows: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Screen:
        """From what a session's screen is told as."""
        return cls(int(told["start"]), tuple(told["text"] or ()))


def gained(before: Screen, after: Screen) -> str:
    """The lines of ``after`` that are not those of ``before`` at the same place, nor below them.

    What stayed at the top, and what stands at the bottom as it did (an input box, a line of keys), is
    not of the turn.
    """
    old = before.rows if after.start == before.start else ()
    rows = list(after.rows)
    top = _same(old, rows)
    bottom = _same(old[top:][::-1], rows[top:][::-1])
    kept = rows[top : len(rows) - bottom]
    return "\n".join(row.rstrip() for row in kept).strip("\n")


def _same(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines are the same, from the first on."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one.rstrip() != other.rstrip():
            break
        count += 1
    return count
