"""What is kept of workflows, and the changes that are journalled.

Values from outside (results, inputs, metadata) are JSON text here: the store keeps them as they
are, and whoever needs them decodes them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .statuses import TaskStatus, WorkflowStatus


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one engine to drive an instance, until ``expires_at`` unless renewed.

    ``epoch`` grows with every holder of the instance, so that a former one can't write any more.
    """

    engine_id: str
    epoch: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """One instance as it is kept.

    ``definition`` is JSON: what it was created from, whole; it and ``inputs`` never change, and
    lists leave both empty. ``version`` is that of its newest change. ``parent`` is the attempt of
    another instance that it is a part of, as ``workflow_id/task_id/attempt``. ``restored_from`` is
    the version that the last rollback restored.
    """

    id: str
    name: str
    definition: str
    status: WorkflowStatus
    created_at: datetime
    inputs: str = "{}"
    variables: str = "{}"
    metadata: str = "{}"
    parent: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    restored_from: int | None = None
    version: int = 0
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One task of an instance as it is kept.

    ``attempt`` counts the attempts begun, ``losses`` those of them that were lost with their
    engine. ``result`` is JSON, ``None`` while there is none (a result of ``null`` is ``"null"``).
    ``child`` says where the running attempt is to be found again: the keeper's or session's place.
    ``scheduling`` is JSON that only the scheduler reads: what it needs beyond the other fields to go
    on, such as which attempts do not count, and the definition of a fan-out's child.
    """

    workflow_id: str
    task_id: str
    agent_id: str
    agent_type: str
    status: TaskStatus = TaskStatus.PENDING
    attempt: int = 0
    losses: int = 0
    result: str | None = None
    error: str | None = None
    error_type: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    next_attempt_at: datetime | None = None
    child: str | None = None
    log: str | None = None
    scheduling: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt that has ended; (workflow_id, task_id, attempt) is its identity everywhere."""

    workflow_id: str
    task_id: str
    attempt: int
    status: TaskStatus
    started_at: datetime
    ended_at: datetime
    engine_id: str
    error: str | None = None
    error_type: str | None = None
    log: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryRecord:
    """One change of an instance. Versions are 1, 2, 3 ... of each instance, never reused.

    ``kind`` is ``created``, ``task``, ``removed``, ``status`` or ``rollback``. ``body`` is JSON:
    for ``task`` the task's whole record after the change, for ``removed`` nothing, for ``status``
    the workflow's status, error and stamps, for ``created`` and ``rollback`` all of it; so one
    change costs the same in a workflow of ten tasks and of ten thousand, and the state as of a
    version is the newest whole one before it and the changes since. ``core.workflows.deltas``
    writes and reads bodies.
    """

    workflow_id: str
    version: int
    at: datetime
    kind: str
    body: str
    task_id: str | None = None
    restored_from: int | None = None


@dataclass(frozen=True, slots=True)
class HandoffRecord:
    """One handoff between agents; ``body`` is the message as JSON.

    ``status`` is initiated, accepted, rejected, completed, timed_out or cancelled.
    """

    id: str
    workflow_id: str
    source_task: str | None
    target_task: str | None
    status: str
    created_at: datetime
    changed_at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """A file that an attempt left; ``path`` is relative to the state directory's artifacts."""

    id: str
    workflow_id: str
    task_id: str
    attempt: int
    name: str
    path: str
    size: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SignalRecord:
    """An event from outside that a task waits for, or will; the first one of a key counts."""

    workflow_id: str
    name: str
    key: str
    at: datetime
    body: str = "null"


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """A workflow that is started by the clock.

    ``catch_up`` says what becomes of starts that were missed: ``none``, ``one`` or ``all``.
    """

    id: str
    name: str
    cron: str
    zone: str
    source: str
    inputs: str
    catch_up: str
    enabled: bool
    created_at: datetime
    last_at: datetime | None = None
    next_at: datetime | None = None


# ---- changes --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SaveWorkflow:
    """Insert or replace an instance, its definition included, its lease excepted.

    With ``guard`` the whole transaction is refused with ``lease_lost`` unless the kept lease has
    that engine and epoch.
    """

    record: WorkflowRecord
    guard: Lease | None = None


@dataclass(frozen=True, slots=True)
class UpdateWorkflow:
    """Replace what changes of a kept instance: all but its definition and inputs.

    So a change of status costs the same however large the definition is. ``guard`` as in
    ``SaveWorkflow``; refused with ``workflow_gone`` if the instance is not kept.
    """

    record: WorkflowRecord
    guard: Lease | None = None


@dataclass(frozen=True, slots=True)
class SaveTask:
    """Insert or replace a task; ``guard`` as in ``SaveWorkflow``."""

    record: TaskRecord
    guard: Lease | None = None


@dataclass(frozen=True, slots=True)
class RemoveTask:
    """Remove a task; its attempts, history, handoffs and artifacts stay. ``guard`` as above."""

    workflow_id: str
    task_id: str
    guard: Lease | None = None


@dataclass(frozen=True, slots=True)
class MoveWorkflow:
    """Replace the status of a kept instance and what goes with it; variables and the rest stay.

    Refused with ``workflow_gone`` if the instance is not kept.
    """

    workflow_id: str
    status: WorkflowStatus
    error: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    restored_from: int | None = None


@dataclass(slots=True)  # not frozen: that would treble what making one costs, for each turn
class AddTurn:
    """All that one turn of an engine's loop brought for one instance, as text (see ``turns``).

    ``lines`` are bodies of history, the first of them for ``version``, the next for the one after it,
    and so on; each stands for its change of the task or the workflow, too. ``ends`` are attempts
    that have ended. ``at`` is ISO 8601 in UTC with six digits of a second. Refused with
    ``lease_lost`` unless ``guard`` is in force, and with ``stale_version`` if ``version`` is not the
    next one. A store may keep it as it is, and bring its tables up to date when they are read.
    """

    workflow_id: str
    version: int
    at: str
    guard: Lease
    lines: Sequence[str]
    ends: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AddHistory:
    """Append a change; refused with ``stale_version`` if its version is not the next one."""

    record: HistoryRecord


@dataclass(frozen=True, slots=True)
class SaveAttempt:
    """Insert or replace an ended attempt."""

    record: AttemptRecord


@dataclass(frozen=True, slots=True)
class SaveHandoff:
    """Insert or replace a handoff."""

    record: HandoffRecord


@dataclass(frozen=True, slots=True)
class AddArtifact:
    """Append an artifact."""

    record: ArtifactRecord


@dataclass(frozen=True, slots=True)
class AddSignal:
    """Keep a signal; one of the same workflow, name and key changes nothing."""

    record: SignalRecord


@dataclass(frozen=True, slots=True)
class SaveSchedule:
    """Insert or replace a schedule."""

    record: ScheduleRecord


@dataclass(frozen=True, slots=True)
class RemoveSchedule:
    """Remove a schedule."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class RemoveWorkflow:
    """Remove an instance with all that belongs to it: tasks, history, handoffs, lease and so on."""

    workflow_id: str


WorkflowChange = (
    SaveWorkflow
    | UpdateWorkflow
    | MoveWorkflow
    | SaveTask
    | RemoveTask
    | AddTurn
    | AddHistory
    | SaveAttempt
    | SaveHandoff
    | AddArtifact
    | AddSignal
    | SaveSchedule
    | RemoveSchedule
    | RemoveWorkflow
)
