"""How workflows stand, at hand without waiting: what has not ended, and the newest of what has."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

from ...protocol.workflow_views import TaskView, WorkflowView
from ...workflows.instance import Instance
from ...workflows.records import TaskRecord, WorkflowRecord
from ...workflows.statuses import ENDED, TaskStatus
from .views import TaskViewer, workflow_view

ENDED_KEPT = 50


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
        self.statuses = {record.task_id: record.status for record in instance.records}
        self._counts = Counter(self.statuses.values())
        self._viewer = TaskViewer(instance.definition)
        self._changed: dict[str, tuple[TaskRecord, int]] = {}
        self.waiting: dict[str, None] = {}
        self.stirred = False

    def take(self, record: TaskRecord, version: int) -> TaskStatus | None:
        """A task as it is on disk; what it was before."""
        before = self.statuses.get(record.task_id)
        if before is not None:
            self._counts[before] -= 1
        self._counts[record.status] += 1
        self.statuses[record.task_id] = record.status
        self._changed[record.task_id] = (record, version)
        self.version = max(self.version, version)
        self.stirred = True
        return before

    def move(self, record: WorkflowRecord) -> WorkflowRecord:
        """The workflow as it is on disk; how it was before."""
        before, self.record = self.record, record
        self.version = max(self.version, record.version)
        return before

    def view(self, engine_id: str, now: datetime) -> WorkflowView:
        """The line about it."""
        record = replace(self.record, version=self.version, lease=None)
        found = workflow_view(record, self._counts, waiting=self.waiting, now=now)
        return found if found.status in ENDED else found.changed(engine_id=engine_id)

    def changed_tasks(self) -> list[TaskView]:
        """The tasks that changed since this was asked last, as they stand now."""
        changed, self._changed = self._changed, {}
        return [
            self._viewer.view(record, version, self.statuses)
            for record, version in changed.values()
        ]
