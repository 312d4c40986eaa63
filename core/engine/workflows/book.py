"""How workflows stand, at hand without waiting: what has not ended, and the newest of what has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ...protocol.workflow_views import TaskView, WorkflowView
from ...workflows.instance import Instance
from ...workflows.records import WorkflowRecord
from ...workflows.statuses import ENDED, TaskStatus, WorkflowStatus
from ...workflows.turns import move_of, task_in
from .views import TaskViewer, workflow_view

Why = Callable[[str, str], str]
"""Why a task that is ready waits, by workflow and task."""

ENDED_KEPT = 50
_STATUS = '"status":"'


class Book:
    """Views by id; of those that have ended the newest ``ENDED_KEPT``."""

    def __init__(self) -> None:
        self._views: dict[str, WorkflowView] = {}

    def __contains__(self, workflow_id: str) -> bool:
        return workflow_id in self._views

    def put(self, view: WorkflowView) -> None:
        """Enter a workflow, or how it stands now."""
        self._views[view.id] = view
        if view.status in ENDED:
            self._trim()

    def get(self, workflow_id: str) -> WorkflowView | None:
        """How a workflow stands; ``None`` if it is not at hand."""
        return self._views.get(workflow_id)

    def remove(self, workflow_id: str) -> None:
        """Forget a workflow."""
        self._views.pop(workflow_id, None)

    def views(self) -> tuple[WorkflowView, ...]:
        """Everything at hand, newest first."""
        return tuple(sorted(self._views.values(), key=_newest))

    def _trim(self) -> None:
        ended = [view for view in self._views.values() if view.status in ENDED]
        if len(ended) > ENDED_KEPT:
            for view in sorted(ended, key=_newest)[ENDED_KEPT:]:
                del self._views[view.id]


def _newest(view: WorkflowView) -> tuple[float, str]:
    return (-view.created_at.timestamp(), view.id)


class Standing:
    """One workflow that this engine drives: counts that cost the same however many tasks it has."""

    def __init__(self, instance: Instance) -> None:
        self.record: WorkflowRecord = instance.record
        self.version = instance.record.version
        self.statuses = dict(zip(instance.plan.ids, instance.run.tasks, strict=True))
        self._counts = Counter(self.statuses.values())
        self._viewer = TaskViewer(instance.definition)
        self._changed: dict[str, tuple[str, int]] = {}
        self._ready: dict[str, tuple[str, int]] = {}
        self.waiting: dict[str, None] = {}
        self.stirred = False

    def take(self, task_id: str, line: str, version: int) -> bool:
        """A task as a line on disk says it; whether it has run until now, and does not any more."""
        before = self.statuses.get(task_id)
        # The sign for a status can't stand in a text before it: quotes in texts are escaped.
        status = TaskStatus(line.partition(_STATUS)[2].partition('"')[0])
        if before is not None:
            self._counts[before] -= 1
        self._counts[status] += 1
        self.statuses[task_id] = status
        self._changed[task_id] = (line, version)
        if status is TaskStatus.READY:
            self._ready[task_id] = (line, version)
        else:
            self._ready.pop(task_id, None)
        self.version = version
        self.stirred = True
        return before is TaskStatus.RUNNING and status is not before

    def move(self, line: str, version: int) -> WorkflowStatus:
        """The workflow as a line on disk says it; its status before."""
        before = self.record
        moved = move_of(before.id, line)
        self.record = replace(
            before,
            status=moved.status,
            error=moved.error,
            started_at=moved.started_at,
            ended_at=moved.ended_at,
            restored_from=moved.restored_from,
        )
        self.version = version
        return before.status

    def view(self, engine_id: str, now: datetime) -> WorkflowView:
        """The line about it."""
        record = replace(self.record, version=self.version, lease=None)
        found = workflow_view(record, self._counts, waiting=self.waiting, now=now)
        return found if found.status in ENDED else found.changed(engine_id=engine_id)

    def tell_again(self, task_id: str) -> None:
        """Why a task that is ready waits has changed."""
        if task_id in self._ready:
            self._changed.setdefault(task_id, self._ready[task_id])
            self.stirred = True

    def changed_tasks(self, why: Why) -> list[TaskView]:
        """The tasks that changed since this was asked last, as they stand now."""
        changed, self._changed = self._changed, {}
        found = self.record.id
        return [
            self._viewer.view(task_in(found, line), version, self.statuses, why=why(found, task_id))
            for task_id, (line, version) in changed.items()
        ]
