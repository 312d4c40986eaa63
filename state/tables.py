"""What the memory store holds, and changes to it that can be undone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Never, assert_never, cast, get_args

from ..core.base.batches import AddBatch, Batch, DropBatches
from ..core.base.clock import require_aware
from ..core.engine.records import (
    AddAudit,
    AddEvent,
    Change,
    EventRecord,
    ReplyRecord,
    Retention,
    SavePreference,
    SaveReply,
)
from ..core.protocol.attention import AttentionItem, ItemState
from ..core.sessions.records import (
    AddStatus,
    RemoveSession,
    SaveItem,
    SaveSession,
    SaveSnapshot,
    ScreenSnapshot,
    SessionRecord,
    StatusEntry,
)
from ..core.telemetry.audit import ChainHead, KeptRecord, kept_link
from ..core.workflows.records import WorkflowChange
from ..core.workflows.statuses import ENDED
from . import faults as f
from .stamps import to_text
from .undoing import Undo, put, take
from .workflow_tables import WorkflowTables, stamps_of

WORKFLOW_CHANGES = frozenset(get_args(WorkflowChange))


@dataclass
class Tables:
    """Everything that is kept."""

    epoch: int = 0
    last_sequence: int = 0
    sessions: dict[str, SessionRecord] = field(default_factory=dict)
    history: dict[str, list[StatusEntry]] = field(default_factory=dict)
    items: dict[str, AttentionItem] = field(default_factory=dict)
    snapshots: dict[str, ScreenSnapshot] = field(default_factory=dict)
    events: list[EventRecord] = field(default_factory=list)
    replies: dict[str, ReplyRecord] = field(default_factory=dict)
    preferences: dict[str, str] = field(default_factory=dict)
    batches: dict[str, dict[int, Batch]] = field(default_factory=dict)
    audit: list[KeptRecord] = field(default_factory=list)
    audit_head: ChainHead = field(default_factory=ChainHead)
    flows: WorkflowTables = field(default_factory=WorkflowTables)

    def apply(self, changes: Sequence[Change]) -> None:
        """Make all of ``changes``, which are settled, or none.

        :raises QuarterdeckError: if one is refused.
        """
        undo: list[Undo] = []
        try:
            for change in changes:
                undo += self._make(change)
        except BaseException:
            for step in reversed(undo):
                step()
            raise

    def prune(self, retention: Retention) -> int:
        """Drop what is beyond ``retention``, and what belongs to no session; how much."""
        return (
            self._prune_events(max(retention.events, 0))
            + self._prune_replies(max(retention.replies, 0))
            + self._prune_history(max(retention.statuses_per_session, 0))
            + self._prune_items(max(retention.closed_items, 0))
            + self._prune_snapshots()
            + self._prune_workflows(max(retention.ended_workflows, 0))
        )

    def _make(self, change: Change) -> list[Undo]:  # noqa: C901, PLR0912  # one case for each kind of change
        """Make one change; what undoes it."""
        undo: list[Undo] = []
        if type(change) in WORKFLOW_CHANGES:
            return self.flows.make(cast("WorkflowChange", change))
        match change:
            case AddEvent(event):
                undo = self._add_event(event)
            case SaveSession(record):
                undo = self._save_session(record)
            case AddStatus(entry):
                lines = self.history.setdefault(entry.session_id, [])
                lines.append(entry)
                undo = [lines.pop]
            case RemoveSession(session_id):
                undo = self._remove_session(session_id)
            case SaveItem(item):
                undo = [put(self.items, item.item_id, item)]
            case SaveSnapshot(snapshot):
                undo = [put(self.snapshots, snapshot.session_id, snapshot)]
            case AddBatch(batch):
                undo = [self._add_batch(batch)]
            case DropBatches(log, number):
                undo = self._drop_batches(log, number)
            case SaveReply(reply):
                undo = self._save_reply(reply)
            case SavePreference(name, value):
                undo = [self._save_preference(name, value)]
            case AddAudit():
                undo = self._add_audit(change)
            case _:
                assert_never(cast("Never", change))
        return undo

    def _add_event(self, event: EventRecord) -> list[Undo]:
        former = self.last_sequence
        if event.sequence <= former:
            raise f.StaleSequence.of(event.sequence, former)
        self.events.append(event)
        self.last_sequence = event.sequence
        return [self.events.pop, partial(setattr, self, "last_sequence", former)]

    def _add_audit(self, change: AddAudit) -> list[Undo]:
        head, at = self.audit_head, to_text(change.at)
        number = head.sequence + 1
        link = kept_link(head.chain_hash, number, at, change.body)
        self.audit.append(KeptRecord(number, at, change.body, link))
        self.audit_head = ChainHead(number, link)
        return [self.audit.pop, partial(setattr, self, "audit_head", head)]

    def _add_batch(self, batch: Batch) -> Undo:
        kept = self.batches.setdefault(batch.log, {})
        if max(kept, default=0) >= batch.number:
            raise f.BatchStale.of(batch.log, batch.number)
        return put(kept, batch.number, batch)

    def _drop_batches(self, log: str, number: int) -> list[Undo]:
        kept = self.batches.get(log, {})
        return [take(kept, below) for below in list(kept) if below < number]

    def _save_session(self, record: SessionRecord) -> list[Undo]:
        kept = self.sessions.get(record.id)
        if kept is not None and record.version <= kept.version:
            raise f.StaleVersion.of(record.id, record.version)
        return [put(self.sessions, record.id, record)]

    def _save_reply(self, reply: ReplyRecord) -> list[Undo]:
        known = reply.command_id in self.replies
        return [] if known else [put(self.replies, reply.command_id, reply)]

    def _save_preference(self, name: str, value: Any) -> Undo:
        if value is None:
            return take(self.preferences, name)
        return put(self.preferences, name, json.dumps(value))

    def _remove_session(self, session_id: str) -> list[Undo]:
        items = [key for key, item in self.items.items() if item.session_id == session_id]
        return [
            take(self.sessions, session_id),
            take(self.history, session_id),
            take(self.snapshots, session_id),
            *(take(self.items, key) for key in items),
        ]

    def _prune_events(self, keep: int) -> int:
        surplus = max(len(self.events) - keep, 0)
        del self.events[:surplus]
        return surplus

    def _prune_replies(self, keep: int) -> int:
        surplus = list(self.replies)[: max(len(self.replies) - keep, 0)]
        for command_id in surplus:
            del self.replies[command_id]
        return len(surplus)

    def _prune_history(self, keep: int) -> int:
        dropped = 0
        for session_id, lines in self.history.items():
            wanted = keep if session_id in self.sessions else 0
            surplus = max(len(lines) - wanted, 0)
            del lines[:surplus]
            dropped += surplus
        return dropped

    def _prune_items(self, keep: int) -> int:
        closed = [item for item in self.items.values() if item.state is not ItemState.OPEN]
        closed.sort(key=lambda item: (item.closed_at or item.created_at, item.item_id))
        surplus = closed[: max(len(closed) - keep, 0)]
        for item in surplus:
            del self.items[item.item_id]
        return len(surplus)

    def _prune_workflows(self, keep: int) -> int:
        kept = self.flows.workflows
        ended = [record for record in kept.values() if record.status in ENDED]
        own = [record for record in ended if record.parent is None]
        own.sort(key=lambda record: (record.ended_at or record.created_at, record.id))
        surplus = own[: max(len(own) - keep, 0)]
        above = [(one, one.parent.split("/")[0]) for one in ended if one.parent]
        surplus += [one for one, place in above if place != "payload" and place not in kept]
        for record in surplus:
            self.flows.remove(record.id)
        return len(surplus)

    def _prune_snapshots(self) -> int:
        stray = [key for key in self.snapshots if key not in self.sessions]
        for session_id in stray:
            del self.snapshots[session_id]
        return len(stray)


def settled(changes: Sequence[Change]) -> list[Change]:
    """``changes`` as they are now: what their caller does to its mappings later is no matter.

    :raises InvalidChange: if one can't be kept.
    """
    try:
        return [_settled(change) for change in changes]
    except (ValueError, TypeError) as error:
        raise f.InvalidChange.because(error) from error


def _settled(change: Change) -> Change:
    for stamp in _stamps(change):
        if stamp is not None:
            require_aware(stamp, "a stamp to keep")
    if isinstance(change, SaveSession):
        return SaveSession(replace(change.record, env=dict(change.record.env)))
    if isinstance(change, SavePreference):
        return SavePreference(change.name, json.loads(json.dumps(change.value)))
    return change


def _stamps(change: Change) -> Sequence[datetime | None]:
    if type(change) in WORKFLOW_CHANGES:
        return stamps_of(cast("WorkflowChange", change))
    match change:
        case SaveSession(record):
            since = record.status.since
            return (since, record.created_at, record.started_at, record.ended_at)
        case SaveItem(item):
            return (item.created_at, item.deadline, item.snoozed_until, item.closed_at)
        case AddAudit(at):
            return (at,)
        case AddEvent(kept) | AddStatus(kept) | SaveReply(kept) | SaveSnapshot(kept):
            return (kept.at,)
        case RemoveSession() | SavePreference() | AddBatch() | DropBatches():
            return ()
        case _:
            msg = f"no change is of the kind {type(change).__name__}"
            raise AssertionError(msg)
