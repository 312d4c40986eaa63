"""The table of tasks: rows made when they are seen, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ....core.protocol.workflow_views import TaskView
from ..query import Vocabulary
from ..words import clean
from .state import Flow
from .words import FAILED, TASK_ENDED, TASK_SIGNS, WAITING, task_state, task_time


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task's line."""

    id: str
    sign: str
    tone: str
    word: str
    kind: str
    attempt: str
    time: str
    note: str
    critical: bool = False


def task_row(flow: Flow, task: TaskView, now: datetime) -> TaskRow:
    """A task's line in the table."""
    state = flow.state(task)
    sign, tone = TASK_SIGNS[state]
    many = task.max_attempts > 1 or task.attempt > 1
    many = many and task.attempt <= task.max_attempts
    attempt = f"{task.attempt}/{task.max_attempts}" if many else str(task.attempt or "")
    return TaskRow(
        id=task.id,
        sign=sign,
        tone=tone,
        word="waits for you" if state == WAITING else state,
        kind=clean(task.agent or task.kind, 60),
        attempt=attempt,
        time=task_time(task, now),
        note=clean(task.error or task.reason or _needs(task), 200),
        critical=task.id in flow.path.at(now),
    )


def _needs(task: TaskView) -> str:
    """What it waits for, while it does."""
    if task.status.value != "pending" or not task.needs:
        return ""
    return f"needs {', '.join(task.needs[:20])}"


def tasks_vocabulary(waiting: Callable[[], tuple[str, ...]]) -> Vocabulary[TaskView]:
    """What can be asked of tasks; ``waiting`` gives those that wait for a person."""

    def stands(*states: str) -> Callable[[TaskView], bool]:
        return lambda task: task_state(task, waiting()) in states

    states: dict[str, Callable[[TaskView], bool]] = {
        "running": stands("running", WAITING),
        "waiting": stands(WAITING),
        "failed": stands(*FAILED),
        "retrying": stands("retrying"),
        "pending": stands("pending", "ready"),
        "skipped": stands("skipped"),
        "completed": stands("completed"),
        "cancelled": stands("cancelled"),
        "ended": lambda task: task.status in TASK_ENDED,
    }
    return Vocabulary(
        fields={
            "is": lambda task, value: states[value](task),
            "kind": lambda task, value: value in task.kind.casefold(),
            "agent": lambda task, value: value in task.agent.casefold(),
            "name": lambda task, value: value in task.id.casefold(),
        },
        text=lambda task: f"{task.id} {task.kind} {task.agent} {task.error or ''} {task.reason}",
        values={"is": tuple(states)},
    )
