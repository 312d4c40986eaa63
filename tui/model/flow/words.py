"""Signs, tones and words of workflows and their tasks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ....core.protocol.workflow_status import TaskStatus, WorkflowStatus
from ....core.protocol.workflow_views import TaskView, WorkflowView
from ..ages import age_lasts, age_of, age_text

WAITING = "waiting"

FLOW_SIGNS: dict[str, tuple[str, str]] = {
    "pending": ("○", "muted"),
    "running": ("▸", "working"),
    WAITING: ("!", "needs"),
    "paused": ("‖", "needs"),
    "completed": ("✓", "done"),
    "failed": ("✗", "error"),
    "cancelled": ("⊘", "muted"),
}
"""The sign and the tone of a workflow's state; one that waits for a person has its own."""

TASK_SIGNS: dict[str, tuple[str, str]] = {
    "pending": ("·", "muted"),
    "ready": ("○", ""),
    "running": ("▸", "working"),
    WAITING: ("!", "needs"),
    "retrying": ("↻", "needs"),
    "completed": ("✓", "done"),
    "failed": ("✗", "error"),
    "skipped": ("»", "muted"),
    "cancelled": ("⊘", "muted"),
    "lost": ("?", "error"),
}
"""The same for tasks."""

LOUDEST = (
    "failed", "lost", WAITING, "retrying", "running", "ready", "cancelled", "pending", "skipped",
    "completed",
)  # fmt: skip
"""Which state of several stands for all of them."""

ENDED = frozenset((WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED))
TASK_ENDED = frozenset(
    (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.SKIPPED, TaskStatus.CANCELLED)
)
FAILED = frozenset(("failed", "lost"))
FULL, EMPTY = "█", "░"
PRECISE_BELOW = 10


def flow_state(flow: WorkflowView) -> str:
    """How a workflow stands: its status, or that it waits for a person."""
    return WAITING if flow.waiting and flow.status not in ENDED else flow.status.value


def flow_word(flow: WorkflowView) -> str:
    """The same as a word to read."""
    state = flow_state(flow)
    if flow.cancelling:
        return "cancelling"
    return "waits for you" if state == WAITING else state


def task_state(task: TaskView, waiting: Collection[str] = ()) -> str:
    """How a task stands: its status, or that it waits for a person."""
    ended = task.status in TASK_ENDED
    return WAITING if task.id in waiting and not ended else task.status.value


def loudest(states: Collection[str]) -> str:
    """The state that stands for all of ``states``."""
    return next((state for state in LOUDEST if state in states), "pending")


def span_text(seconds: float) -> str:
    """How long something took: ``0.4s``, ``0:42``, ``12m``."""
    return f"{seconds:.1f}s" if seconds < PRECISE_BELOW else age_text(seconds)


def time_of(started: datetime | None, ended: datetime | None, now: datetime) -> str:
    """How long it took, or takes by now; empty for what has not begun."""
    if started is None:
        return ""
    return span_text(age_of(started, ended)) if ended else age_text(age_of(started, now))


def time_lasts(started: datetime | None, ended: datetime | None, now: datetime) -> float | None:
    """Seconds until ``time_of`` says something else; ``None``: never."""
    return None if started is None or ended else age_lasts(age_of(started, now))


def task_time(task: TaskView, now: datetime) -> str:
    """How long a task's last attempt took, or takes by now."""
    return time_of(task.started_at, ended_at(task), now)


def ended_at(task: TaskView) -> datetime | None:
    """When a task's last attempt ended; a state that is no work needs no stamp for that."""
    running = task.status in {TaskStatus.RUNNING, TaskStatus.LOST}
    return None if running else task.ended_at or task.started_at


def task_note(task: TaskView, state: str, now: datetime) -> str:
    """The word or time that stands beside a task's name."""
    match state:
        case "running" | "completed":
            return task_time(task, now)
        case "retrying":
            return f"try {task.attempt + 1}/{task.max_attempts}"
        case "waiting":
            return "your word"
        case "pending":
            return ""
        case _:
            return state


def bar(done: int, total: int, width: int) -> str:
    """``done`` of ``total`` as a bar; full only if all is done, empty only if nothing is."""
    if width <= 0:
        return ""
    filled = width * done // total if total else 0
    if done and not filled:
        filled = 1
    return FULL * filled + EMPTY * (width - filled)
