"""What an executor is given of the attempt it runs, and what it may say besides a result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..safety.budgets import Usage
from .agent_session import AgentSession, SessionsMissing
from .definition import TaskDefinition
from .faults import ExecutionError
from .handoff import HandoffContext

Keep = Callable[[str], Awaitable[None]]
Report = Callable[[Usage], None]


async def _kept_nowhere(_: str) -> None:
    """For contexts that are made by hand."""


def _of_no_interest(_: Usage) -> None:
    """Nobody counts what attempts spend."""


class SessionOpener(Protocol):
    """Opens sessions for attempts."""

    def __call__(
        self,
        context: TaskExecutionContext,
        *,
        agent: str,
        cwd: Path | None,
        env: Mapping[str, str],
        keep: bool,
    ) -> AbstractAsyncContextManager[AgentSession]:
        """A session from entering to leaving."""


@dataclass(slots=True)
class TaskExecutionContext:
    """One attempt, as its executor sees it.

    ``previous_results`` has one entry for each direct dependency that completed:
    ``{"task_id", "agent_id", "result": {"data": value}}``. ``variables`` and the results are copies.
    ``idempotency_key`` is the same for every engine that runs this attempt, another for every
    other. ``child`` is where an adopted attempt is to be found; ``inputs`` are the workflow's.
    ``agent`` is where a placed task has its place; empty where nobody places. Whoever
    knows what the attempt has spent in all calls ``report``.
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
    opener: SessionOpener | None = None

    @property
    def idempotency_key(self) -> str:
        """(workflow, task, attempt) as text."""
        return f"{self.workflow_id}/{self.task_def.task_id}/{self.attempt}"

    async def keep_child(self, place: str) -> None:
        """Keep where the running attempt is to be found again; returns when it is on disk."""
        await self.keep(place)

    def session(
        self,
        *,
        agent: str,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> AbstractAsyncContextManager[AgentSession]:
        """A session of an agent for this attempt, from entering to leaving.

        As in::

            async with context.session(agent="claude", cwd=folder) as session:
                turn = await session.prompt("Fix the tests.")
                return turn.result

        It is on the Deck like any other, and what it asks is in the attention queue. It is ended on
        leaving, unless it is to ``keep``; it doesn't outlive the engine's, nor the attempt's, end.

        :raises SessionsMissing: if there are no sessions where the attempt runs.
        :raises AgentUnusable: on entering, if there is no such agent, or nothing tells its turns.
        """
        if self.opener is None:
            raise SessionsMissing(
                f"Task {self.task_def.task_id!r} wants a session, and there are none where it runs: "
                "register_executors gives an orchestrator those of an engine.",
                task_id=self.task_def.task_id,
            )
        folder = None if cwd is None else Path(cwd)
        return self.opener(self, agent=agent, cwd=folder, env=env or {}, keep=keep)


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
