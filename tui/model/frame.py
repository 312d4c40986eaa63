"""The dashboard's frame before there is anything in it: values only, and light to load.

The opening screen paints it while the rest loads; the deck without sessions says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .cells import Cell, Row, both_ends, cut, row_width

TITLE = "quarterdeck"
REACHING = "reaching the engine…"
NO_SESSION = "no session"
NO_ITEM = "nothing needs you"
SESSIONS_TITLE, ATTENTION_TITLE = "SESSIONS", "ATTENTION"
TABS = (
    ("screen.deck", "Deck"), ("screen.flows", "Workflows"), ("screen.pipelines", "Pipelines"),
    ("screen.crew", "Crew"), ("screen.log", "Log"),
)  # fmt: skip
FIRST_HINTS = ("link.reconnect", "ui.filter", "ui.toggle_minimal", "ui.palette", "app.quit")
LAST_HINT = "ui.help"

LEAST = (80, 24)
NARROWEST, WIDEST = 34, 60
SHARE = 0.28
LEAST_LIST, MOST_LIST, LEAST_PANEL = 20, 120, 40
LEFT_OVER = 20
"""What a width that was kept in a larger terminal leaves for the panel."""
GAP = 2


def is_small(width: int, height: int) -> bool:
    """Whether the dashboard has no room in a terminal of this size."""
    return width < LEAST[0] or height < LEAST[1]


def small_text(width: int, height: int) -> str:
    """What is said there."""
    needed = f"Quarterdeck needs\n{LEAST[0]}x{LEAST[1]}; this is {width}x{height}."
    return f"{needed}\nMake it larger:\nnothing is lost."


def list_width(kept: int, width: int) -> int:
    """The left column's width in a terminal of ``width`` cells: the ``kept`` one, or its share."""
    return kept or max(NARROWEST, min(WIDEST, int(width * SHARE)))


def fitting_width(wanted: int, width: int, panel: int = LEAST_PANEL) -> int:
    """``wanted`` cells for the left column, as far as they leave so many for the panel."""
    return min(max(wanted, LEAST_LIST), max(LEAST_LIST, min(MOST_LIST, width - panel)))


def tab_text(key: str, name: str, *, current: bool) -> str:
    """A screen's place in the line of status; the current one's shows without colour, too."""
    label = f"{key} {name}".strip()
    return f"[{label}]" if current else f" {label} "


class Hints(NamedTuple):
    """Key, word and action of what can be done before the engine has answered."""

    left: Sequence[tuple[str, str]]
    right: tuple[str, str]
    tabs: Sequence[tuple[str, str]]


def status_row(hints: Hints, width: int) -> Row:
    """The line at the top."""
    right = tuple(
        Cell(tab_text(key, name, current=not n), "bar-muted" if n else "bar-head")
        for n, (key, name) in enumerate(hints.tabs)
    )
    told = Cell(REACHING, "bar-muted")
    left: Row = (Cell(f" {TITLE}", "bar-head"), Cell("  ", "bar"), told)
    if row_width((*left, *right)) + GAP > width:
        left = (Cell(" ", "bar"), told)
    return _on_bar(both_ends(left, right, width))


def keys_row(hints: Hints, width: int) -> Row:
    """The line at the bottom: as many hints as have room."""
    end = _hint(*hints.right)
    shown: Row = (Cell(" ", "bar"),)
    for key, word in hints.left:
        longer = (*shown, *_hint(key, word))
        if row_width((*longer, *end)) <= width:
            shown = longer
    return _on_bar(both_ends(shown, end, width))


def _hint(key: str, word: str) -> Row:
    return Cell(key, "bar-key"), Cell(f" {word}{' ' * GAP}", "bar")


def _on_bar(row: Row) -> Row:
    return tuple(Cell(text, tone or "bar") for text, tone in row)


def box(
    width: int, height: int, title: Row, edge: str, inside: Callable[[int], Cell | None]
) -> list[Row]:
    """A panel with rounded edges; ``inside`` gives what stands on its lines."""
    room = max(0, width - 2)
    head = cut(title, max(0, room - 1))
    rest = "─" * max(0, room - 1 - row_width(head))
    rows: list[Row] = [(Cell("╭─", edge), *head, Cell(f"{rest}╮", edge))]
    for y in range(max(0, height - 2)):
        cell = inside(y) or Cell("")
        blank = " " * max(0, room - row_width((cell,)))
        rows.append((Cell("│", edge), cell, Cell(f"{blank}", cell.tone), Cell("│", edge)))
    return [*rows, (Cell(f"╰{'─' * room}╯", edge),)]


def frame_rows(hints: Hints, width: int, height: int, *, minimal: bool) -> list[Row]:
    """The whole frame, line by line."""
    if is_small(width, height):
        return _small(width, height)
    room = max(0, height - 2)
    body = _stacked(width, room) if minimal else _side_by_side(width, room)
    return [status_row(hints, width), *body[:room], keys_row(hints, width)]


def _small(width: int, height: int) -> list[Row]:
    lines = small_text(width, height).split("\n")
    above = max(0, (height - len(lines)) // 2)
    rows: list[Row] = [(Cell(""),)] * above
    rows += [(Cell(line.center(width)),) for line in lines]
    return [*rows, *[(Cell(""),)] * (height - len(rows))][:height]


def _side_by_side(width: int, height: int) -> list[Row]:
    left, upper = list_width(0, width), height * 3 // 5
    lists = [*_sessions(left, upper), *_attention(left, height - upper)]
    panel = _panel(width - left, height)
    return [(*one, *other) for one, other in zip(lists, panel, strict=True)]


def _stacked(width: int, height: int) -> list[Row]:
    upper = min(3, height)
    return [*_sessions(width, upper), *_panel(width, height - upper)]


def _sessions(width: int, height: int) -> list[Row]:
    title = (Cell(f" {SESSIONS_TITLE} ", "focus-title"),)
    return box(width, height, title, "focus-edge", lambda y: _only(y, 0, NO_SESSION))


def _attention(width: int, height: int) -> list[Row]:
    title = (Cell(f" {ATTENTION_TITLE} ", "title"),)
    return box(width, height, title, "edge", lambda y: _only(y, 0, NO_ITEM))


def _panel(width: int, height: int) -> list[Row]:
    title = (Cell(" ", "edge"), Cell(NO_SESSION, "muted"), Cell(" ", "edge"))
    note = f"{REACHING[0].upper()}{REACHING[1:]}".center(max(0, width - 2))
    middle = max(0, (height - 3) // 2)
    return box(width, height, title, "edge", lambda y: _only(y, middle, note))


def _only(y: int, wanted: int, text: str) -> Cell | None:
    return Cell(text, "muted") if y == wanted else None
