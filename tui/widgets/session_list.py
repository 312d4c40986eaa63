"""The list of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model.cells import Cell, Column, Row, arrange, fit
from ..model.frame import NO_SESSION
from ..model.rows import DeckRow, FoldRow, GroupRow, SessionRow
from .lines import Lines

WIDE = 60
ROOMY, WIDEST = 44, 120
SIGN, WORD, AGE, AGENT = 2, 8, 6, 18


class SessionList(Lines):
    """One line per session: sign, name, agent, state; with room also its age, place and title."""

    def show_sessions(self, rows: Sequence[DeckRow], current: str | None) -> None:
        """Show ``rows`` with the cursor on the session ``current``."""
        places = (
            index
            for index, row in enumerate(rows)
            if isinstance(row, SessionRow) and row.id == current
        )
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
            return _session(row, width)
        return (Cell(fit(row.text if isinstance(row, FoldRow) else str(row), width), "muted"),)


def _session(row: SessionRow, width: int) -> Row:
    if width >= WIDE:
        return _wide(row, width)
    share = (width - SIGN - WORD) // (2 if width >= ROOMY else 3)
    agent = min(AGENT, max(4, share))
    return arrange(
        (
            Column(row.sign, row.tone, SIGN),
            Column(row.name),
            Column(f" {row.agent}", "muted", agent),
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
