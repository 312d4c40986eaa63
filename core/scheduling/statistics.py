"""Figures of a scheduler, as of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..base.priority import Priority
from .model import TaskState


@dataclass(frozen=True, slots=True)
class AgentStatistics:
    """An agent: its slots, what it runs, how many attempts ended how; ``alive``: not silent."""

    agent_id: str
    alive: bool
    running: int
    capacity: int
    completed: int
    failed: int
    lost: int
    tasks: tuple[str, ...]

    @property
    def load(self) -> float:
        """Running over capacity, 0 to 1."""
        return self.running / self.capacity


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """A group: slots taken; ``limit`` ``None``: none is set."""

    name: str
    running: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that waits, and why; ``priority`` is the present one, its age taken into account."""

    task_id: str
    task_type: str
    state: TaskState
    priority: Priority
    reason: str


@dataclass(frozen=True, slots=True)
class SchedulerStatistics:
    """What a scheduler holds and did so far; ``abandoned`` attempts did not end when stopped."""

    waiting: int
    running: int
    ended: Mapping[TaskState, int]
    retried: int
    lost: int
    refused: int
    abandoned: int
    agents: tuple[AgentStatistics, ...]
    groups: tuple[GroupStatistics, ...]
