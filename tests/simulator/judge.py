"""What must hold of everything that was ever written about one workflow."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from tests.simulator.flows import FAN, KEPT, WORK

from quarterdeck.core.workflows.deltas import replay
from quarterdeck.core.workflows.machine.reasons import ErrorType
from quarterdeck.core.workflows.records import (
    AttemptRecord,
    HistoryRecord,
    TaskRecord,
    WorkflowRecord,
)
from quarterdeck.core.workflows.statuses import DONE, ENDED, TaskStatus, WorkflowStatus

COMPLETED = TaskStatus.COMPLETED


def judge_history(record: WorkflowRecord, changes: Sequence[HistoryRecord]) -> Counter[str]:
    """Versions, ends, and that nothing leaves an end by itself; completions by task.

    A task that is done is begun again only where its workflow had ended, or was rolled back.
    """
    assert [one.version for one in changes] == list(range(1, len(changes) + 1))
    status = WorkflowStatus.PENDING
    anew = again = False
    tasks: dict[str, TaskStatus] = {}
    completions: Counter[str] = Counter()
    retirees: set[str] = set()
    for change in changes:
        body = json.loads(change.body)
        if change.kind == "task":
            name, new = change.task_id or "", TaskStatus(body["status"])
            old = tasks.get(name)
            if status in ENDED:  # begun anew, and over in the same breath
                assert new in DONE, f"{name} became {new} after the end"
                again = True
            retired = name in retirees
            if body.get("error_type") == ErrorType.RETIRED:
                retirees.add(name)
            else:
                retirees.discard(name)
            if old in DONE and new is not old and not retired and not again:
                assert anew, f"{name} left {old} for {new}"
            if new is COMPLETED and old is not COMPLETED:
                completions[name] += 1
            tasks[name] = new
            continue
        new_status = WorkflowStatus(body["status"])
        assert not again or new_status in ENDED, "a task changed after the end"
        again = False
        if change.kind != "status":
            tasks = {one["task_id"]: TaskStatus(one["status"]) for one in body["tasks"]}
            retirees = {
                one["task_id"]
                for one in body["tasks"]
                if one.get("error_type") == ErrorType.RETIRED
            }
        anew = change.kind == "status" and (
            status in ENDED or (anew and new_status not in ENDED and new_status is status)
        )
        status = new_status
        if status in ENDED:
            judge_end(record.id, status, tasks)
    return completions


def judge_end(workflow_id: str, status: WorkflowStatus, tasks: dict[str, TaskStatus]) -> None:
    """Every task has its one end when the workflow has."""
    open_ones = [name for name, one in tasks.items() if one not in DONE]
    assert not open_ones, f"{workflow_id} is {status}, and {open_ones} are not"
    if status is WorkflowStatus.COMPLETED:
        cut = [
            name for name, one in tasks.items() if one is TaskStatus.CANCELLED and "[" not in name
        ]
        assert not cut, f"{workflow_id} is completed, and {cut} are cancelled"


def judge_rows(
    record: WorkflowRecord,
    rows: Sequence[TaskRecord],
    changes: Sequence[HistoryRecord],
    attempts: Sequence[AttemptRecord],
) -> None:
    """The workflow as it stands is what its history says, and its attempts are those of it."""
    assert record.status in ENDED
    completions = judge_history(record, changes)
    whole = replay(record, changes)
    assert list(whole.tasks.values()) == list(rows), "history and state differ"
    identities = Counter((one.task_id, one.attempt) for one in attempts)
    assert set(identities.values()) <= {1}, "an attempt ended twice"
    completed = Counter(one.task_id for one in attempts if one.status is COMPLETED)
    kinds = {row.task_id: row.agent_type for row in rows}
    for name, kind in kinds.items():
        if kind != FAN:  # the attempt of a fan-out ends by becoming its children
            assert completed[name] == completions[name], (
                f"{name} completed {completed[name]} times, by its history {completions[name]}"
            )
    for row in rows:
        if row.status is COMPLETED and row.agent_type in {WORK, KEPT}:
            said = json.loads(row.result or "null")
            assert said.startswith(f"{record.id}/{row.task_id}/"), "another task's result"
