"""What ``quarterdeck run`` shows: JSON for programs, lines for logs. ``live`` has the third face."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from ...core.protocol.events import Event
from ...core.protocol.workflow_events import TaskChanged, WorkflowChanged
from ...core.protocol.workflow_status import TaskStatus, WorkflowStatus
from ..printing import Printer, clean
from .course import Course, Row

Now = Callable[[], datetime]

WORDS = {TaskStatus.RETRYING: "failed, is tried again", TaskStatus.READY: "is ready"}


def now() -> datetime:
    """The present time."""
    return datetime.now(UTC)


class Face(Protocol):
    """One way to show a run."""

    def begin(self, course: Course) -> None:
        """It is followed from now on."""
        ...

    def news(self, course: Course, event: Event) -> None:
        """Something about it has happened."""
        ...

    def renewed(self, course: Course) -> None:
        """It was read anew, after events were missed."""
        ...

    def hold(self) -> None:
        """Stand still: a person is asked something."""
        ...

    def go_on(self, course: Course) -> None:
        """The person has answered."""
        ...

    def say(self, text: str) -> None:
        """Tell a person something."""
        ...

    def end(self, course: Course) -> None:
        """It is not followed any more; sum up."""
        ...


class JsonFace:
    """One event in each line, as the protocol has it; at the end one line with all of it."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer

    def begin(self, course: Course) -> None:
        """How it stands at the beginning."""
        self._printer.record(_standing("begin", course))

    def news(self, course: Course, event: Event) -> None:
        """The event."""
        self._printer.record(event.dump())

    def renewed(self, course: Course) -> None:
        """How it stands now."""
        self._printer.record(_standing("renewed", course))

    def hold(self) -> None:
        """Nothing."""

    def go_on(self, course: Course) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """A line that is no event."""
        self._printer.record({"kind": "note", "text": text})

    def end(self, course: Course) -> None:
        """How it stands at the end."""
        self._printer.record(_standing("end", course))


def _standing(kind: str, course: Course) -> dict[str, Any]:
    return {
        "kind": kind,
        "workflow": course.workflow.model_dump(mode="json"),
        "tasks": [task.model_dump(mode="json") for task in course.tasks.values()],
    }


class LineFace:
    """One line for each change, without colours and motion."""

    def __init__(self, printer: Printer, clock: Now = now) -> None:
        self._printer = printer
        self._now = clock
        self._told: dict[str, tuple[TaskStatus, int]] = {}
        self._status: WorkflowStatus | None = None

    def begin(self, course: Course) -> None:
        """Its name and id, and how it stands."""
        view = course.workflow
        self._line(f"{view.name} ({view.id}) {view.status}, {view.done} of {view.total} tasks done")
        self._status = view.status
        self._told = {task.id: (task.status, task.attempt) for task in course.tasks.values()}

    def news(self, course: Course, event: Event) -> None:
        """A line, if a task or the workflow stands otherwise now."""
        payload = event.payload
        if isinstance(payload, TaskChanged):
            self._task(course, payload.task.id)
        elif isinstance(payload, WorkflowChanged):
            self._workflow(course)

    def renewed(self, course: Course) -> None:
        """Lines for all that stands otherwise now."""
        for task_id in course.tasks:
            self._task(course, task_id)
        self._workflow(course)

    def _task(self, course: Course, task_id: str) -> None:
        task = course.tasks[task_id]
        stands = (task.status, task.attempt)
        if self._told.get(task_id) == stands or task.status is TaskStatus.PENDING:
            return
        self._told[task_id] = stands
        tried = f" (attempt {task.attempt})" if task.attempt > 1 else ""
        why = f": {task.error}" if task.error and task.status is not TaskStatus.RUNNING else ""
        self._line(f"{task_id} {WORDS.get(task.status, task.status)}{tried}{why}")

    def _workflow(self, course: Course) -> None:
        status = course.workflow.status
        if status is not self._status:
            self._status = status
            self._line(f"{course.workflow.name} {status}")

    def hold(self) -> None:
        """Nothing."""

    def go_on(self, course: Course) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """A line of its own."""
        self._line(text)

    def end(self, course: Course) -> None:
        """A table of the tasks."""
        rows = [summary_row(row, self._now()) for row in course.rows()]
        self._printer.table(SUMMARY_HEADS, rows, "There are no tasks.")
        self._printer.line(closing(course, self._now()))

    def _line(self, text: str) -> None:
        self._printer.line(f"{self._now().astimezone():%H:%M:%S}  {clean(text)}")


SUMMARY_HEADS = ("task", "status", "attempts", "time", "note")


def summary_row(row: Row, at: datetime) -> tuple[str, ...]:
    """A task's line in the table at the end."""
    parts = f" {row.done}/{row.total}" if row.total > 1 else ""
    name = "  " * row.depth + row.name
    return (name, f"{row.status}{parts}", str(row.attempt or ""), spent(row, at), clean(row.note))


def spent(row: Row, at: datetime) -> str:
    """How long a task took so far."""
    if row.started_at is None:
        return ""
    return short((row.ended_at or at) - row.started_at if row.started_at else None)


def short(span: Any) -> str:
    """A time in its two largest units."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 60:  # seconds of a minute
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def closing(course: Course, at: datetime) -> str:
    """The last line: what came of it."""
    view = course.workflow
    if course.deleted:
        return f"{view.name} was deleted."
    took = ""
    if view.started_at is not None:
        took = f" after {short((view.ended_at or at) - view.started_at)}"
    why = f" {clean(view.error)}" if view.error else ""
    return f"{view.name} {view.status}{took}: {view.done} of {view.total} tasks done.{why}"
