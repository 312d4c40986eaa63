"""How pipelines and their payloads stand."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from ..base.priority import Priority
from .view import View


class PayloadStatus(StrEnum):
    """How a payload stands; DEAD failed for good and can be replayed."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DEAD = "dead"


class PayloadView(View):
    """One line about a payload; ``handlers`` are those that work on it now.

    ``cause`` is what it comes from: the payload that emitted it (``payload/ID``), a workflow's task
    (``workflow/ID/TASK``), a trigger (``trigger/KIND``, of git ``trigger/git/HOOK``) or ``None``; ``root`` is the first payload of the
    chain, ``hops`` how many lie between, ``above`` the payload before it, also where a workflow that
    this one's handler started has led to it. ``reason`` says why it waits.
    """

    id: str
    pipeline: str
    event: str
    status: PayloadStatus
    priority: Priority = Priority.NORMAL
    deadline: datetime | None = None
    created_at: datetime
    ended_at: datetime | None = None
    attempt: int = 0
    max_attempts: int = 1
    next_attempt_at: datetime | None = None
    handlers: tuple[str, ...] = ()
    cause: str | None = None
    above: str | None = None
    root: str = ""
    hops: int = 0
    summary: str = ""
    error: str | None = None
    reason: str = ""


class RunView(View):
    """One attempt of one handler on one payload; ``workflow_id`` is what ran it, if a workflow did.

    ``result`` means something where ``has_result`` is true; ``emitted`` are the payloads it led to.
    """

    handler: str
    attempt: int
    status: PayloadStatus
    agent: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    result: Any = None
    has_result: bool = False
    error: str | None = None
    error_type: str | None = None
    workflow_id: str | None = None
    session_id: str | None = None
    emitted: tuple[str, ...] = ()


class PayloadDetailView(View):
    """All about one payload; ``causes`` are the payloads before it, the first of all first.

    ``effects`` are those that it led to, directly or through others: the first 500 of them.
    """

    payload: PayloadView
    data: Any = None
    causes: tuple[PayloadView, ...] = ()
    effects: tuple[PayloadView, ...] = ()
    runs: tuple[RunView, ...] = ()


class HandlerView(View):
    """One handler of a pipeline; ``limit`` is how many of it run at once.

    ``kind`` is ``agent``, ``run``, ``python``, ``workflow`` or ``vote``; ``waiting`` are payloads that only it has
    not ended with. ``average_seconds`` is that of the last runs.
    """

    name: str
    event: str
    kind: str
    agents: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()
    group: str | None = None
    limit: int | None = None
    rate: float | None = None
    running: int = 0
    waiting: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    average_seconds: float | None = None
    last_error: str | None = None


class LaneView(View):
    """One event type of a pipeline; ``depths`` are the waiting payloads by priority.

    ``per_minute`` are completions in each of the last minutes, the running one last.
    """

    event: str
    description: str = ""
    depths: dict[Priority, int] = Field(default_factory=dict)
    running: int = 0
    retrying: int = 0
    oldest_at: datetime | None = None
    completed: int = 0
    failed: int = 0
    expired: int = 0
    dead: int = 0
    per_minute: tuple[int, ...] = ()

    @property
    def waiting(self) -> int:
        """The number of payloads that wait."""
        return sum(self.depths.values())


class PipelineView(View):
    """One pipeline; ``lanes`` in the order of the file."""

    name: str
    file: str = ""
    description: str = ""
    paused: bool = False
    loaded_at: datetime
    lanes: tuple[LaneView, ...] = ()
    error: str | None = None


class TriggerView(View):
    """What propels by itself: a watched folder, a git hook, a schedule."""

    kind: str
    event: str
    what: str
    last_at: datetime | None = None
    next_at: datetime | None = None
    count: int = 0
    error: str | None = None


class WholePipelineView(View):
    """One pipeline with its handlers and triggers."""

    pipeline: PipelineView
    inputs: dict[str, Any] = Field(default_factory=dict)
    groups: dict[str, int] = Field(default_factory=dict)
    handlers: tuple[HandlerView, ...] = ()
    triggers: tuple[TriggerView, ...] = ()
