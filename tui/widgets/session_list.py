"""The list of sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len

from ..model.cells import Cell, Column, Row, arrange, fit
from ..model.frame import NO_SESSION
from ..model.rows import DeckRow, FoldRow, GroupRow, SessionRow
from .lines import Lines

WIDE = 60
ROOMY, WIDEST = 44, 120
SIGN, WORD, AGE, AGENT = 2, 8, 6, 18
LEAST, PRACTICE = 7, "practice-"
"""An agent's column at least; what all the practice crew's names begin with, which is left out where room is short."""


class Widths(NamedTuple):
    """The longest name, and the longest agent as it is shown where room is short."""

    name: int = 0
    agent: int = 0


class SessionList(Lines):
    """One line per session: sign, name, agent, state; with room also its age, place and title."""

    _longest = Widths()

    def show_sessions(self, rows: Sequence[DeckRow], current: str | None) -> None:
        """Show ``rows`` with the cursor on the session ``current``."""
        places = (
            index
            for index, row in enumerate(rows)
            if isinstance(row, SessionRow) and row.id == current
        )
        widths = _widths(row for row in rows if isinstance(row, SessionRow))
        if widths != self._longest:
            self._longest = widths
            self.repaint()
        self.show(rows or (NO_SESSION,), next(places, None))

    def can_pick(self, index: int) -> bool:
        """Headings can't be picked."""
        return super().can_pick(index) and isinstance(self.rows[index], SessionRow | FoldRow)

    def session_at(self, index: int) -> str | None:
        """The session of a row; ``None`` for another kind of row."""
        row = self.rows[index] if 0 <= index < len(self.rows) else None
        return row.id if isinstance(row, SessionRow) else None

    def face(self, row: Any, width: int) -> Any:
        """A narrow list has no room for what changes most: title and age."""
        if width < WIDE and isinstance(row, SessionRow):
            return row._replace(repo="", title="", age="")
        return row

    def compose_row(self, row: Any, width: int) -> Row:
        """The cells of a session, a heading or the fold."""
        if isinstance(row, GroupRow):
            title = f"{row.title} "
            return (Cell(title, "head"), Cell("─" * max(0, width - len(title)), "muted"))
        if isinstance(row, SessionRow):
            return _session(row, width, self._longest)
        return (Cell(fit(row.text if isinstance(row, FoldRow) else str(row), width), "muted"),)


def _widths(rows: Iterable[SessionRow]) -> Widths:
    sizes = [(cell_len(row.name), cell_len(_short(row.agent))) for row in rows]
    return Widths(*(max(column) for column in zip(*sizes, strict=True))) if sizes else Widths()


def _short(agent: str) -> str:
    return agent.removeprefix(PRACTICE)


def _session(row: SessionRow, width: int, longest: Widths) -> Row:
    if width >= WIDE:
        return _wide(row, width)
    room = width - SIGN - WORD
    if width >= ROOMY:
        shown, agent = row.agent, min(AGENT, room // 2)
    else:
        shown = _short(row.agent)
        agent = max(LEAST, min(longest.agent + 1, room - longest.name))
        agent = min(agent, room // 2)
    return arrange(
        (
            Column(row.sign, row.tone, SIGN),
            Column(row.name),
            Column(f" {shown}", "muted", agent),
            Column(f" {row.word}", row.tone, WORD),
        ),
        width,
    )


def _wide(row: SessionRow, width: int) -> Row:
    name = min(30, width // 4)
    return arrange(
        (
            Column(row.sign, row.tone, SIGN),
            Column(row.name, "", name),
            Column(f" {row.agent}", "muted", AGENT if width >= WIDEST else 12),
            Column(f" {row.word}", row.tone, WORD + 2),
            Column(f"{row.age} ", "muted", AGE, right=True),
            Column(f" {row.repo}", "muted", min(18, width // 6)),
            Column(f" {row.title}", "muted"),
        ),
        width,
    )
