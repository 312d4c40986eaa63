"""Restoring a former state as a new version."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from .deltas import Whole, whole_body
from .machine.reasons import ErrorType
from .records import (
    AddHistory,
    HistoryRecord,
    Lease,
    RemoveTask,
    SaveTask,
    TaskRecord,
    UpdateWorkflow,
    WorkflowChange,
    WorkflowRecord,
)
from .statuses import DONE, TaskStatus, WorkflowStatus

NOT_UNDONE = (
    "A rollback restores what is kept of the workflow; sessions, files and whatever else its tasks "
    "did are not undone."
)

_CUT_SHORT = frozenset({TaskStatus.RUNNING, TaskStatus.RETRYING, TaskStatus.LOST})


def rollback_changes(
    now: Whole, then: Whole, version: int, at: datetime, guard: Lease | None = None
) -> list[WorkflowChange]:
    """The changes that lead from ``now`` to the state as of ``then``, as version ``version``.

    Tasks that ran then are ready now, and a workflow that ran then is paused: nothing runs until
    it is resumed. Attempts go on being counted, so that no attempt's identity comes twice.
    """
    restored_from = then.workflow.version
    workflow = _workflow(now.workflow, then.workflow, restored_from)
    waiting = _waiting(then.tasks)
    tasks = [
        _task(task, now.tasks.get(name), then.tasks, waiting) for name, task in then.tasks.items()
    ]
    # Parts of fan-outs that were not there yet: only their attempts go on being counted.
    gone = [task for name, task in now.tasks.items() if name not in then.tasks]
    tasks += [_retired(task) for task in gone if _parent_of(task)]
    body = whole_body(workflow, tasks)
    line = HistoryRecord(now.workflow.id, version, at, "rollback", body, None, restored_from)
    return [
        UpdateWorkflow(workflow, guard),
        *(SaveTask(task, guard) for task in tasks),
        *(
            RemoveTask(now.workflow.id, task.task_id, guard)
            for task in gone
            if not _parent_of(task)
        ),
        AddHistory(line),
    ]


def running(tasks: Sequence[TaskRecord]) -> list[str]:
    """The tasks that run, which a rollback must not pull the ground from under."""
    waiting = fanned_out(tasks)
    return [
        task.task_id
        for task in tasks
        if task.status is TaskStatus.RUNNING and task.task_id not in waiting
    ]


def fanned_out(tasks: Iterable[TaskRecord]) -> set[str]:
    """The tasks that have become others; while those run, they are running without an attempt."""
    return {
        parent for task in tasks if (parent := _kept(task).get("parent")) and not _is_retired(task)
    }


def _waiting(tasks: Mapping[str, TaskRecord]) -> set[str]:
    """The tasks that wait for what they have become, all of it: a turn's versions may split that."""
    parts = [_kept(task) for task in tasks.values() if not _is_retired(task)]
    there = Counter(kept.get("parent") for kept in parts)
    whole = {kept["parent"]: kept.get("parts", 0) for kept in parts if "parent" in kept}
    return {
        name
        for name, count in whole.items()
        if tasks[name].status is TaskStatus.RUNNING and there[name] >= count
    }


def _is_retired(task: TaskRecord) -> bool:
    return task.error_type == ErrorType.RETIRED


def _kept(task: TaskRecord) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(task.scheduling or "{}")
    return found


def _parent_of(task: TaskRecord) -> str | None:
    """The fan-out that it is a part of."""
    return _kept(task).get("parent")


def _workflow(now: WorkflowRecord, then: WorkflowRecord, restored_from: int) -> WorkflowRecord:
    ran = then.status is WorkflowStatus.RUNNING
    return replace(
        now,
        status=WorkflowStatus.PAUSED if ran else then.status,
        variables=then.variables,
        metadata=then.metadata,
        started_at=then.started_at,
        ended_at=then.ended_at,
        error=None if ran else then.error,
        restored_from=restored_from,
    )


def _task(
    then: TaskRecord,
    now: TaskRecord | None,
    tasks: Mapping[str, TaskRecord],
    waiting: Collection[str],
) -> TaskRecord:
    parent = _parent_of(then)
    if parent is not None and parent not in waiting and tasks[parent].status not in DONE:
        return _retired(now or then)  # it is to find its parts anew
    attempt = max(then.attempt, now.attempt if now else 0)
    losses = max(then.losses, now.losses if now else 0)
    task = replace(then, attempt=attempt, losses=losses, child=None)
    if task.status in _CUT_SHORT and task.task_id not in waiting:
        return replace(task, status=TaskStatus.READY, started_at=None, next_attempt_at=None)
    return task


def _retired(task: TaskRecord) -> TaskRecord:
    return replace(
        task,
        status=TaskStatus.SKIPPED,
        error_type=ErrorType.RETIRED,
        error=None,
        result=None,
        started_at=None,
        ended_at=None,
        next_attempt_at=None,
        child=None,
    )
