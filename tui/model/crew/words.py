"""Signs, tones and drawn cells of the crew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..cells import Cell, Row

AGENT_SIGNS: dict[str, tuple[str, str]] = {
    "available": ("·", "done"),
    "full": ("■", "working"),
    "open": ("✗", "error"),
    "silent": ("?", "needs"),
    "missing": ("¤", "muted"),
}
"""The sign and the tone of an agent's state."""

BREAKER_SIGNS: dict[str, tuple[str, str]] = {
    "closed": ("·", "done"),
    "half_open": ("~", "needs"),
    "open": ("✗", "error"),
}

SAGA_SIGNS: dict[str, tuple[str, str]] = {
    "running": ("▸", "working"),
    "completed": ("✓", "done"),
    "compensating": ("↶", "needs"),
    "compensated": ("↶", "muted"),
    "compensation_failed": ("✗", "error"),
}

STEP_SIGNS: dict[str, tuple[str, str]] = {
    "pending": ("·", "muted"),
    "doing": ("▸", "working"),
    "done": ("✓", "done"),
    "failed": ("✗", "error"),
    "undoing": ("↶", "needs"),
    "undone": ("↶", "muted"),
    "undo_failed": ("✗", "error"),
}

DECIDED: dict[str, tuple[str, str]] = {
    "achieved": ("✓", "done"),
    "not_achieved": ("✗", "error"),
    "timeout": ("◌", "needs"),
    "insufficient_voters": ("⊘", "muted"),
    "cancelled": ("⊘", "muted"),
    "withdrawn": ("⊘", "muted"),
}
"""Proposals that are under vote no more."""

VOTE_SIGNS: dict[str, tuple[str, str]] = {
    "approve": ("y", "done"),
    "reject": ("x", "error"),
    "abstain": ("o", "muted"),
}

LEVELS: dict[str, str] = {"critical": "error", "high": "error", "medium": "needs"}
UNKNOWN = ("~", "muted")
FULL, EMPTY = "█", "░"


def words(state: str) -> str:
    """A state as words."""
    return state.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Gauge:
    """``used`` of ``limit`` as a bar: of what is used ``sure`` is known, the rest is a guess or reserved."""

    used: float
    limit: float
    sure: float = -1.0
    tone: str = "working"

    def row(self, width: int) -> Row:
        """The bar; anything used shows, and only what is used up fills it."""
        if width <= 0:
            return ()
        share = self.used / self.limit if self.limit > 0 else float(self.used > 0)
        filled = min(width, int(share * width))
        if self.used > 0 and not filled:
            filled = 1
        known = filled if self.sure < 0 or self.used <= 0 else int(filled * self.sure / self.used)
        tone = "error" if share >= 1 else "needs" if share >= NEARLY else self.tone
        return (
            Cell(FULL * known, tone),
            Cell("▒" * (filled - known), tone),
            Cell(EMPTY * (width - filled), "muted"),
        )


NEARLY = 0.8


@dataclass(frozen=True, slots=True)
class Slots:
    """What runs of what an agent takes at once: a block for each place, as far as they have room."""

    running: int
    capacity: int

    def row(self, width: int) -> Row:
        """The places, or a bar of them where they are too many."""
        if self.capacity > width or self.running > self.capacity:
            return Gauge(self.running, self.capacity).row(width)
        tone = "needs" if self.running == self.capacity else "working"
        free = EMPTY * (self.capacity - self.running)
        return (Cell(FULL * self.running, tone), Cell(free, "muted"))


def amount(value: float, unit: str) -> str:
    """So much of a unit, in few letters."""
    if unit == "cost":
        return f"{value:.2f}"
    if unit == "wall_seconds":
        return f"{value:.0f}s" if value < 600 else f"{value / 60:.0f}m"
    if value >= 10_000_000:
        return f"{value / 1_000_000:.0f}M"
    if value >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value:g}"


def until_text(at: datetime, now: datetime) -> str:
    """How long it is until then."""
    left = max(0, int((at - now).total_seconds()))
    return f"{left}s" if left < 100 else f"{left // 60}m" if left < 7200 else f"{left // 3600}h"
