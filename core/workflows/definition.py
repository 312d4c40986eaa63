"""What a workflow is made of, before it is compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..base.priority import Priority
from ..base.retry import RetryPolicy

ANY = "any"
"""In place of an agent's name: whoever has room."""
PLACE = "place"
"""Where in a task's metadata lies what its agent is chosen by, if it is chosen."""


class OnFailure(StrEnum):
    """What becomes of the rest when a task that may not fail has failed.

    CONTINUE: independent branches run to their end. DRAIN: running attempts end, nothing more is
    started. CANCEL: running attempts are stopped.
    """

    CONTINUE = "continue"
    DRAIN = "drain"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """One task of a workflow.

    ``agent_type`` names the executor that runs it. ``retry_policy`` ``None``: the workflow's.
    ``timeout`` is in seconds for each attempt. ``metadata`` is handed to the executor as it is and
    must be JSON. Of those that are ready the more urgent ``priority`` is started first, then the
    earlier ``deadline``, then the one that was ready first. Tasks of one ``group`` share its bound.
    One with ``slotless`` set waits for others (a person, an event, other tasks) and takes no slot.
    A ``final`` task runs when all others have ended, whatever came of them. One that is ``placed``
    runs on an agent, and waits for a place there.
    """

    task_id: str
    agent_id: str
    agent_type: str
    dependencies: Sequence[str] = ()
    retry_policy: RetryPolicy | None = None
    timeout: float | None = None
    allow_failure: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    deadline: datetime | None = None
    group: str | None = None
    slotless: bool = False
    final: bool = False
    placed: bool = False


@dataclass(frozen=True, slots=True)
class WorkflowDefinition:
    """Tasks, and the rules they run under.

    ``groups`` bounds how many attempts of each concurrency group run at once, ``limit`` the same
    for the whole workflow (``None``: the engine's bound alone). ``retry_policy`` holds for tasks
    without one (``None``: the engine's).
    """

    name: str
    tasks: Sequence[TaskDefinition]
    on_failure: OnFailure = OnFailure.CONTINUE
    limit: int | None = None
    groups: Mapping[str, int] = field(default_factory=dict)
    retry_policy: RetryPolicy | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
