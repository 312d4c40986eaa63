"""One workflow with its tasks, kept true by the changes that come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum

from ....core.protocol.workflow_status import TaskStatus
from ....core.protocol.workflow_views import (
    AttemptView,
    TaskDetailView,
    TaskView,
    WholeWorkflowView,
    WorkflowView,
)
from .critical import CriticalPath
from .words import FAILED, task_state, time_lasts

BEGUN = frozenset((TaskStatus.RUNNING, TaskStatus.LOST))


class Applied(Enum):
    """What a change came to."""

    OLD = "it was known"
    CHANGED = "a task stands otherwise"
    STRUCTURE = "tasks or what they need are others"


class Flow:
    """A workflow as it was shown once, with every newer change applied.

    ``line`` is the newest line about it, ``tasks`` are in the order of the file. ``shape`` is counted up with every
    change of the structure. ``attempts`` are those before the last one, as far as they are known.
    """

    def __init__(self, whole: WholeWorkflowView, shape: int = 0) -> None:
        self.whole = whole
        self.line = whole.workflow
        self.tasks: dict[str, TaskView] = {task.id: task for task in whole.tasks}
        self.places = {task_id: place for place, task_id in enumerate(self.tasks)}
        self.order = list(self.tasks)
        self.path = CriticalPath(self.tasks, frozenset(whole.critical))
        self.shape = shape
        self.attempts: dict[str, dict[int, AttemptView]] = {}

    @property
    def id(self) -> str:
        """The workflow's id."""
        return self.whole.workflow.id

    def state(self, task: TaskView) -> str:
        """How a task stands; see ``task_state``."""
        return task_state(task, self.line.waiting)

    def update(self, line: WorkflowView) -> bool:
        """Take a newer line in; whether all must be asked for again: it was rolled back, or begun anew."""
        before, self.line = self.line, line
        again = line.restored_from != before.restored_from
        return again or (before.status in _ENDS and line.status not in _ENDS)

    def apply(self, task: TaskView) -> Applied:
        """Take a task's change in, unless a newer one is held."""
        old = self.tasks.get(task.id)
        if old is None:
            return Applied.STRUCTURE
        if task.version <= old.version:
            return Applied.OLD
        self.tasks[task.id] = task
        self.path.touch()
        if task.attempt > old.attempt > 0 and old.started_at is not None:
            self._remember(old, old.started_at, task.started_at)
        same = (task.needs, task.parent, task.final) == (old.needs, old.parent, old.final)
        return Applied.CHANGED if same else Applied.STRUCTURE

    def _remember(self, old: TaskView, started: datetime, next_started: datetime | None) -> None:
        seen = AttemptView(
            task_id=old.id,
            attempt=old.attempt,
            status=TaskStatus.FAILED if old.status not in _KEPT else old.status,
            started_at=started,
            ended_at=old.ended_at or next_started or started,
            error=old.error,
        )
        self.attempts.setdefault(old.id, {}).setdefault(old.attempt, seen)

    def learn(self, detail: TaskDetailView) -> None:
        """Take in the attempts and the state that a task's detail tells of."""
        known = self.attempts.setdefault(detail.task.id, {})
        known.update({attempt.attempt: attempt for attempt in detail.attempts})
        self.apply(detail.task)

    def keep(self, older: Flow | None, early: Mapping[str, TaskView]) -> None:
        """Take over what came while this was on its way, and the attempts that ``older`` knew."""
        if older is not None and older.id == self.id:
            self.attempts = older.attempts
        for task in early.values():
            self.apply(task)

    def spans(self, task: TaskView) -> list[AttemptView]:
        """The attempts of a task that are known, the last one as it stands."""
        known = self.attempts.get(task.id, {})
        spans = [known[number] for number in sorted(known) if number < task.attempt]
        if task.started_at is not None and task.attempt:
            last = AttemptView(
                task_id=task.id,
                attempt=task.attempt,
                status=task.status,
                started_at=task.started_at,
                ended_at=None if task.status in BEGUN else task.ended_at or task.started_at,
            )
            spans.append(last)
        return spans

    def lacks_attempts(self, task: TaskView) -> bool:
        """Whether an attempt before the last one is not known."""
        return task.attempt > 1 and len(self.attempts.get(task.id, {})) < task.attempt - 1

    def failed(self) -> list[str]:
        """The tasks that failed, in order."""
        return [task.id for task in self.tasks.values() if task.status.value in FAILED]

    def find(self, text: str) -> list[str]:
        """The tasks whose name holds ``text``, in order."""
        sought = text.casefold()
        return [task_id for task_id in self.tasks if sought in task_id.casefold()]

    def lasts(self, tasks: Iterable[TaskView], now: datetime) -> float | None:
        """Seconds until a time of ``tasks`` says something else; ``None``: never."""
        found = (time_lasts(task.started_at, None, now) for task in tasks if task.status in BEGUN)
        return min((seconds for seconds in found if seconds is not None), default=None)


_ENDS = frozenset(("completed", "failed", "cancelled"))
_KEPT = frozenset((TaskStatus.LOST, TaskStatus.CANCELLED, TaskStatus.COMPLETED))
