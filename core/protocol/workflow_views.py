"""How workflows stand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from ..base.priority import Priority
from .view import View
from .workflow_status import TaskStatus, WorkflowStatus

CANCELLING = "It is being cancelled"
"""How the ``error`` begins of a workflow that is."""


class WorkflowView(View):
    """One line about a workflow; ``counts`` are its tasks by status.

    ``engine_id`` is who drives it, ``None`` if nobody does; ``parent`` the attempt of another
    workflow that it is a part of (``workflow_id/task_id/attempt``); ``waiting`` the tasks that wait
    for a person.
    """

    id: str
    name: str
    file: str = ""
    status: WorkflowStatus
    counts: dict[TaskStatus, int] = Field(default_factory=dict)
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    version: int = 0
    restored_from: int | None = None
    parent: str | None = None
    engine_id: str | None = None
    waiting: tuple[str, ...] = ()

    @property
    def cancelling(self) -> bool:
        """Whether it is being cancelled, and what runs has not ended yet."""
        return self.ended_at is None and (self.error or "").startswith(CANCELLING)

    @property
    def total(self) -> int:
        """The number of its tasks."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """The number of its tasks that ended in any way."""
        ended = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.SKIPPED, TaskStatus.CANCELLED)
        return sum(self.counts.get(status, 0) for status in ended)


class TaskView(View):
    """One task as it stands; ``version`` is that of its newest change.

    ``kind`` is its agent_type, ``needs`` what it depends on, ``parent`` the fan-out it belongs to,
    ``final`` whether it is one of ``finally``. ``reason`` says why it waits, or was skipped;
    ``session_id`` the session that works on it, ``child_workflow`` the nested workflow.
    """

    id: str
    kind: str
    agent: str = ""
    status: TaskStatus
    needs: tuple[str, ...] = ()
    parent: str | None = None
    final: bool = False
    priority: Priority = Priority.NORMAL
    deadline: datetime | None = None
    attempt: int = 0
    max_attempts: int = 1
    started_at: datetime | None = None
    ended_at: datetime | None = None
    next_attempt_at: datetime | None = None
    error: str | None = None
    error_type: str | None = None
    reason: str = ""
    session_id: str | None = None
    child_workflow: str | None = None
    allow_failure: bool = False
    version: int = 0


class WholeWorkflowView(View):
    """One workflow with its tasks, in the order of the file; ``version`` is the whole's.

    ``critical`` is the chain of tasks that took, or will take, the longest.
    """

    workflow: WorkflowView
    description: str = ""
    inputs: dict[str, Any] = Field(default_factory=dict)
    variables: dict[str, Any] = Field(default_factory=dict)
    on_failure: str = "continue"
    limit: int | None = None
    tasks: tuple[TaskView, ...] = ()
    critical: tuple[str, ...] = ()


class AttemptView(View):
    """One attempt, ended or running; ``given`` is what it was given, templates rendered, secrets hidden.

    It is told of a task's newest attempts, by ``workflow.task`` alone.
    """

    task_id: str
    attempt: int
    status: TaskStatus
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
    error_type: str | None = None
    has_log: bool = False
    given: dict[str, Any] = Field(default_factory=dict)


class HandoffView(View):
    """One handoff; ``body`` is the message."""

    id: str
    source: str | None
    target: str | None
    status: str
    created_at: datetime
    body: dict[str, Any] = Field(default_factory=dict)


class ArtifactView(View):
    """A file that an attempt left; ``path`` is absolute on the engine's machine."""

    name: str
    path: str
    size: int
    sha256: str
    attempt: int
    created_at: datetime


class TaskDetailView(View):
    """All about one task.

    ``given`` is what its last attempt was given, templates rendered; before the first one what the
    file says. ``result`` means something where ``has_result`` is true.
    """

    workflow_id: str
    task: TaskView
    given: dict[str, Any] = Field(default_factory=dict)
    result: Any = None
    has_result: bool = False
    attempts: tuple[AttemptView, ...] = ()
    handoffs: tuple[HandoffView, ...] = ()
    artifacts: tuple[ArtifactView, ...] = ()


class VersionView(View):
    """One change of a workflow; ``status`` is the task's or workflow's after it."""

    version: int
    at: datetime
    kind: str
    task_id: str | None = None
    status: str | None = None
    restored_from: int | None = None


class DifferenceView(View):
    """What differs between two versions: ``[before, after]`` by field."""

    before: int
    after: int
    workflow: dict[str, list[Any]] = Field(default_factory=dict)
    tasks: dict[str, dict[str, list[Any]]] = Field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class BoxView(View):
    """A task, or a folded fan-out, in a drawn graph; cells from the left upper corner.

    ``members`` are the tasks it stands for. ``up``, ``down``, ``left`` and ``right`` name the boxes that lie
    there.
    """

    name: str
    x: int
    y: int
    width: int
    height: int
    members: tuple[str, ...] = ()
    up: str | None = None
    down: str | None = None
    left: str | None = None
    right: str | None = None


class GraphView(View):
    """A drawn graph: ``lines`` have the boxes' frames and the lines between them, boxes empty."""

    width: int
    height: int
    lines: tuple[str, ...] = ()
    boxes: tuple[BoxView, ...] = ()


class ScheduleView(View):
    """A workflow that is started by the clock."""

    name: str
    file: str
    cron: str
    zone: str = "UTC"
    catch_up: str = "none"
    inputs: dict[str, Any] = Field(default_factory=dict)
    enabled: bool = True
    last_at: datetime | None = None
    next_at: datetime | None = None
