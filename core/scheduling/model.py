"""Tasks, agents and the settings of a scheduler (source document 003)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..base.ids import new_id
from ..base.machine import StateTable
from ..base.priority import Priority
from ..base.retry import RetryPolicy

TaskPriority = Priority
"""The one priority under its name in the document."""


class LoadBalanceStrategy(StrEnum):
    """How one of the agents that could take a task is chosen."""

    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"
    PRIORITY_WEIGHTED = "priority_weighted"
    CAPABILITY_MATCH = "capability_match"
    RANDOM = "random"


class TaskState(StrEnum):
    """How a task stands: PENDING waits for others, SCHEDULED for an agent, RETRYING for its time."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    RETRYING = "retrying"
    LOST = "lost"


S = TaskState
ENDED = frozenset({S.COMPLETED, S.FAILED, S.TIMEOUT, S.CANCELLED})

MOVES = StateTable(
    "task",
    {
        S.PENDING: frozenset({S.SCHEDULED, S.FAILED, S.TIMEOUT, S.CANCELLED}),
        S.SCHEDULED: frozenset({S.RUNNING, S.TIMEOUT, S.CANCELLED}),
        S.RUNNING: frozenset({S.COMPLETED, S.FAILED, S.TIMEOUT, S.CANCELLED, S.RETRYING, S.LOST}),
        S.RETRYING: frozenset({S.SCHEDULED, S.FAILED, S.TIMEOUT, S.CANCELLED}),
        S.LOST: frozenset({S.SCHEDULED, S.FAILED, S.TIMEOUT, S.CANCELLED}),
    },
)


@dataclass(slots=True, eq=False)
class Task:
    """A piece of work; what stands below ``submitted fields`` belongs to the scheduler.

    It goes to agents that have every one of ``required_capabilities``; where none are given, to those
    that have its ``task_type`` as one, or name no capabilities at all. ``agent_id`` binds it to one
    agent, ``among`` to some, ``affinity`` only prefers one. It takes a slot of each of ``groups`` too. ``retry_count``
    is the total number of attempts, as in the document; ``None``: as the scheduler is set.
    """

    task_type: str
    payload: Any = None
    priority: Priority = Priority.NORMAL
    timeout_seconds: float | None = None
    dependencies: tuple[str, ...] | list[str] = ()
    required_capabilities: AbstractSet[str] = frozenset()
    agent_id: str | None = None
    among: AbstractSet[str] = frozenset()
    affinity: str | None = None
    groups: tuple[str, ...] | list[str] = ()
    deadline: datetime | None = None
    retry_count: int | None = None
    retry_policy: RetryPolicy | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    task_id: str = field(default_factory=new_id)
    # ---- the scheduler's ----
    state: TaskState = TaskState.PENDING
    assigned_agent: str | None = None
    attempt: int = 0
    result: Any = None
    error: str | None = None
    error_type: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class AgentCapacity:
    """An agent as a scheduler sees it: what it can do, and how much at once.

    ``performance_score`` is its weight where scores count. Each of its tasks takes a slot of each of
    its ``groups`` (a provider, say).
    """

    agent_id: str
    capabilities: AbstractSet[str] = frozenset()
    max_concurrent_tasks: int = 10
    performance_score: float = 100.0
    groups: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskSchedulerConfig:
    """Settings of a scheduler.

    ``max_concurrent_tasks`` run at once over all agents; ``max_queue_size`` may wait. An agent that
    sends no heartbeat for ``heartbeat_timeout_seconds`` counts as gone (``None``: silence means
    nothing). A task that waited ``ageing_seconds`` at its priority rises by one, up to HIGH. After
    ``max_losses`` lost attempts a task fails. A stopped attempt that does not end within
    ``stop_grace_seconds`` is given up. The last ``max_kept_tasks`` ended tasks are kept.
    """

    load_balance_strategy: LoadBalanceStrategy = LoadBalanceStrategy.LEAST_LOADED
    max_concurrent_tasks: int = 100
    max_queue_size: int = 10_000
    default_timeout_seconds: float | None = 300.0
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    heartbeat_timeout_seconds: float | None = None
    ageing_seconds: float | None = 60.0
    max_losses: int = 3
    stop_grace_seconds: float = 5.0
    max_kept_tasks: int = 10_000

    def __post_init__(self) -> None:
        if min(self.max_concurrent_tasks, self.max_queue_size, self.max_kept_tasks) < 1:
            raise ValueError("max_concurrent_tasks, max_queue_size and max_kept_tasks: at least 1")
        spans = (self.default_timeout_seconds, self.heartbeat_timeout_seconds, self.ageing_seconds)
        if any(span is not None and span <= 0 for span in spans):
            raise ValueError("timeouts and the ageing interval are above 0 seconds, or None")
        if self.max_losses < 0 or self.stop_grace_seconds < 0:
            raise ValueError("max_losses and stop_grace_seconds can't be negative")
