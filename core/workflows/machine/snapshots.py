"""A run written down as JSON, and read again."""

from __future__ import annotations

from typing import Any

from ..plan import Plan
from ..statuses import TaskStatus, WorkflowStatus
from .machine import Machine
from .run import Run, TaskState

Snapshot = dict[str, Any]


def snapshot(run: Run, now: float) -> Snapshot:
    """All of a run that its plan does not say; times are relative to ``now``."""
    return {
        "id": run.id,
        "status": str(run.status),
        "cancelled": run.cancelled,
        "draining": run.draining,
        "deadlines": {str(task): at - now for task, at in run.deadlines.items()},
        "stopping": {str(task): str(reason) for task, reason in run.stopping.items()},
        "tasks": [_written(run.state(task), now) for task in range(len(run.tasks))],
    }


def restore(machine: Machine, given: Snapshot, plan: Plan, now: float, *, label: Any = None) -> Run:
    """Take a run back in; ``plan`` is that of the run, with what it fanned out to.

    Attempts under way are still running; one whose end was asked for is asked for it again.
    """
    run = machine.put_back(
        given["id"],
        plan,
        WorkflowStatus(given["status"]),
        [_read(one, now) for one in given["tasks"]],
        now,
        label=label,
        deadlines={int(task): at + now for task, at in given["deadlines"].items()},
    )
    run.draining = bool(given["draining"])
    machine.stop_again(run, given["cancelled"], given["stopping"])
    return run


def _written(state: TaskState, now: float) -> list[Any]:
    due = None if state.next_at is None else state.next_at - now
    return [
        str(state.status), state.attempt, state.forgiven, state.losses, state.error_type, due,
        state.agent,
    ]  # fmt: skip


def _read(given: list[Any], now: float) -> TaskState:
    status, attempt, forgiven, losses, error_type, due, agent = given
    return TaskState(
        TaskStatus(status),
        attempt,
        forgiven,
        losses,
        error_type,
        None if due is None else due + now,
        agent,
    )
