"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, OverflowMethod
from rich.table import Table
from rich.text import Text

COLOURS = {
    "working": "green",
    "needs approval": "bold yellow",
    "needs answer": "bold yellow",
    "done": "cyan",
    "limited": "magenta",
    "error": "red",
    "crashed": "red",
    "lost": "red",
    "fail": "bold red",
    "warn": "yellow",
    "ok": "green",
    "healthy": "green",
    "degraded": "yellow",
    "unhealthy": "bold red",
}
"""How words that are states are coloured on a terminal; the word itself always stands there."""


LEAST = 24
"""Cells that the last column should have before other columns give way to it."""

GAP = 2


def draw_table(
    out: TextIO, heads: Sequence[str], cells: Sequence[Sequence[str]], spare: Sequence[str] = ()
) -> None:
    """Draw a table as wide as the terminal; words that are states are coloured.

    See ``Printer.table`` for ``spare``.
    """
    console = Console(file=out, highlight=False)
    widths = [max(cell_len(row[column]) for row in (heads, *cells)) for column in range(len(heads))]
    kept = _kept(heads, widths, spare, console.width)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column in kept[:-1]:
        table.add_column(heads[column], no_wrap=True, width=widths[column])
    # Told exactly, since otherwise a long text at the end takes the room of the names before it.
    left = console.width - sum(widths[column] + GAP for column in kept[:-1])
    last = min(widths[-1], max(left, 1))
    overflow: OverflowMethod = "ellipsis" if spare else "fold"
    table.add_column(heads[-1], width=last, no_wrap=bool(spare), overflow=overflow)
    for row in cells:
        shown = (row[column] for column in kept)
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in shown))
    console.print(table)


def _kept(
    heads: Sequence[str], widths: Sequence[int], spare: Sequence[str], width: int
) -> list[int]:
    """The columns for which there is room, by number."""
    wanted = [*widths[:-1], min(widths[-1], LEAST)]
    kept = list(range(len(heads)))
    for head in spare:
        if sum(wanted[column] + GAP for column in kept) - GAP <= width:
            break
        kept.remove(heads.index(head))
    return kept
