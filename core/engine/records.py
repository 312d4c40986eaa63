"""What the engine keeps beside sessions, and the changes that are journalled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..base.batches import BatchChange
from ..sessions.records import SessionChange
from ..workflows.records import WorkflowChange


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event as it is kept; ``body`` is ``Event.dump()`` as JSON text."""

    sequence: int
    type: str
    at: datetime
    session_id: str | None
    body: str


@dataclass(frozen=True, slots=True)
class ReplyRecord:
    """The reply to a command, kept so that a repeated command gets it again."""

    command_id: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class AddEvent:
    """Append an event to the log; its sequence is above all kept ones."""

    event: EventRecord


@dataclass(frozen=True, slots=True)
class SaveReply:
    """Keep a reply; the first one kept for a command stays."""

    reply: ReplyRecord


@dataclass(frozen=True, slots=True)
class SavePreference:
    """Keep a preference; ``None`` forgets it."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class AddAudit:
    """Append a record to the audit log; the store binds it to the one before. ``body`` is canonical JSON."""

    at: datetime
    body: str


Change = (
    SessionChange | WorkflowChange | BatchChange | AddEvent | SaveReply | SavePreference | AddAudit
)


@dataclass(frozen=True, slots=True)
class Retention:
    """How much history a store keeps when it is pruned: the newest so many of each.

    Of workflows only those that have ended, and are part of no other one, are ever dropped.
    """

    events: int = 100_000
    replies: int = 10_000
    statuses_per_session: int = 1_000
    closed_items: int = 1_000
    ended_workflows: int = 10_000


@dataclass(frozen=True, slots=True)
class StoreNotice:
    """Something a store met while it opened, mended without losing anything, and a person should read.

    Shaped as ``system.warning`` is, so that the engine can pass it on.
    """

    code: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """A store's figures since it was opened.

    ``commits`` and ``changes`` count transactions that were made durable, and what was in them;
    ``pending`` those whose futures have not ended. Milliseconds are those of the disk's commit
    alone. ``mode`` says where commits run at present: ``inline`` (on the loop), ``thread``, or
    ``server``.
    """

    commits: int
    changes: int
    pending: int
    last_commit_ms: float
    slowest_commit_ms: float
    bytes_on_disk: int
    mode: str = "inline"
