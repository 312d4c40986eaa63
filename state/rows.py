"""Records as rows, and rows as records; the columns and their order are the same in every store.

The hot path: values are read off the records one by one, in the order of the columns, with no
model dumped and no enumeration left for a driver to adapt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..core.base.priority import Priority
from ..core.engine.records import EventRecord, ReplyRecord
from ..core.protocol.attention import AttentionItem, AttentionKind, ItemState
from ..core.protocol.status import Activity, Choice, Lifecycle, Request, Source, Status
from ..core.protocol.workspace import WorkspaceView
from ..core.sessions.records import ScreenSnapshot, SessionRecord, StatusEntry
from .stamps import from_text, from_text_or_none, to_text, to_text_or_none

Row = Sequence[Any]


def event_row(event: EventRecord) -> tuple[Any, ...]:
    """The values of an event."""
    return (event.sequence, event.type, to_text(event.at), event.session_id, event.body)


def status_row(entry: StatusEntry) -> tuple[Any, ...]:
    """The values of a line of status history; the session's id comes first and last."""
    return (
        entry.session_id,
        to_text(entry.at),
        entry.lifecycle.value,
        entry.activity.value,
        entry.source.value,
        entry.evidence,
        entry.session_id,
    )


def session_row(record: SessionRecord) -> tuple[Any, ...]:
    """The values of a session."""
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
        None if record.workspace is None else json.dumps(record.workspace.model_dump(mode="json")),
    )


def item_row(item: AttentionItem) -> tuple[Any, ...]:
    """The values of an attention item."""
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
        item.workflow_id,
        item.task_id,
        item.about,
    )


def snapshot_row(kept: ScreenSnapshot) -> tuple[Any, ...]:
    """The values of a screen snapshot."""
    return (kept.session_id, kept.generation, kept.offset, to_text(kept.at), kept.data)


def reply_row(reply: ReplyRecord) -> tuple[Any, ...]:
    """The values of a reply."""
    return (reply.command_id, to_text(reply.at), reply.body)


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
        workspace=None if row[30] is None else WorkspaceView.model_validate(json.loads(row[30])),
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
        workflow_id=row[16],
        task_id=row[17],
        about=row[18],
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
