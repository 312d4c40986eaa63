"""Records of workflows as rows, and rows as records, as ``rows`` does it for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.workflows.records import (
    AddTurn,
    ArtifactRecord,
    AttemptRecord,
    HandoffRecord,
    HistoryRecord,
    Lease,
    MoveWorkflow,
    ScheduleRecord,
    SignalRecord,
    TaskRecord,
    WorkflowRecord,
)
from ..core.workflows.statuses import TaskStatus, WorkflowStatus
from .stamps import from_text, from_text_or_none, to_text, to_text_or_none

Row = Sequence[Any]

TASK_COLUMNS = (
    "workflow_id", "task_id", "agent_id", "agent_type", "status", "attempt", "losses", "error",
    "error_type", "started_at", "ended_at", "next_attempt_at", "child", "log", "scheduling", "result",
)  # fmt: skip


def workflow_row(record: WorkflowRecord) -> tuple[Any, ...]:
    """The values of an instance: its id, then what changes of it."""
    return (record.id, *changing_row(record))


def changing_row(record: WorkflowRecord) -> tuple[Any, ...]:
    """What changes of an instance."""
    return (
        record.name,
        record.status.value,
        record.variables,
        record.metadata,
        record.parent,
        to_text(record.created_at),
        to_text_or_none(record.started_at),
        to_text_or_none(record.ended_at),
        record.error,
        record.restored_from,
    )


def task_row(record: TaskRecord) -> tuple[Any, ...]:
    """The values of a task; the result comes last."""
    return (
        record.workflow_id,
        record.task_id,
        record.agent_id,
        record.agent_type,
        record.status.value,
        record.attempt,
        record.losses,
        record.error,
        record.error_type,
        to_text_or_none(record.started_at),
        to_text_or_none(record.ended_at),
        to_text_or_none(record.next_attempt_at),
        record.child,
        record.log,
        record.scheduling,
        record.result,
    )


def move_row(change: MoveWorkflow) -> tuple[Any, ...]:
    """The values of a change of status; the instance comes last."""
    return (
        change.status.value,
        change.error,
        to_text_or_none(change.started_at),
        to_text_or_none(change.ended_at),
        change.restored_from,
        change.workflow_id,
    )


def turn_row(turn: AddTurn) -> tuple[Any, ...]:
    """The values of a turn; the lease's epoch comes last."""
    lines, guard = turn.lines, turn.guard
    return (
        turn.workflow_id,
        turn.version,
        turn.version + len(lines) - 1,
        turn.at,
        guard.engine_id,
        lines[0] if len(lines) == 1 else "\n".join(lines),
        "\n".join(turn.ends),
        guard.epoch,
    )


def history_row(record: HistoryRecord) -> tuple[Any, ...]:
    """The values of a change; workflow and version come first and last."""
    return (
        record.workflow_id,
        record.version,
        to_text(record.at),
        record.kind,
        record.task_id,
        record.restored_from,
        record.body,
        record.workflow_id,
        record.version,
    )


def attempt_row(record: AttemptRecord) -> tuple[Any, ...]:
    """The values of an attempt."""
    return (
        record.workflow_id,
        record.task_id,
        record.attempt,
        record.status.value,
        to_text(record.started_at),
        to_text(record.ended_at),
        record.engine_id,
        record.error,
        record.error_type,
        record.log,
    )


def handoff_row(record: HandoffRecord) -> tuple[Any, ...]:
    """The values of a handoff."""
    return (
        record.id,
        record.workflow_id,
        record.source_task,
        record.target_task,
        record.status,
        to_text(record.created_at),
        to_text(record.changed_at),
        record.body,
    )


def artifact_row(record: ArtifactRecord) -> tuple[Any, ...]:
    """The values of an artifact."""
    return (
        record.id,
        record.workflow_id,
        record.task_id,
        record.attempt,
        record.name,
        record.path,
        record.size,
        record.sha256,
        to_text(record.created_at),
    )


def signal_row(record: SignalRecord) -> tuple[Any, ...]:
    """The values of a signal."""
    return (record.workflow_id, record.name, record.key, to_text(record.at), record.body)


def schedule_row(record: ScheduleRecord) -> tuple[Any, ...]:
    """The values of a schedule."""
    return (
        record.id,
        record.name,
        record.cron,
        record.zone,
        record.source,
        record.inputs,
        record.catch_up,
        int(record.enabled),
        to_text(record.created_at),
        to_text_or_none(record.last_at),
        to_text_or_none(record.next_at),
    )


def workflow_of(row: Row) -> WorkflowRecord:
    """The instance in a row of one of the statements that read instances."""
    return WorkflowRecord(
        id=row[0],
        name=row[1],
        status=WorkflowStatus(row[2]),
        variables=row[3],
        metadata=row[4],
        parent=row[5],
        created_at=from_text(row[6]),
        started_at=from_text_or_none(row[7]),
        ended_at=from_text_or_none(row[8]),
        error=row[9],
        restored_from=row[10],
        version=row[11],
        lease=lease_of(row[12:15]),
        definition=row[15],
        inputs=row[16],
    )


def lease_of(row: Row) -> Lease | None:
    """The lease in (engine, epoch, expiry); ``None`` if nobody holds it."""
    engine_id, epoch, expires_at = row
    return None if engine_id is None else Lease(engine_id, epoch, from_text(expires_at))


def task_of(row: Row) -> TaskRecord:
    """The task in a row of the statement ``tasks``."""
    return TaskRecord(  # by position: thousands are read at once, and names cost a third more
        row[0],
        row[1],
        row[2],
        row[3],
        TaskStatus(row[4]),
        row[5],
        row[6],
        row[15],
        row[7],
        row[8],
        from_text_or_none(row[9]),
        from_text_or_none(row[10]),
        from_text_or_none(row[11]),
        row[12],
        row[13],
        row[14],
    )


def history_of(row: Row) -> HistoryRecord:
    """The change in a row of the statement ``changes``."""
    workflow_id, version, at, kind, task_id, restored_from, body = row
    return HistoryRecord(workflow_id, version, from_text(at), kind, body, task_id, restored_from)


def attempt_of(row: Row) -> AttemptRecord:
    """The attempt in a row of the statement ``attempts``."""
    return AttemptRecord(
        workflow_id=row[0],
        task_id=row[1],
        attempt=row[2],
        status=TaskStatus(row[3]),
        started_at=from_text(row[4]),
        ended_at=from_text(row[5]),
        engine_id=row[6],
        error=row[7],
        error_type=row[8],
        log=row[9],
    )


def handoff_of(row: Row) -> HandoffRecord:
    """The handoff in a row of the statement ``handoffs``."""
    return HandoffRecord(
        id=row[0],
        workflow_id=row[1],
        source_task=row[2],
        target_task=row[3],
        status=row[4],
        created_at=from_text(row[5]),
        changed_at=from_text(row[6]),
        body=row[7],
    )


def artifact_of(row: Row) -> ArtifactRecord:
    """The artifact in a row of the statement ``artifacts``."""
    return ArtifactRecord(
        id=row[0],
        workflow_id=row[1],
        task_id=row[2],
        attempt=row[3],
        name=row[4],
        path=row[5],
        size=row[6],
        sha256=row[7],
        created_at=from_text(row[8]),
    )


def signal_of(row: Row) -> SignalRecord:
    """The signal in a row of the statement ``signals``."""
    workflow_id, name, key, at, body = row
    return SignalRecord(workflow_id, name, key, from_text(at), body)


def schedule_of(row: Row) -> ScheduleRecord:
    """The schedule in a row of the statement ``schedules``."""
    return ScheduleRecord(
        id=row[0],
        name=row[1],
        cron=row[2],
        zone=row[3],
        source=row[4],
        inputs=row[5],
        catch_up=row[6],
        enabled=bool(row[7]),
        created_at=from_text(row[8]),
        last_at=from_text_or_none(row[9]),
        next_at=from_text_or_none(row[10]),
    )
