"""The history's bodies: how a change is written down, and how a state is read from changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from .records import HistoryRecord, TaskRecord, WorkflowRecord
from .statuses import TaskStatus, WorkflowStatus

WHOLE = frozenset({"created", "rollback"})
"""The kinds whose body holds the whole state."""

_encode = json.JSONEncoder(separators=(",", ":")).encode

_TASK_STAMPS = ("started_at", "ended_at", "next_attempt_at")
_WORKFLOW_STAMPS = ("started_at", "ended_at")
_CHANGING = ("variables", "metadata")
_TASK_DEFAULTS = {
    one.name: one.default
    for one in fields(TaskRecord)
    if one.name not in {"workflow_id", "task_id", "agent_id", "agent_type", "status"}
}


@dataclass(frozen=True, slots=True)
class Whole:
    """An instance with its tasks, as of one version."""

    workflow: WorkflowRecord
    tasks: dict[str, TaskRecord] = field(default_factory=dict)


def stamp_text(stamp: datetime) -> str:
    """ISO 8601 in UTC with six digits of a second, as all stamps are kept."""
    return (stamp if stamp.tzinfo is UTC else stamp.astimezone(UTC)).isoformat("T", "microseconds")


def task_body(record: TaskRecord) -> str:
    """The body for a change of one task."""
    return _encode(_task_values(record))


def status_body(record: WorkflowRecord, *, values: bool = False) -> str:
    """The body for a change of the workflow's status; of its variables too with ``values``."""
    return _encode(_workflow_values(record, values=values))


def whole_body(record: WorkflowRecord, tasks: Iterable[TaskRecord]) -> str:
    """The body for a whole state, as at creation and after a rollback."""
    body = _workflow_values(record, values=True)
    body["tasks"] = [_task_values(task) for task in tasks]
    return _encode(body)


def replay(record: WorkflowRecord, changes: Iterable[HistoryRecord]) -> Whole:
    """The state that ``changes`` lead to, the first of which must be a whole one.

    ``record`` gives what never changes: id, name, definition, inputs, creation.
    """
    state = Whole(record)
    for change in changes:
        state = _STEPS[change.kind](state, change)
        state = replace(state, workflow=replace(state.workflow, version=change.version))
    return state


def _task_values(record: TaskRecord) -> dict[str, Any]:
    """A task's fields; those that have their default are left out."""
    found: dict[str, Any] = {
        "task_id": record.task_id,
        "agent_id": record.agent_id,
        "agent_type": record.agent_type,
        "status": record.status.value,
    }
    for name, default in _TASK_DEFAULTS.items():
        value = getattr(record, name)
        if value != default:
            found[name] = stamp_text(value) if name in _TASK_STAMPS else value
    return found


def task_of(workflow_id: str, body: Mapping[str, Any]) -> TaskRecord:
    """The task in a body that was read as JSON."""
    values = {**body, "status": TaskStatus(body["status"])}
    return TaskRecord(workflow_id=workflow_id, **_with_stamps(values, _TASK_STAMPS))


def _workflow_values(record: WorkflowRecord, *, values: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "status": record.status.value,
        "error": record.error,
        "started_at": record.started_at and stamp_text(record.started_at),
        "ended_at": record.ended_at and stamp_text(record.ended_at),
        "restored_from": record.restored_from,
    }
    if values:
        found |= {name: getattr(record, name) for name in _CHANGING}
    return found


def _updated(record: WorkflowRecord, body: Mapping[str, Any]) -> WorkflowRecord:
    values = {name: value for name, value in body.items() if name != "tasks"}
    values["status"] = WorkflowStatus(values["status"])
    return replace(record, **_with_stamps(values, _WORKFLOW_STAMPS))


def _with_stamps(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    for name in names:
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    return values


def _take_whole(state: Whole, change: HistoryRecord) -> Whole:
    body = json.loads(change.body)
    tasks = (task_of(change.workflow_id, task) for task in body["tasks"])
    return Whole(_updated(state.workflow, body), {task.task_id: task for task in tasks})


def _take_task(state: Whole, change: HistoryRecord) -> Whole:
    task = task_of(change.workflow_id, json.loads(change.body))
    state.tasks[task.task_id] = task
    return state


def _take_removal(state: Whole, change: HistoryRecord) -> Whole:
    state.tasks.pop(change.task_id or "", None)
    return state


def _take_status(state: Whole, change: HistoryRecord) -> Whole:
    return replace(state, workflow=_updated(state.workflow, json.loads(change.body)))


_STEPS: Mapping[str, Callable[[Whole, HistoryRecord], Whole]] = {
    "created": _take_whole,
    "rollback": _take_whole,
    "task": _take_task,
    "removed": _take_removal,
    "status": _take_status,
}
