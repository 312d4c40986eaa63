"""Signs, tones and drawn cells of pipelines and payloads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ....core.base.priority import Priority
from ....core.protocol.pipeline_views import PayloadStatus, PayloadView
from ..ages import age_lasts, age_of
from ..cells import Cell, Row
from ..log import sparkline

PAYLOAD_SIGNS: dict[PayloadStatus, tuple[str, str]] = {
    PayloadStatus.QUEUED: ("○", ""),
    PayloadStatus.RUNNING: ("▸", "working"),
    PayloadStatus.RETRYING: ("↻", "needs"),
    PayloadStatus.COMPLETED: ("✓", "done"),
    PayloadStatus.EXPIRED: ("◌", "needs"),
    PayloadStatus.CANCELLED: ("⊘", "muted"),
    PayloadStatus.DEAD: ("✗", "error"),
}
"""The sign and the tone of a payload's state."""

ENDED = frozenset(
    (
        PayloadStatus.COMPLETED, PayloadStatus.EXPIRED, PayloadStatus.CANCELLED, PayloadStatus.DEAD,
    )
)  # fmt: skip

PRIORITY_SIGNS: dict[Priority, tuple[str, str]] = {
    Priority.CRITICAL: ("C", "error"),
    Priority.HIGH: ("H", "needs"),
    Priority.NORMAL: ("N", "working"),
    Priority.LOW: ("L", ""),
    Priority.BACKGROUND: ("B", "muted"),
}
"""The letter and the tone of a priority."""

COUNT = 4


@dataclass(frozen=True, slots=True)
class DepthBar:
    """How many wait, and a letter for each by its priority; ``most`` is what fills the width.

    Each priority that has any shows one letter at least.
    """

    depths: tuple[tuple[Priority, int], ...]
    most: int

    def row(self, width: int) -> Row:
        """The number, then the letters, most urgent first."""
        total = sum(count for _, count in self.depths)
        number = Cell(f"{total or '·':>{COUNT}}", "head" if total else "muted")
        room = max(0, width - COUNT - 1)
        if not total or not room:
            return (number,)
        return (number, Cell(" "), *self._letters(room))

    def _letters(self, room: int) -> Row:
        scale = min(1.0, room / max(self.most, 1))
        drawn = {one: max(1, round(count * scale)) for one, count in self.depths if count}
        while sum(drawn.values()) > room and max(drawn.values()) > 1:
            drawn[max(drawn, key=drawn.__getitem__)] -= 1
        shown = [(*PRIORITY_SIGNS[one], count) for one, count in drawn.items()]
        return tuple(Cell(letter * count, tone) for letter, tone, count in shown[:room])


@dataclass(frozen=True, slots=True)
class Spark:
    """Figures along the time as a line of bars; empty where there never was one."""

    values: tuple[int, ...]

    def row(self, width: int) -> Row:
        """As many of the last ones as have room."""
        if not any(self.values):
            return (Cell("·", "muted"),)
        return (Cell(sparkline(self.values, width), "working"),)


def deadline_text(deadline: datetime, now: datetime) -> str:
    """How much time is left, or that none is."""
    left = (deadline - now).total_seconds()
    return f"due in {_span(left)}" if left > 0 else "overdue"


def _span(seconds: float) -> str:
    whole = int(seconds)
    if whole < 100:
        return f"{whole}s"
    return f"{whole // 60}m" if whole < 7200 else f"{whole // 3600}h"


def payload_lasts(payload: PayloadView, now: datetime) -> float | None:
    """Seconds until a payload's time says something else; ``None``: never."""
    return None if payload.status in ENDED else age_lasts(age_of(payload.created_at, now))
