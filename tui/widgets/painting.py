"""Segments and strips out of rows; nothing here knows a widget."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from ...core.protocol.screen import DEFAULT_COLOUR, RGB, Attr, Run
from ...core.protocol.screen import Row as ScreenRow
from ..model.cells import Row
from ..model.words import clean_cells

StyleOf = Callable[[str], Style]


def paint(row: Row, style_of: StyleOf, over: Style | None = None) -> list[Segment]:
    """The segments of ``row``; ``over`` is laid over every tone."""
    return [
        Segment(cell.text, style_of(cell.tone) + over if over else style_of(cell.tone))
        for cell in row
        if cell.text
    ]


def restyle(segments: Iterable[Segment], start: int, end: int, style: Style) -> list[Segment]:
    """``segments`` with ``style`` over the characters from ``start`` up to ``end`` (-1: all)."""
    result: list[Segment] = []
    position = 0
    for segment in segments:
        length = len(segment.text)
        low = min(max(start - position, 0), length)
        high = length if end < 0 else min(max(end - position, 0), length)
        position += length
        if low >= high:
            result.append(segment)
            continue
        base = segment.style or Style.null()
        pieces = (
            (segment.text[:low], base),
            (segment.text[low:high], base + style),
            (segment.text[high:], base),
        )
        result += [Segment(text, piece) for text, piece in pieces if text]
    return result


def character_at(text: str, cell: int) -> int:
    """The number of the character that lies on ``cell``; beyond the end it counts on."""
    taken = 0
    for index, character in enumerate(text):
        taken += cell_len(character)
        if taken > cell:
            return index
    return len(text) + cell - taken


@lru_cache(4096)
def run_style(fg: int, bg: int, attrs: int) -> Style:
    """The style of a screen's run; default colours are left to the theme."""
    return Style(
        color=_colour(fg),
        bgcolor=_colour(bg),
        bold=bool(attrs & Attr.BOLD) or None,
        dim=bool(attrs & Attr.DIM) or None,
        italic=bool(attrs & Attr.ITALIC) or None,
        underline=bool(attrs & Attr.UNDERLINE) or None,
        reverse=bool(attrs & Attr.REVERSE) or None,
        strike=bool(attrs & Attr.STRIKE) or None,
    )


def _colour(number: int) -> Color | None:
    if number == DEFAULT_COLOUR:
        return None
    if number >= RGB:
        return Color.from_rgb(number >> 16 & 255, number >> 8 & 255, number & 255)
    return Color.from_ansi(number & 255)


def screen_segments(row: ScreenRow, base: Style) -> list[Segment]:
    """The segments of a screen's line over the theme's ``base``; hidden text becomes blanks."""
    return [Segment(_shown(run), base + run_style(run.fg, run.bg, run.attrs)) for run in row]


def _shown(run: Run) -> str:
    if run.attrs & Attr.HIDDEN:
        return " " * cell_len(run.text)
    return clean_cells(run.text)
