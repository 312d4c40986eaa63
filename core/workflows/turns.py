"""Turns as text: what an engine's turn brought, one line for each change, made by templates.

The plain cases, nearly all of them, cost a few hundred nanoseconds each; the rest goes the way of all
bodies of history. A line is a body as ``deltas`` knows it, and says all of the task, so that it needs
none before it to be understood.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from json.encoder import encode_basestring_ascii as quoted

from .definition import TaskDefinition
from .deltas import task_of
from .records import (
    AddHistory,
    AddTurn,
    AttemptRecord,
    HistoryRecord,
    MoveWorkflow,
    SaveAttempt,
    SaveTask,
    TaskRecord,
    WorkflowChange,
)
from .statuses import TaskStatus, WorkflowStatus

_decode = json.JSONDecoder().raw_decode
_TASK = '{"task_id":'
_NAMED = len(_TASK) + 1
_NULL = '"null"'
_COMPLETED = TaskStatus.COMPLETED


@dataclass(slots=True)
class Ended:
    """An attempt's end, until it is journalled."""

    task: int
    attempt: int
    status: TaskStatus
    error: str | None = None
    error_type: str | None = None


def opening_of(task_id: str, agent_id: str, agent_type: str) -> str:
    """How each line of a task begins: what never changes of it."""
    return (
        f'{_TASK}{quoted(task_id)},"agent_id":{quoted(agent_id)},'
        f'"agent_type":{quoted(agent_type)},"status":"'
    )


def openings_of(tasks: Iterable[TaskDefinition | TaskRecord]) -> list[str]:
    """How the lines of each of them begin; what many share is made once."""
    kinds: dict[tuple[str, str], str] = {}
    found: list[str] = []
    for one in tasks:
        kind = (one.agent_id, one.agent_type)
        rest = kinds.get(kind)
        if rest is None:
            rest = kinds[kind] = opening_of("", *kind)[len(_TASK) + 2 :]
        found.append(_TASK + quoted(one.task_id) + rest)
    return found


def ready_line(opening: str) -> str:
    """The line of a task that is ready for its first attempt."""
    return opening + 'ready"}'


def running_line(opening: str, attempt: int, started: str) -> str:
    """The line of a task whose attempt has begun."""
    return f'{opening}running","attempt":{attempt},"started_at":"{started}"}}'


def completed_line(opening: str, attempt: int, result: str, started: str, ended: str) -> str:
    """The line of a task that has completed; ``result`` is JSON."""
    text = _NULL if result == "null" else quoted(result)
    return (
        f'{opening}completed","attempt":{attempt},"result":{text},'
        f'"started_at":"{started}","ended_at":"{ended}"}}'
    )


def end_line(task_id: str, ended: Ended, started: str, log: str | None) -> str:
    """The line of an attempt that ended with its turn, which says when, and in which engine."""
    if ended.status is _COMPLETED and log is None:
        return f'[{quoted(task_id)},{ended.attempt},"completed","{started}",null,null,null]'
    plain = f'[{quoted(task_id)},{ended.attempt},"{ended.status.value}","{started}"'
    more = (ended.error, ended.error_type, log)
    return f"{plain},{json.dumps(more)[1:]}"


def task_named(line: str) -> str | None:
    """The id of the task that a line is about; ``None`` if it is about the workflow."""
    if not line.startswith(_TASK):
        return None
    plain = line[_NAMED : line.find('"', _NAMED)]
    if "\\" not in plain:
        return plain
    found: str = _decode(line, len(_TASK))[0]
    return found


def expanded(turn: AddTurn) -> Iterator[WorkflowChange]:
    """The changes that a turn stands for, one by one."""
    at = datetime.fromisoformat(turn.at)
    for end in turn.ends:
        yield SaveAttempt(attempt_of(turn.workflow_id, turn.guard.engine_id, at, end))
    for number, line in enumerate(turn.lines, turn.version):
        values = json.loads(line)
        task_id = values.get("task_id")
        kind = "status"
        if task_id is None:
            yield move_of(turn.workflow_id, line)
        else:
            kind = "task"
            yield SaveTask(task_of(turn.workflow_id, values))
        yield AddHistory(HistoryRecord(turn.workflow_id, number, at, kind, line, task_id))


def attempt_of(workflow_id: str, engine_id: str, at: datetime, end: str) -> AttemptRecord:
    """The attempt that a line of ``ends`` says."""
    task_id, attempt, status, started, error, error_type, log = json.loads(end)
    return AttemptRecord(
        workflow_id,
        task_id,
        attempt,
        TaskStatus(status),
        datetime.fromisoformat(started),
        at,
        engine_id,
        error,
        error_type,
        log,
    )


def task_in(workflow_id: str, line: str) -> TaskRecord:
    """The task as a line says it."""
    return task_of(workflow_id, json.loads(line))


def move_of(workflow_id: str, line: str) -> MoveWorkflow:
    """The workflow's status as a line says it."""
    values = json.loads(line)
    return MoveWorkflow(
        workflow_id,
        WorkflowStatus(values["status"]),
        values["error"],
        _stamp(values["started_at"]),
        _stamp(values["ended_at"]),
        values["restored_from"],
    )


def _stamp(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
