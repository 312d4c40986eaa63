"""Turns as text: the templates say what the bodies of history say, and nothing is lost on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.workflows.deltas import stamp_text, status_body, task_body
from quarterdeck.core.workflows.records import (
    AddHistory,
    AddTurn,
    AttemptRecord,
    HistoryRecord,
    Lease,
    MoveWorkflow,
    SaveAttempt,
    SaveTask,
    TaskRecord,
    WorkflowRecord,
)
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus
from quarterdeck.core.workflows.turns import (
    Ended,
    completed_line,
    end_line,
    expanded,
    opening_of,
    ready_line,
    running_line,
    task_named,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(microseconds=1)
LEASE = Lease("E1", 3, LATER)

texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(texts, some, max_size=3),
    max_leaves=6,
)


@given(texts, texts, texts, st.integers(1, 99), values)
def test_templates_say_what_bodies_say(
    task_id: str, agent_id: str, agent_type: str, attempt: int, value: object
) -> None:
    plain = TaskRecord("W", task_id, agent_id, agent_type)
    opening = opening_of(task_id, agent_id, agent_type)
    began, ended, result = stamp_text(AT), stamp_text(LATER), json.dumps(value)
    ready = replace(plain, status=TaskStatus.READY)
    running = replace(plain, status=TaskStatus.RUNNING, attempt=attempt, started_at=AT)
    done = replace(running, status=TaskStatus.COMPLETED, result=result, ended_at=LATER)
    assert ready_line(opening) == task_body(ready)
    assert running_line(opening, attempt, began) == task_body(running)
    assert completed_line(opening, attempt, result, began, ended) == task_body(done)
    for line in (ready_line(opening), running_line(opening, attempt, began)):
        assert "\n" not in line
        assert task_named(line) == task_id


@given(
    texts,
    st.sampled_from(TaskStatus),
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
)
def test_a_turn_is_the_changes_that_it_stands_for(
    task_id: str, status: TaskStatus, error: str | None, kind: str | None, log: str | None
) -> None:
    if status is TaskStatus.COMPLETED:
        error = kind = None
    task = TaskRecord("W", task_id, "a", "k", status, 2, error=error, error_type=kind, log=log)
    moved = WorkflowRecord("W", "w", "{}", WorkflowStatus.FAILED, AT, error=error, ended_at=LATER)
    lines = [task_body(task), status_body(moved)]
    end = end_line(task_id, Ended(0, 2, status, error, kind), stamp_text(AT), log)
    turn = AddTurn("W", 8, stamp_text(LATER), LEASE, lines, [end])
    assert list(expanded(turn)) == [
        SaveAttempt(AttemptRecord("W", task_id, 2, status, AT, LATER, "E1", error, kind, log)),
        SaveTask(task),
        AddHistory(HistoryRecord("W", 8, LATER, "task", lines[0], task_id)),
        MoveWorkflow("W", WorkflowStatus.FAILED, error, None, LATER, None),
        AddHistory(HistoryRecord("W", 9, LATER, "status", lines[1])),
    ]
    assert [task_named(line) for line in lines] == [task_id, None]


def test_stamps_are_in_utc_with_six_digits() -> None:
    assert stamp_text(AT) == "2026-03-01T12:00:00.000000+00:00"
    assert stamp_text(datetime.fromisoformat("2026-03-01T13:00:00+01:00")) == stamp_text(AT)
