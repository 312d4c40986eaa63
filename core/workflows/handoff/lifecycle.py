"""What becomes of a handoff: it is accepted or not, and completed or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from ...base.machine import StateTable
from ..records import HandoffRecord
from .message import HandoffContext
from .protocol import HandoffProtocol


class HandoffStatus(StrEnum):
    """How a handoff stands."""

    INITIATED = "initiated"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    COMPLETED = "completed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


S = HandoffStatus

HANDOFF_MOVES = StateTable(
    "handoff",
    {
        S.INITIATED: frozenset({S.ACCEPTED, S.REJECTED, S.TIMED_OUT, S.CANCELLED}),
        # Who accepted it may still find that it can't be done.
        S.ACCEPTED: frozenset({S.COMPLETED, S.REJECTED, S.TIMED_OUT, S.CANCELLED}),
    },
)
"""The other four are terminal."""


def new_record(
    message: HandoffContext,
    *,
    workflow_id: str,
    source_task: str | None = None,
    target_task: str | None = None,
) -> HandoffRecord:
    """The record of a handoff that was just initiated.

    :raises HandoffValidationError: if the message is not valid.
    """
    at = datetime.fromisoformat(message.timestamp)
    return HandoffRecord(
        id=message.handoff_id,
        workflow_id=workflow_id,
        source_task=source_task,
        target_task=target_task,
        status=S.INITIATED,
        created_at=at,
        changed_at=at,
        body=HandoffProtocol.serialize(message),
    )


def moved(
    record: HandoffRecord,
    status: HandoffStatus,
    at: datetime,
    message: HandoffContext | None = None,
) -> HandoffRecord:
    """The record once it has become ``status``, with the message as it is by then.

    :raises IllegalTransition: if it can't become that; the message names both.
    """
    HANDOFF_MOVES.check(HandoffStatus(record.status), status)
    body = record.body if message is None else HandoffProtocol.serialize(message)
    return replace(record, status=status.value, changed_at=at, body=body)


def is_overdue(record: HandoffRecord, now: datetime) -> bool:
    """Whether a handoff that still waits has waited longer than its timeout."""
    if not HANDOFF_MOVES.targets(HandoffStatus(record.status)):
        return False
    timeout = HandoffProtocol.deserialize(record.body).metadata.timeout
    return timeout is not None and now - record.created_at > timedelta(seconds=timeout)
