"""What an executor is given of the attempt it runs, and what it may say besides a result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..safety.budgets import Usage
from .definition import TaskDefinition
from .faults import ExecutionError
from .handoff import HandoffContext

Keep = Callable[[str], Awaitable[None]]
Report = Callable[[Usage], None]


async def _kept_nowhere(_: str) -> None:
    """For contexts that are made by hand."""


def _of_no_interest(_: Usage) -> None:
    """Nobody counts what attempts spend."""


@dataclass(slots=True)
class TaskExecutionContext:
    """One attempt, as its executor sees it.

    ``previous_results`` has one entry for each direct dependency that completed:
    ``{"task_id", "agent_id", "result": {"data": value}}``. ``variables`` and the results are copies.
    ``idempotency_key`` is the same for every engine that runs this attempt, another for every
    other. ``child`` is where an adopted attempt is to be found; ``inputs`` are the workflow's.
    ``agent`` is where a placed task has its place; empty where nobody places. Whoever knows what the attempt has
    spent in all calls ``report``.
    """

    task_def: TaskDefinition
    workflow_id: str
    workflow_context: HandoffContext | None = None
    previous_results: list[dict[str, Any]] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    inputs: dict[str, Any] = field(default_factory=dict)
    child: str | None = None
    keep: Keep = _kept_nowhere
    agent: str = ""
    report: Report = _of_no_interest

    @property
    def idempotency_key(self) -> str:
        """(workflow, task, attempt) as text."""
        return f"{self.workflow_id}/{self.task_def.task_id}/{self.attempt}"

    async def keep_child(self, place: str) -> None:
        """Keep where the running attempt is to be found again; returns when it is on disk."""
        await self.keep(place)


@dataclass(frozen=True, slots=True)
class FanOut:
    """An executor's result that says: these tasks are mine, and I end when they have.

    ``groups`` are bounds for concurrency groups of theirs.
    """

    children: Sequence[TaskDefinition]
    groups: Mapping[str, int] = field(default_factory=dict)


class ConditionFalse(Exception):
    """An executor raises it where the task is not wanted: it is skipped, and its dependents run."""


class AttemptLost(Exception):
    """An executor raises it where the attempt's child is proven gone without a result."""


class PermanentFailure(ExecutionError):
    """An executor raises it where another attempt would fail in the same way."""

    code = "permanent_failure"
