"""Records of workflows as front ends see them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from ...base.priority import Priority
from ...protocol.workflow_views import (
    ArtifactView,
    AttemptView,
    DifferenceView,
    HandoffView,
    ScheduleView,
    TaskView,
    VersionView,
    WorkflowView,
)
from ...workflows.definition import TaskDefinition, WorkflowDefinition
from ...workflows.encoding import task_of
from ...workflows.executors.children import Child, ChildKind
from ...workflows.instance import AGENT
from ...workflows.machine.reasons import ErrorType
from ...workflows.records import (
    ArtifactRecord,
    AttemptRecord,
    HandoffRecord,
    ScheduleRecord,
    TaskRecord,
    WorkflowRecord,
)
from ...workflows.states import Difference, Version
from ...workflows.statuses import DONE, TaskStatus

FILE = "file"
"""Where in an instance's metadata its file is named."""

_WAITS_FOR = {
    "approve": "waits for a person",
    "wait_for": "waits for an event",
    "workflow": "waits for the nested workflow",
    "foreach": "waits for its parts",
}
_SKIPPED: Mapping[str, str] = {
    ErrorType.CONDITION: "its condition does not hold",
    ErrorType.RETIRED: "the list that it was made for was made anew",
    ErrorType.DEPENDENCY: "something it needs did not succeed",
    ErrorType.DRAINED: "nothing more is begun after a failure",
}

_FAILED: Mapping[str, str] = {
    ErrorType.DEADLINE: "it had not begun by its deadline",
    ErrorType.CHILDREN: "some of its parts have failed",
    ErrorType.LOSSES: "its engine or its worker ended too often while it ran",
}
"""Why the machine itself lets a task fail, which leaves no error of an attempt's."""


def workflow_view(
    record: WorkflowRecord,
    counts: Mapping[TaskStatus, int],
    *,
    waiting: Collection[str] = (),
    now: datetime,
) -> WorkflowView:
    """The line about an instance whose tasks stand so."""
    lease = record.lease
    held = lease is not None and lease.expires_at > now
    return WorkflowView(
        id=record.id,
        name=record.name,
        file=_file(record),
        status=record.status,
        counts={status: count for status, count in counts.items() if count},
        created_at=record.created_at,
        started_at=record.started_at,
        ended_at=record.ended_at,
        error=record.error,
        version=record.version,
        restored_from=record.restored_from,
        parent=record.parent,
        engine_id=lease.engine_id if lease is not None and held else None,
        waiting=tuple(waiting),
    )


def _file(record: WorkflowRecord) -> str:
    found = json.loads(record.metadata).get(FILE, "") if f'"{FILE}"' in record.metadata else ""
    return str(found)


class TaskViewer:
    """Makes views of the tasks of one definition.

    ``waiting`` tells of attempts that were submitted and have not begun why, by their places.
    """

    def __init__(
        self, definition: WorkflowDefinition, waiting: Mapping[str, str] | None = None
    ) -> None:
        self._waiting = waiting or {}
        self._tasks = {task.task_id: task for task in definition.tasks}
        self._attempts = 1
        if definition.retry_policy is not None:
            self._attempts = definition.retry_policy.max_attempts

    def definition(self, record: TaskRecord) -> TaskDefinition | None:
        """What the task was made from; that of a fan-out's child lies in its record."""
        found = self._tasks.get(record.task_id)
        if found is None and record.scheduling is not None:
            kept = json.loads(record.scheduling).get("task")
            if kept is not None:
                found = self._tasks[record.task_id] = task_of(kept)
        return found

    def view(
        self,
        record: TaskRecord,
        version: int,
        settled: Mapping[str, TaskStatus] | None = None,
        *,
        why: str = "",
    ) -> TaskView:
        """The task as it stands; ``settled`` are the statuses of what it may need, ``why`` it waits."""
        given = self.definition(record)
        policy = given.retry_policy if given is not None else None
        needs = tuple(given.dependencies) if given is not None else ()
        place = _place(record)
        return TaskView(
            id=record.task_id,
            kind=record.agent_type,
            agent=_agent(record),
            status=record.status,
            needs=needs,
            parent=_parent(record),
            final=given.final if given is not None else False,
            priority=given.priority if given is not None else Priority.NORMAL,
            deadline=given.deadline if given is not None else None,
            attempt=record.attempt,
            max_attempts=self._attempts if policy is None else policy.max_attempts,
            started_at=record.started_at,
            ended_at=record.ended_at,
            next_attempt_at=record.next_attempt_at,
            error=record.error,
            error_type=record.error_type,
            reason=self._waiting.get(place.get(ChildKind.PROCESS, ""))
            or _reason(record, needs, settled or {}, why),
            session_id=place.get(ChildKind.SESSION),
            child_workflow=place.get(ChildKind.WORKFLOW),
            allow_failure=given.allow_failure if given is not None else False,
            version=version,
        )


def _agent(record: TaskRecord) -> str:
    """The agent that it is meant for, or has its place on."""
    if record.scheduling is not None and f'"{AGENT}"' in record.scheduling:
        placed = json.loads(record.scheduling).get(AGENT)
        if placed:
            return str(placed)
    return record.agent_id if record.agent_id != record.agent_type else ""


def _parent(record: TaskRecord) -> str | None:
    if record.scheduling is None or '"parent"' not in record.scheduling:
        return None
    found: str | None = json.loads(record.scheduling).get("parent")
    return found


def _place(record: TaskRecord) -> dict[str, str]:
    """The session or workflow that works on it, from where its child is kept."""
    if record.child is None:
        return {}
    child = Child.parse(record.child)
    return {} if child is None else {child.kind: child.place}


def _reason(
    record: TaskRecord, needs: Sequence[str], settled: Mapping[str, TaskStatus], why: str
) -> str:
    status = record.status
    if status is TaskStatus.SKIPPED:
        return _SKIPPED.get(record.error_type or "", "")
    if status is TaskStatus.FAILED and not record.error:
        return _FAILED.get(record.error_type or "", "")
    if status is TaskStatus.READY:
        return why or "waits for a place to run"
    if status is TaskStatus.RUNNING:
        return _WAITS_FOR.get(record.agent_type, "")
    if status is TaskStatus.PENDING:
        open_ = [need for need in needs if settled.get(need) not in DONE]
        return f"waits for {', '.join(open_)}" if open_ else ""
    return ""


def attempt_view(record: AttemptRecord) -> AttemptView:
    """An attempt that has ended."""
    return AttemptView(
        task_id=record.task_id,
        attempt=record.attempt,
        status=record.status,
        started_at=record.started_at,
        ended_at=record.ended_at,
        error=record.error,
        error_type=record.error_type,
        has_log=record.log is not None,
    )


def running_attempt(record: TaskRecord) -> AttemptView | None:
    """The attempt that runs; ``None`` if none does."""
    if record.status is not TaskStatus.RUNNING or record.started_at is None:
        return None
    return AttemptView(
        task_id=record.task_id,
        attempt=record.attempt,
        status=record.status,
        started_at=record.started_at,
        has_log=record.log is not None,
    )


def handoff_view(record: HandoffRecord) -> HandoffView:
    """One handoff."""
    return HandoffView(
        id=record.id,
        source=record.source_task,
        target=record.target_task,
        status=record.status,
        created_at=record.created_at,
        body=json.loads(record.body),
    )


def artifact_view(record: ArtifactRecord, root: str) -> ArtifactView:
    """One file that an attempt left below ``root``."""
    return ArtifactView(
        name=record.name,
        path=f"{root}/{record.path}",
        size=record.size,
        sha256=record.sha256,
        attempt=record.attempt,
        created_at=record.created_at,
    )


def version_view(version: Version) -> VersionView:
    """One line of the history."""
    return VersionView(
        version=version.version,
        at=version.at,
        kind=version.kind,
        task_id=version.task_id,
        status=version.status,
        restored_from=version.restored_from,
    )


def difference_view(found: Difference, before: int, after: int) -> DifferenceView:
    """What differs between two versions, as JSON's values."""
    return DifferenceView(
        before=before,
        after=after,
        workflow=_pairs(found.workflow),
        tasks={name: _pairs(pairs) for name, pairs in found.tasks.items()},
        added=found.added,
        removed=found.removed,
    )


def _pairs(fields: Mapping[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    return {name: [_plain(one) for one in pair] for name, pair in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def schedule_view(record: ScheduleRecord) -> ScheduleView:
    """One schedule."""
    return ScheduleView(
        name=record.name,
        file=record.source,
        cron=record.cron,
        zone=record.zone,
        catch_up=record.catch_up,
        inputs=json.loads(record.inputs),
        enabled=record.enabled,
        last_at=record.last_at,
        next_at=record.next_at,
    )
