"""Attempts along the time: an axis in round steps, a bar for each attempt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ....core.protocol.workflow_views import AttemptView, TaskView
from ..ages import DAY, HOUR, MINUTE, age_of
from ..cells import Cell, Row, fit
from ..words import clean
from .state import Flow
from .words import TASK_SIGNS, task_note

LEAST_CHART = 10
LONGEST_NAME = 28
NOTE = 9
LEAST_TICK = 9
STEPS = (
    1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
    HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY,
)  # fmt: skip
"""Seconds between two marks of the axis."""
BARS = {"completed": "█", "running": "▓", "waiting": "▒", "lost": "▓"}
BROKEN = "░"
LEAST_WAKE = 0.25


@dataclass(frozen=True, slots=True)
class Axis:
    """Times as columns; ``step`` seconds lie between two of its marks, ``seconds`` in all of it.

    It ends at a mark, so that bars grow for a while before all of them are drawn anew.
    """

    start: datetime
    seconds: float
    step: float
    width: int

    def column(self, at: datetime) -> int:
        """The column of a time, within the axis."""
        return max(0, min(self.width - 1, int(age_of(self.start, at) / self.seconds * self.width)))

    @property
    def wake(self) -> float:
        """Seconds in which a bar grows by a column."""
        return max(LEAST_WAKE, self.seconds / self.width)


def make_axis(start: datetime, end: datetime, width: int) -> Axis:
    """The axis of ``width`` columns from ``start`` to the first mark behind ``end``."""
    whole = max(age_of(start, end), 1.0)
    most = max(1, width // LEAST_TICK)
    step = float(next((step for step in STEPS if whole / step <= most), 0))
    if not step:
        step = DAY * -(-whole // (DAY * most))
    marks = max(1, -(-whole // step))
    return Axis(start, step * marks, step, max(1, width))


def bounds(tasks: Iterable[TaskView], now: datetime) -> tuple[datetime, datetime] | None:
    """From the first beginning to the last end; ``None`` if nothing has begun."""
    start, end = None, None
    for task in tasks:
        if task.started_at is None:
            continue
        last = now if task.status.value == "running" else task.ended_at or task.started_at
        start = task.started_at if start is None else min(start, task.started_at)
        end = last if end is None else max(end, last)
    return (start, end) if start is not None and end is not None else None


def axis_row(axis: Axis, left: int) -> Row:
    """The marks with their times, ``left`` cells from the edge."""
    text = ""
    for mark in range(round(axis.seconds / axis.step) + 1):
        at = int(mark * axis.step / axis.seconds * axis.width)
        label = mark_text(mark * axis.step)
        if mark and at + len(label) + 1 > axis.width:
            break
        text = text.ljust(at) + f"╷{label}"
    return (Cell(" " * left), Cell(fit(text, axis.width), "edge"))


def mark_text(seconds: float) -> str:
    """A time since the beginning, in at most two units."""
    whole = int(seconds)
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m" + (f"{whole % MINUTE:02}" if whole % MINUTE else "")
    if whole < DAY:
        minutes = whole % HOUR // MINUTE
        return f"{whole // HOUR}h" + (f"{minutes:02}" if minutes else "")
    return f"{whole // DAY}d"


def name_width(names: Iterable[str], width: int) -> int:
    """How wide the column of names is."""
    longest = max((len(name) for name in names), default=4)
    return max(4, min(longest, LONGEST_NAME, width // 3))


@dataclass(frozen=True, slots=True)
class Chart:
    """How a chart is laid out: the axis, and what stands before and behind it."""

    axis: Axis
    names: int

    @property
    def left(self) -> int:
        """The cells before the axis."""
        return self.names + 3


def make_chart(flow: Flow, now: datetime, width: int) -> Chart | None:
    """The chart in ``width`` cells; ``None`` if nothing has begun."""
    ends = bounds(flow.tasks.values(), now)
    if ends is None:
        return None
    firsts = [span.started_at for known in flow.attempts.values() for span in known.values()]
    names = name_width(flow.order, width)
    room = max(LEAST_CHART, width - names - 3 - NOTE)
    return Chart(make_axis(min([ends[0], *firsts]), ends[1], room), names)


def gantt_row(chart: Chart, flow: Flow, task: TaskView, now: datetime) -> Row:
    """A task's line: sign, name, a bar for each attempt, how long the last one takes."""
    state = flow.state(task)
    sign, tone = TASK_SIGNS[state]
    name = fit(clean(task.id, 100), chart.names)
    return (
        Cell(f"{sign} ", tone),
        Cell(f"{name} ", "head" if task.id in flow.path.at(now) else ""),
        *_bars(chart.axis, flow.spans(task), state, now),
        Cell(fit(task_note(task, state, now), NOTE, right=True), tone),
    )


def _bars(axis: Axis, spans: Sequence[AttemptView], state: str, now: datetime) -> list[Cell]:
    cells: list[Cell] = []
    at = 0
    for span in spans:
        running = span.ended_at is None
        shown = state if running else span.status.value
        begin = max(axis.column(span.started_at), at)
        end = max(axis.column(span.ended_at or now), begin)
        if at > axis.width - 1:
            break
        if begin > at:
            cells.append(Cell(" " * (begin - at)))
        tone = TASK_SIGNS[shown][1]
        cells.append(Cell(BARS.get(shown, BROKEN) * (end - begin + 1), tone))
        at = end + 1
    return [*cells, Cell(" " * max(0, axis.width - at))]
