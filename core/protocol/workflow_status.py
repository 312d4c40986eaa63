"""How workflows and their tasks stand, as everybody names it."""

from __future__ import annotations

from enum import StrEnum


class WorkflowStatus(StrEnum):
    """How an instance of a workflow stands."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskStatus(StrEnum):
    """How a task of an instance stands.

    RETRYING waits for its next attempt; LOST is an attempt whose child is proven gone, before the
    retry policy decides what comes of it.
    """

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    RETRYING = "retrying"
    CANCELLED = "cancelled"
    LOST = "lost"
