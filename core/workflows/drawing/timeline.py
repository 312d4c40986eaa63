"""Attempts along the time, as rows of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.cells import cell_len, set_cell_size

from .nodes import GLYPHS, printable
from .painting import EDGE, ELLIPSIS, PLAIN, Cell, Row

LONGEST_NAME = 24
LEAST_BAR = 10
TICKS = 4
_FILLED, _OPEN, _FAILED = "█", "▓", "░"


@dataclass(frozen=True, slots=True)
class Span:
    """One attempt: from when to when; ``ended`` is ``None`` while it runs. Stamps are aware."""

    task: str
    attempt: int
    started: datetime
    ended: datetime | None
    status: str


def gantt(spans: Sequence[Span], now: datetime, *, width: int = 80) -> list[Row]:
    """A row for each task in the order of its first attempt, below a row of times.

    A bar is at least one cell wide; what has ended badly is drawn light, what runs half dark.
    """
    if not spans:
        return []
    by_task: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda one: (one.started, one.attempt)):
        by_task.setdefault(span.task, []).append(span)
    start = min(span.started for span in spans)
    end = max(max(span.ended or now, span.started) for span in spans)
    name_width = min(LONGEST_NAME, max(cell_len(task) for task in by_task))
    room = max(width - name_width - 3, LEAST_BAR)
    scale = _Scale(start, end, room)
    rows = [[Cell(" " * (name_width + 3)), Cell(_axis(scale), EDGE)]]
    rows += [_row(task, given, now, scale, name_width) for task, given in by_task.items()]
    return rows


class _Scale:
    """Times as columns."""

    def __init__(self, start: datetime, end: datetime, width: int) -> None:
        self.start = start
        self.whole = max((end - start).total_seconds(), 0.001)
        self.width = width

    def column(self, at: datetime) -> int:
        share = (at - self.start).total_seconds() / self.whole
        return max(0, min(self.width - 1, int(share * self.width)))


def _axis(scale: _Scale) -> str:
    text = ""
    for tick in range(TICKS):
        at = tick * scale.width // TICKS
        label = f"│{duration(scale.whole * tick / TICKS)}"
        if cell_len(text) <= at:
            text = text.ljust(at) + label
    last = duration(scale.whole)
    if len(text) + len(last) < scale.width:
        text = text.ljust(scale.width - len(last)) + last
    return text[: scale.width]


def duration(seconds: float) -> str:
    """A span of time in at most two units: ``850ms``, ``12s``, ``3m20s``, ``2h05m``."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds else "0s"
    if seconds < 60:
        return f"{seconds:.3g}s"
    whole = timedelta(seconds=round(seconds))
    hours, rest = divmod(whole.days * 86_400 + whole.seconds, 3600)
    if hours:
        return f"{hours}h{rest // 60:02}m"
    return f"{rest // 60}m{rest % 60:02}s"


def _row(task: str, spans: Sequence[Span], now: datetime, scale: _Scale, name_width: int) -> Row:
    last, name = spans[-1], printable(task)
    if cell_len(name) > name_width:
        name = set_cell_size(name, name_width - 1) + ELLIPSIS
    row = [
        Cell(set_cell_size(name, name_width), PLAIN, task),
        Cell(f" {GLYPHS.get(last.status, '?')} ", last.status, task),
    ]
    at = 0
    for span in spans:
        begin = max(scale.column(span.started), at)
        end = max(scale.column(span.ended or now), begin)
        if begin >= scale.width:
            break
        if begin > at:
            row.append(Cell(" " * (begin - at), PLAIN, task))
        row.append(Cell(_bar(span, end - begin + 1), span.status, task))
        at = end + 1
    return row


def _bar(span: Span, length: int) -> str:
    if span.ended is None:
        return _OPEN * length
    if span.status == "completed":
        return _FILLED * length
    return _FAILED * length
