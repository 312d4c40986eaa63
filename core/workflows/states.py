"""The state of workflows and tasks as programs read it: values decoded, nothing to be awaited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from .records import HistoryRecord, TaskRecord, WorkflowRecord
from .statuses import TaskStatus, WorkflowStatus


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task. ``execution_time`` is in seconds, of the last attempt, if it ended.

    ``attempt`` counts the attempts begun, ``retry_count`` those after the first. ``result`` is
    what the task gave, and ``None`` while it gave nothing; ``has_result`` tells the two apart.
    """

    task_id: str
    agent_id: str
    agent_type: str
    status: TaskStatus = TaskStatus.PENDING
    dependencies: tuple[str, ...] = ()
    result: Any = None
    has_result: bool = False
    error: str | None = None
    error_type: str | None = None
    attempt: int = 0
    losses: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    next_attempt_at: datetime | None = None
    log: str | None = None

    @property
    def retry_count(self) -> int:
        """Attempts after the first one."""
        return max(self.attempt - 1, 0)

    @property
    def execution_time(self) -> float | None:
        """Seconds from the last attempt's start to its end."""
        if self.started_at is None or self.completed_at is None:
            return None
        return (self.completed_at - self.started_at).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON's values, stamps in ISO 8601."""
        plain = {one.name: _plain(getattr(self, one.name)) for one in fields(self)}
        return plain | {"retry_count": self.retry_count, "execution_time": self.execution_time}


@dataclass(frozen=True, slots=True)
class WorkflowState:
    """One instance with its tasks, as of its ``version``."""

    workflow_id: str
    name: str
    status: WorkflowStatus
    created_at: datetime
    version: int
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str | None = None
    restored_from: int | None = None
    parent: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON's values, stamps in ISO 8601."""
        plain = {one.name: _plain(getattr(self, one.name)) for one in fields(self)}
        plain["tasks"] = {name: task.to_dict() for name, task in self.tasks.items()}
        return plain


@dataclass(frozen=True, slots=True)
class WorkflowSummary:
    """One line of a list of workflows; ``tasks`` counts them by status."""

    workflow_id: str
    name: str
    status: WorkflowStatus
    created_at: datetime
    version: int
    tasks: Mapping[TaskStatus, int]
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str | None = None
    restored_from: int | None = None
    parent: str | None = None
    engine_id: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One line of a workflow's history; ``status`` is the task's or workflow's after it."""

    version: int
    at: datetime
    kind: str
    task_id: str | None
    status: str | None
    restored_from: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two versions: (before, after) by field, for the workflow and its tasks."""

    workflow: dict[str, tuple[Any, Any]]
    tasks: dict[str, dict[str, tuple[Any, Any]]]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def state_of(record: WorkflowRecord, tasks: Iterable[TaskRecord]) -> WorkflowState:
    """The state that records say."""
    definition = json.loads(record.definition)
    needs = {task["task_id"]: tuple(task["dependencies"]) for task in definition.get("tasks", ())}
    found = {one.task_id: task_state_of(one, needs.get(one.task_id, ())) for one in tasks}
    return workflow_state_of(record, found)


def workflow_state_of(record: WorkflowRecord, tasks: Mapping[str, TaskState]) -> WorkflowState:
    """The state of an instance whose tasks stand like that."""
    return WorkflowState(
        workflow_id=record.id,
        name=record.name,
        status=record.status,
        created_at=record.created_at,
        version=record.version,
        tasks=tasks,
        inputs=json.loads(record.inputs),
        variables=json.loads(record.variables),
        metadata=json.loads(record.metadata),
        started_at=record.started_at,
        completed_at=record.ended_at,
        error=record.error,
        restored_from=record.restored_from,
        parent=record.parent,
    )


def task_state_of(record: TaskRecord, dependencies: tuple[str, ...]) -> TaskState:
    """The state of one task that its record says."""
    return TaskState(
        task_id=record.task_id,
        agent_id=record.agent_id,
        agent_type=record.agent_type,
        status=record.status,
        dependencies=dependencies,
        result=None if record.result is None else json.loads(record.result),
        has_result=record.result is not None,
        error=record.error,
        error_type=record.error_type,
        attempt=record.attempt,
        losses=record.losses,
        started_at=record.started_at,
        completed_at=record.ended_at,
        next_attempt_at=record.next_attempt_at,
        log=record.log,
    )


def summary_of(record: WorkflowRecord, tasks: Mapping[TaskStatus, int]) -> WorkflowSummary:
    """The line for one instance."""
    return WorkflowSummary(
        workflow_id=record.id,
        name=record.name,
        status=record.status,
        created_at=record.created_at,
        version=record.version,
        tasks=tasks,
        started_at=record.started_at,
        completed_at=record.ended_at,
        error=record.error,
        restored_from=record.restored_from,
        parent=record.parent,
        engine_id=None if record.lease is None else record.lease.engine_id,
    )


def version_of(record: HistoryRecord) -> Version:
    """The line for one change."""
    status = json.loads(record.body).get("status") if record.body else None
    return Version(
        record.version, record.at, record.kind, record.task_id, status, record.restored_from
    )


def difference_of(before: WorkflowState, after: WorkflowState) -> Difference:
    """What differs from ``before`` to ``after``."""
    common = [name for name in before.tasks if name in after.tasks]
    changed = {name: _fields(before.tasks[name], after.tasks[name]) for name in common}
    return Difference(
        workflow=_fields(before, after, leave_out=("tasks", "version")),
        tasks={name: found for name, found in changed.items() if found},
        added=tuple(name for name in after.tasks if name not in before.tasks),
        removed=tuple(name for name in before.tasks if name not in after.tasks),
    )


def _fields(
    before: TaskState | WorkflowState,
    after: TaskState | WorkflowState,
    leave_out: tuple[str, ...] = (),
) -> dict[str, tuple[Any, Any]]:
    names = (one.name for one in fields(before) if one.name not in leave_out)
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in names}
    # By their JSON: 1, 1.0 and True are equal in Python, and not the same result.
    return {name: pair for name, pair in pairs.items() if _text(pair[0]) != _text(pair[1])}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
