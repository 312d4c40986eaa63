"""Changes as statements with their values, and rows as records.

The hot path: values are read off the records one by one, in the order of the columns, with no
model dumped and no enumeration left for the driver to adapt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, assert_never

from ...core.base.priority import Priority
from ...core.engine.records import AddEvent, Change, EventRecord, SavePreference, SaveReply
from ...core.protocol.attention import AttentionItem, AttentionKind, ItemState
from ...core.protocol.status import Activity, Choice, Lifecycle, Request, Source, Status
from ...core.sessions.records import (
    AddStatus,
    RemoveSession,
    SaveItem,
    SaveSession,
    SaveSnapshot,
    ScreenSnapshot,
    SessionRecord,
    StatusEntry,
)
from ..stamps import from_text, from_text_or_none, to_text, to_text_or_none
from .statements import load_statements

Row = Sequence[Any]
Statement = tuple[str, tuple[Any, ...]]

_CHANGES = load_statements("changes")
SAVE_SESSION = _CHANGES["save_session"]
ADD_EVENT = _CHANGES["add_event"]
ENTER_ENGINE = _CHANGES["enter_engine"]
_ADD_STATUS = _CHANGES["add_status"]
_SAVE_ITEM = _CHANGES["save_item"]
_SAVE_SNAPSHOT = _CHANGES["save_snapshot"]
_SAVE_REPLY = _CHANGES["save_reply"]
_SAVE_PREFERENCE = _CHANGES["save_preference"]
_FORGET_PREFERENCE = _CHANGES["forget_preference"]
_LARGE = frozenset((ADD_EVENT, _SAVE_SNAPSHOT, _SAVE_REPLY))  # the large value is the last one
_REMOVALS = tuple(
    _CHANGES[name]
    for name in ("remove_session", "remove_history", "remove_items", "remove_snapshot")
)


def statements_of(changes: Sequence[Change]) -> list[Statement]:
    """The statements that make ``changes``, in their order.

    :raises ValueError: if a stamp has no time zone.
    :raises TypeError: if a value can't be JSON.
    """
    found: list[Statement] = []
    for change in changes:
        match change:
            case AddEvent(event):
                found.append((ADD_EVENT, _event_row(event)))
            case SaveSession(record):
                found.append((SAVE_SESSION, _session_row(record)))
            case AddStatus(entry):
                found.append((_ADD_STATUS, _status_row(entry)))
            case RemoveSession(session_id):
                found += [(sql, (session_id,)) for sql in _REMOVALS]
            case _:
                found.append(_rarer(change))
    return found


def weight_of(statements: Sequence[Statement]) -> int:
    """The size of the large values in ``statements``, in bytes (of text: in characters)."""
    weight = 0
    for sql, values in statements:
        if sql in _LARGE:
            weight += len(values[-1])
    return weight


def _rarer(change: SaveItem | SaveSnapshot | SaveReply | SavePreference) -> Statement:
    match change:
        case SaveItem(item):
            return _SAVE_ITEM, _item_row(item)
        case SaveSnapshot(kept):
            at = to_text(kept.at)
            return _SAVE_SNAPSHOT, (kept.session_id, kept.generation, kept.offset, at, kept.data)
        case SaveReply(reply):
            return _SAVE_REPLY, (reply.command_id, to_text(reply.at), reply.body)
        case SavePreference(name, None):
            return _FORGET_PREFERENCE, (name,)
        case SavePreference(name, value):
            return _SAVE_PREFERENCE, (name, json.dumps(value))
        case _:
            assert_never(change)


def _event_row(event: EventRecord) -> tuple[Any, ...]:
    return (event.sequence, event.type, to_text(event.at), event.session_id, event.body)


def _status_row(entry: StatusEntry) -> tuple[Any, ...]:
    return (
        entry.session_id,
        to_text(entry.at),
        entry.lifecycle.value,
        entry.activity.value,
        entry.source.value,
        entry.evidence,
        entry.session_id,
    )


def _session_row(record: SessionRecord) -> tuple[Any, ...]:
    status = record.status
    return (
        record.id,
        record.version,
        record.name,
        record.agent,
        record.cwd,
        record.repo,
        None if record.args is None else json.dumps(record.args),
        json.dumps(record.env) if record.env else "{}",
        record.prompt,
        record.priority.value,
        record.lifecycle.value,
        status.activity.value,
        status.source.value,
        status.evidence,
        to_text(status.since),
        None if status.request is None else json.dumps(status.request.model_dump(mode="json")),
        record.pid,
        record.keeper_pid,
        record.epoch,
        record.generation,
        record.exit_code,
        record.exit_signal,
        record.reason,
        record.title,
        record.session_ref,
        record.cols,
        record.lines,
        to_text(record.created_at),
        to_text_or_none(record.started_at),
        to_text_or_none(record.ended_at),
    )


def _item_row(item: AttentionItem) -> tuple[Any, ...]:
    return (
        item.item_id,
        item.kind.value,
        item.session_id,
        item.request_id,
        item.title,
        item.text,
        json.dumps([choice.model_dump() for choice in item.choices]),
        int(item.free_text),
        item.priority.value,
        to_text_or_none(item.deadline),
        to_text(item.created_at),
        to_text_or_none(item.snoozed_until),
        item.state.value,
        item.answer,
        item.answered_by,
        to_text_or_none(item.closed_at),
    )


def session_of(row: Row) -> SessionRecord:
    """The session in a row of the statement ``sessions``."""
    return SessionRecord(
        id=row[0],
        version=row[1],
        name=row[2],
        agent=row[3],
        cwd=row[4],
        repo=row[5],
        args=None if row[6] is None else tuple(json.loads(row[6])),
        env=json.loads(row[7]),
        prompt=row[8],
        priority=Priority(row[9]),
        lifecycle=Lifecycle(row[10]),
        status=_status_of(row[11:16]),
        pid=row[16],
        keeper_pid=row[17],
        epoch=row[18],
        generation=row[19],
        exit_code=row[20],
        exit_signal=row[21],
        reason=row[22],
        title=row[23],
        session_ref=row[24],
        cols=row[25],
        lines=row[26],
        created_at=from_text(row[27]),
        started_at=from_text_or_none(row[28]),
        ended_at=from_text_or_none(row[29]),
    )


def _status_of(row: Row) -> Status:
    activity, source, evidence, since, request = row
    return Status(
        activity=Activity(activity),
        source=Source(source),
        evidence=evidence,
        since=from_text(since),
        request=None if request is None else Request.model_validate(json.loads(request)),
    )


def item_of(row: Row) -> AttentionItem:
    """The item in a row of the statement ``open_items``."""
    return AttentionItem(
        item_id=row[0],
        kind=AttentionKind(row[1]),
        session_id=row[2],
        request_id=row[3],
        title=row[4],
        text=row[5],
        choices=tuple(Choice.model_validate(choice) for choice in json.loads(row[6])),
        free_text=bool(row[7]),
        priority=Priority(row[8]),
        deadline=from_text_or_none(row[9]),
        created_at=from_text(row[10]),
        snoozed_until=from_text_or_none(row[11]),
        state=ItemState(row[12]),
        answer=row[13],
        answered_by=row[14],
        closed_at=from_text_or_none(row[15]),
    )


def entry_of(row: Row) -> StatusEntry:
    """The line in a row of the statement ``history``."""
    session_id, at, lifecycle, activity, source, evidence = row
    return StatusEntry(
        session_id=session_id,
        at=from_text(at),
        lifecycle=Lifecycle(lifecycle),
        activity=Activity(activity),
        source=Source(source),
        evidence=evidence,
    )


def snapshot_of(row: Row) -> ScreenSnapshot:
    """The snapshot in a row of the statement of this name."""
    session_id, generation, offset, at, data = row
    return ScreenSnapshot(session_id, generation, offset, from_text(at), data)


def event_of(row: Row) -> EventRecord:
    """The event in a row of an event statement."""
    sequence, kind, at, session_id, body = row
    return EventRecord(sequence, kind, from_text(at), session_id, body)
