"""The face for a terminal: bars that move when something has changed, and a table at the end."""

from __future__ import annotations

import asyncio

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...core.protocol.events import Event
from ...core.protocol.workflow_status import TaskStatus, WorkflowStatus
from ..printing import Printer, clean
from .course import DONE, Course, Row
from .faces import SUMMARY_HEADS, Now, closing, now, spent, summary_row

GLYPHS = {
    TaskStatus.PENDING: "·",
    TaskStatus.READY: "○",
    TaskStatus.RUNNING: "▸",
    TaskStatus.COMPLETED: "✓",
    TaskStatus.FAILED: "✗",
    TaskStatus.SKIPPED: "»",
    TaskStatus.RETRYING: "↻",
    TaskStatus.CANCELLED: "⊘",
    TaskStatus.LOST: "?",
}
STYLES = {
    TaskStatus.RUNNING: "cyan",
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
    TaskStatus.RETRYING: "yellow",
    TaskStatus.CANCELLED: "magenta",
    TaskStatus.LOST: "yellow",
    TaskStatus.PENDING: "dim",
    TaskStatus.SKIPPED: "dim",
}
BAR = 20
FRAME = 0.05
TICK = 1.0
"""Seconds: between two pictures at least, and between two looks at the clock."""


class LiveFace:
    """Draws a row with a bar for each task, below each other, in place."""

    def __init__(self, printer: Printer, clock: Now = now) -> None:
        self._console = Console(file=printer.out, highlight=False, markup=False, emoji=False)
        self._now = clock
        self._live: Live | None = None
        self._course: Course | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def begin(self, course: Course) -> None:
        """Draw it."""
        view = course.workflow
        self._console.print(f"{clean(view.name)} ({view.id})")
        self.go_on(course)

    def news(self, course: Course, event: Event) -> None:
        """Draw what has changed, soon."""
        self._draw_within(FRAME)

    def renewed(self, course: Course) -> None:
        """Draw it anew, soon."""
        self._draw_within(FRAME)

    def hold(self) -> None:
        """Leave the picture as it stands, and draw no other."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._live is not None:
            self._draw()
            self._live.stop()
            self._live = None

    def go_on(self, course: Course) -> None:
        """Draw again."""
        self._course = course
        if self._live is None:
            self._live = Live(
                self._picture(), console=self._console, auto_refresh=False, transient=True
            )
            self._live.start()
            self._draw_within(TICK)

    def say(self, text: str) -> None:
        """Print a line above the picture."""
        self._console.print(clean(text))

    def end(self, course: Course) -> None:
        """A table in the picture's place."""
        self.hold()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for head in SUMMARY_HEADS:
            table.add_column(head.upper(), overflow="fold")
        for row in course.rows():
            cells = summary_row(row, self._now())
            table.add_row(
                cells[0], Text(f"{GLYPHS[row.status]} {cells[1]}", _style(row)), *cells[2:]
            )
        self._console.print(table)
        self._console.print(closing(course, self._now()), style=_closing_style(course))

    # ---- drawing -------------------------------------------------------------------------------

    def _draw_within(self, seconds: float) -> None:
        if self._live is None:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._timer is not None and self._due <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._draw()
        self._draw_within(TICK)

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)

    def _picture(self) -> RenderableType:
        assert self._course is not None  # noqa: S101  # nothing is drawn before there is one
        course = self._course
        rows = course.rows()
        shown = chosen(rows, max(self._console.height - 4, 3))
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=self._console.width // 2)
        grid.add_column(width=BAR)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(no_wrap=True, overflow="ellipsis")
        for row in shown:
            grid.add_row(*self._cells(row))
        view = course.workflow
        left = len(rows) - len(shown)
        more = f", {left} rows not shown" if left else ""
        status = "" if view.status is WorkflowStatus.RUNNING else f"{view.status}, "
        return Group(grid, Text(f"{status}{view.done} of {view.total} tasks done{more}", "bold"))

    def _cells(self, row: Row) -> tuple[RenderableType, ...]:
        style = _style(row)
        bar = ProgressBar(
            total=row.total,
            completed=row.done,
            width=BAR,
            complete_style=style or "default",
            finished_style=style or "default",
        )
        parts = f" {row.done}/{row.total}" if row.total > 1 else ""
        tried = f" ({row.attempt})" if row.attempt > 1 else ""
        return (
            Text(GLYPHS[row.status], style),
            Text("  " * row.depth + clean(row.name)),
            bar,
            Text(f"{row.status}{parts}{tried}", style),
            Text(spent(row, self._now())),
            Text(clean(row.note), "dim"),
        )


def chosen(rows: list[Row], most: int) -> list[Row]:
    """At most so many rows: what runs or went wrong first, in their order."""
    if len(rows) <= most:
        return rows
    order = sorted(range(len(rows)), key=lambda at: (_calm(rows[at]), at))
    return [rows[at] for at in sorted(order[:most])]


def _calm(row: Row) -> int:
    if row.status in {TaskStatus.RUNNING, TaskStatus.RETRYING, TaskStatus.FAILED, TaskStatus.LOST}:
        return 0
    return 2 if row.status in DONE else 1


def _style(row: Row) -> str:
    return STYLES.get(row.status, "")


def _closing_style(course: Course) -> str:
    colours = {WorkflowStatus.COMPLETED: "green", WorkflowStatus.FAILED: "red"}
    return colours.get(course.workflow.status, "")
