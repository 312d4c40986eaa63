"""Rows of styled runs as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .printing import clean_lines

_RGB = 0x1000000
_ATTRIBUTES = ((1, "1"), (2, "2"), (4, "3"), (8, "4"), (16, "5"), (32, "7"), (64, "8"), (128, "9"))
"""Bits of ``core.protocol.screen.Attr`` and their codes."""


def styled_line(row: Sequence[Sequence[Any]]) -> str:
    """A row, its runs as ``[text, fg, bg, attrs]``, with escape sequences for its styles."""
    return "".join(_styled(*run) for run in row)


def _styled(text: str, fg: int, bg: int, attrs: int) -> str:
    codes = [code for bit, code in _ATTRIBUTES if attrs & bit]
    codes += [*_colour(fg, "38"), *_colour(bg, "48")]
    shown = clean_lines(text)
    return f"\x1b[{';'.join(codes)}m{shown}\x1b[0m" if codes else shown


def _colour(value: int, layer: str) -> list[str]:
    if value < 0:
        return []
    if value < _RGB:
        return [f"{layer};5;{value}"]
    return [f"{layer};2;{value >> 16 & 255};{value >> 8 & 255};{value & 255}"]
