"""The cells of the pyte grid: how characters are counted, and cells read as rows.

A cell's whole style stands in pyte's ``fg``, as ``"fg bg attributes"``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache

from pyte.screens import Char
from wcwidth import wcwidth

from ...protocol.screen import Row, Run
from .clusters import SUSPECT, fold
from .styles import PLAIN, WHITE, Style, merge, white_runs


def style_key(style: Style) -> str:
    """A style as a cell keeps it."""
    return f"{style[0]} {style[1]} {style[2]}"


@lru_cache(maxsize=4096)
def style_of(key: str) -> Style:
    """The style that a cell keeps."""
    fg, bg, attrs = map(int, key.split())
    return fg, bg, attrs


PLAIN_KEY = style_key(PLAIN)
BLANK = Char(" ", fg=PLAIN_KEY)


class _Cells(dict[str, Char]):
    """The cells of one style, made once for each character."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, char: str) -> Char:
        cell = Char(char, fg=self._key)
        if len(self) < 4096:
            self[char] = cell
        return cell


@lru_cache(maxsize=256)
def cells_of(key: str) -> _Cells:
    """The cells of a style, by character."""
    return _Cells(key)


@lru_cache(maxsize=8192)
def cell_width(char: str) -> int:
    """The cells of ``char``: as wcwidth says, but for what the Rust grid counts otherwise."""
    if 0x1F1E6 <= ord(char) <= 0x1F1FF:
        return 1  # a regional indicator alone; two make a flag of two cells
    width = wcwidth(char)
    if width == 0 and unicodedata.category(char) == "Mc":
        return 1
    return max(0, width) if char != "\u00ad" else 0


class Kind(Enum):
    """How a character is drawn."""

    NARROW = 1
    WIDE = 2
    MARK = 3  # becomes a part of the cell before it
    EMOJI = 4  # becomes one after a joiner; else as wide as it is
    REGIONAL = 5  # two of them make a flag
    NOTHING = 6


_MARKS = frozenset("\u200d\ufe0e\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_NO_MARKS = frozenset("\u034f\u180b\u180c\u180d\u180f")


@lru_cache(maxsize=8192)
def kind_of(char: str) -> Kind:
    """How ``char`` is drawn."""
    category = unicodedata.category(char)
    if char in _MARKS or (category in {"Mn", "Me"} and char not in _NO_MARKS):
        return Kind.MARK
    if "\U0001f1e6" <= char <= "\U0001f1ff":
        return Kind.REGIONAL
    if category == "So" and (char >= "\u2600" or char in "\u2194\u2195"):
        return Kind.EMOJI
    return {0: Kind.NOTHING, 1: Kind.NARROW, 2: Kind.WIDE}[cell_width(char)]


def row_of(cells: Sequence[Char]) -> Row:
    """``cells`` as runs."""
    texts = _texts(cells)
    runs: list[Run] = []
    start, key = 0, cells[0].fg
    for at, cell in enumerate(cells):
        if cell.fg is not key and cell.fg != key:
            runs += _runs("".join(texts[start:at]), style_of(key))
            start, key = at, cell.fg
    runs += _runs("".join(texts[start:]), style_of(key))
    return merge(runs)


def _runs(text: str, style: Style) -> list[Run]:
    fg, bg, attrs = style
    return white_runs(text, bg) if fg == WHITE and not attrs else [Run(text, fg, bg, attrs)]


def text_of(cells: Sequence[Char]) -> str:
    """``cells`` as text, without trailing blanks."""
    return "".join(_texts(cells)).rstrip(" ")


def _texts(cells: Sequence[Char]) -> Sequence[str]:
    texts = [cell.data for cell in cells]
    joined = "".join(texts)
    if len(joined) == len(cells) and (joined.isascii() or not SUSPECT.search(joined)):
        return texts
    return fold(texts, [not text for text in texts], cell_width)
