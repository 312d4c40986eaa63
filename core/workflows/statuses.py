"""How workflows and their tasks stand, and where they may go from there."""

from __future__ import annotations

from ..base.machine import StateTable
from ..protocol.workflow_status import TaskStatus as TaskStatus
from ..protocol.workflow_status import WorkflowStatus as WorkflowStatus

W = WorkflowStatus
T = TaskStatus

WORKFLOW_MOVES = StateTable(
    "workflow",
    {
        W.PENDING: frozenset({W.RUNNING, W.PAUSED, W.CANCELLED}),
        W.RUNNING: frozenset({W.PAUSED, W.COMPLETED, W.FAILED, W.CANCELLED}),
        W.PAUSED: frozenset({W.RUNNING, W.CANCELLED, W.FAILED, W.COMPLETED}),
        # A finished one goes on by a retry, a rerun or a rollback, never by itself.
        W.COMPLETED: frozenset({W.PENDING}),
        W.FAILED: frozenset({W.PENDING}),
        W.CANCELLED: frozenset({W.PENDING}),
    },
)

TASK_MOVES = StateTable(
    "task",
    {
        T.PENDING: frozenset({T.READY, T.SKIPPED, T.CANCELLED}),
        T.READY: frozenset({T.RUNNING, T.SKIPPED, T.CANCELLED, T.PENDING}),
        T.RUNNING: frozenset(
            {T.COMPLETED, T.FAILED, T.RETRYING, T.SKIPPED, T.CANCELLED, T.LOST, T.READY}
        ),
        T.RETRYING: frozenset({T.READY, T.FAILED, T.CANCELLED}),
        T.LOST: frozenset({T.READY, T.RETRYING, T.FAILED, T.CANCELLED}),
        # By a retry, a rerun or a rollback only.
        T.COMPLETED: frozenset({T.PENDING}),
        T.FAILED: frozenset({T.PENDING}),
        T.SKIPPED: frozenset({T.PENDING}),
        T.CANCELLED: frozenset({T.PENDING}),
    },
)

ENDED = frozenset({W.COMPLETED, W.FAILED, W.CANCELLED})
DONE = frozenset({T.COMPLETED, T.FAILED, T.SKIPPED, T.CANCELLED})
"""The terminal statuses of workflows and of tasks."""
