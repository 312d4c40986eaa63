"""Lines of tasks, attempts, versions and output: rows that are made when they are seen."""

from __future__ import annotations

from typing import Any

from ..model.cells import Cell, Column, Row, arrange, cut, fit
from ..model.flow.history import VersionRow
from ..model.flow.tasks import TaskRow
from .virtual_lines import VirtualLines

SIGN, WORD, TRIES, TIME = 2, 14, 6, 7
WIDE = 90
VERSION, CLOCK, MARK = 8, 10, 2


class TaskTable(VirtualLines):
    """One line for each task."""

    def compose_row(self, row: Any, width: int) -> Row:
        """The cells of a task; on the critical path its name is bold."""
        return task_columns(row, width) if isinstance(row, TaskRow) else (Cell(str(row), "muted"),)


def task_columns(row: TaskRow, width: int) -> Row:
    """The cells of a task's line."""
    rest = (Column(f"  {row.note}", "error" if row.tone == "error" else "muted"),)
    name = Column(
        row.id, "head" if row.critical else "", max(8, width // 3) if width >= WIDE else 0
    )
    kind = (Column(f" {row.kind}", "muted", 18),) if width >= WIDE else ()
    return arrange(
        (
            Column(row.sign, row.tone, SIGN),
            name,
            Column(f" {row.word}", row.tone, WORD),
            *kind,
            Column(row.attempt, "muted", TRIES, right=True),
            Column(row.time, "muted", TIME, right=True),
            *(rest if width >= WIDE else ()),
        ),
        width,
    )


def task_heading(width: int) -> Row:
    """What the columns of the table are."""
    shown = task_columns(TaskRow("task", "", "", "state", "agent", "try", "time", "why"), width)
    return tuple(Cell(cell.text, "muted") for cell in shown)


class GanttLines(VirtualLines):
    """One line for each task, with its attempts as bars; rows come ready made."""

    def compose_row(self, row: Any, width: int) -> Row:
        """The line as it was made."""
        return cut(row, width) if isinstance(row, tuple) else (Cell(str(row), "muted"),)


class VersionList(VirtualLines):
    """One line for each version, newest first."""

    def compose_row(self, row: Any, width: int) -> Row:
        """The cells of a version."""
        return version_columns(row, width) if isinstance(row, VersionRow) else (Cell(str(row)),)


def version_columns(row: VersionRow, width: int) -> Row:
    """The cells of a version's line."""
    task = min(30, max(10, width // 4))
    return arrange(
        (
            Column("◆" if row.marked else "", "key", MARK),
            Column(str(row.version), "head", VERSION),
            Column(row.time, "muted", CLOCK),
            Column(row.task, "", task),
            Column(f" {row.text}", row.tone),
        ),
        width,
    )


def version_heading(width: int) -> Row:
    """What the columns of the history are."""
    task = min(30, max(10, width // 4))
    names = ((" ", MARK), ("version", VERSION), ("time", CLOCK), ("task", task), (" change", 0))
    return arrange((Column(name, "muted", size) for name, size in names), width)


class LogLines(VirtualLines):
    """The output of an attempt; the last line stays in sight until one scrolls back."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.follows = True
        self.needle = ""

    def show_output(self, lines: list[str], *, added_on_top: int = 0) -> None:
        """Show all lines that are held."""
        top = self.scroll_offset.y + added_on_top
        self._painted.clear()
        self.rows = lines
        size = self.extent()
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()
        self.to_line(len(lines) if self.follows else top)

    def can_pick(self, index: int) -> bool:
        """Output is only read."""
        return False

    def to_line(self, top: int) -> None:
        """Scroll so that a line is the first to be seen."""
        last = max(0, len(self.rows) - self.scrollable_content_region.height)
        wanted = min(max(0, top), last)
        if wanted != self.scroll_offset.y:
            self.scroll_to(y=wanted, animate=False, immediate=True, force=True)

    def move(self, rows: int) -> None:
        """Scroll by so many lines; at the end the newest line is followed."""
        last = max(0, len(self.rows) - self.scrollable_content_region.height)
        self.follows = self.scroll_offset.y + rows >= last
        self.to_line(self.scroll_offset.y + rows)

    def on_resize(self) -> None:
        """The end may be elsewhere."""
        super().on_resize()
        self.to_line(len(self.rows) if self.follows else self.scroll_offset.y)

    def compose_row(self, row: Any, width: int) -> Row:
        """A line, with what is searched for marked in it."""
        text = fit(str(row), width)
        at = text.casefold().find(self.needle.casefold()) if self.needle else -1
        if at < 0:
            return (Cell(text),)
        end = at + len(self.needle)
        return (Cell(text[:at]), Cell(text[at:end], "match"), Cell(text[end:]))
