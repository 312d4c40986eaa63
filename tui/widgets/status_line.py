"""The line at the top: how all stands, and the screens there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from ...core.protocol.crew_views import HaltView
from ..link import LinkState
from ..model.cells import Cell, Row, both_ends, row_width
from ..model.frame import REACHING, TITLE, tab_text
from ..model.rows import Counts, counts_text
from ..model.words import clean
from .one_line import OneLine, Spot

GAP = 2


class ScreenTab(NamedTuple):
    """One screen's place in the line: its key, its name, the action that shows it."""

    key: str
    name: str
    action: str
    current: bool


class StatusLine(OneLine):
    """``quarterdeck  3 working · 1 needs you · 13 idle``, the screens at the right."""

    def show_state(
        self, counts: Counts, tabs: Sequence[ScreenTab], state: LinkState, halt: HaltView | None
    ) -> None:
        """Show the counts, or that the engine is away, and the screens; a halt before all else."""
        words = counts_text(counts) if state.up else [_away(state)]
        if halt is not None and state.up:
            words = [(f"! HALTED: {clean(halt.reason, 60)}", "error"), *words]
        self.lay_out(partial(_layout, tuple(words), tuple(tabs)))


def _left(words: Sequence[tuple[str, str]], between: str = " · ", *first: Cell) -> Row:
    counts: list[Cell] = [*(first or (Cell(" "),))]
    for number, (text, tone) in enumerate(words):
        counts += [Cell(between, "muted")] * bool(number) + [Cell(text, tone)]
    return tuple(counts)


def _ends(
    words: Sequence[tuple[str, str]], tabs: Sequence[ScreenTab], width: int
) -> tuple[Row, Row]:
    """The counts and the screens.

    Where room is short, first the title goes, then the names of the screens that are not shown,
    then the dots, and only then the last counts.
    """
    whole = tuple(Cell(*_tab(tab)) for tab in tabs)
    short = tuple(Cell(*_tab(tab, named=False)) for tab in tabs)
    named = _left(words, " · ", Cell(f" {TITLE}", "head"), Cell("  "))
    ways = ((named, whole), (_left(words), whole), (_left(words), short))
    for left, right in ways:
        if row_width((*left, *right)) + GAP <= width:
            return left, right
    told = list(words)
    while len(told) > 1 and row_width((*_left(told, "  "), *short)) + GAP > width:
        del told[-1]
    return _left(told, "  "), short


def _layout(
    words: Sequence[tuple[str, str]], tabs: Sequence[ScreenTab], width: int
) -> tuple[Row, list[Spot]]:
    left, right = _ends(words, tabs, width)
    x = width - row_width(right)
    spots = []
    for tab, cell in zip(tabs, right, strict=True):
        spots.append(Spot(x, x + len(cell.text), tab.action))
        x += len(cell.text)
    return both_ends(left, right, width), spots


def _away(state: LinkState) -> tuple[str, str]:
    if state.attempt:
        return "no link to the engine", "error"
    return REACHING, "muted"


def _tab(tab: ScreenTab, *, named: bool = True) -> tuple[str, str]:
    """The current screen stands in brackets, so that it shows without colour."""
    name = tab.name if named or tab.current or not tab.key else ""
    text = tab_text(tab.key, name, current=tab.current)
    return text, "head" if tab.current else "muted"
