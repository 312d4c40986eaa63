"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
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


def draw_table(out: TextIO, heads: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Draw a table as wide as the terminal; words that are states are coloured."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads[:-1]:
        table.add_column(head, no_wrap=True)
    table.add_column(heads[-1], overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    Console(file=out, highlight=False).print(table)
