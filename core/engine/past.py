"""Kept events by topic: a store knows their types, what a pattern covers is looked at page by page."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from ..protocol.events import Event
from ..protocol.topics import covers, kinds_under
from .ports import Store
from .records import EventRecord

PAGE = 500

Raw = dict[str, Any]


async def kept_events(
    store: Store,
    topic: str | None,
    *,
    after: int | None,
    upto: int,
    session_id: str | None,
    limit: int,
) -> list[Raw]:
    """Events as they were told, oldest first: the first ``limit`` after ``after``, else the newest.

    None is above the sequence number ``upto``.
    """
    kinds = () if topic is None else kinds_under(topic)
    if topic is not None and not kinds:
        return []
    newest, before, found = after is None, upto + 1, list[Raw]()
    while len(found) < limit:
        size = limit if topic is None else PAGE
        page = await store.events(
            after=after, before=before, types=kinds, session_id=session_id, limit=size
        )
        matching = [raw for record in page if (raw := _covered(record, topic)) is not None]
        if newest:
            found = matching + found
        else:
            found += matching
        if len(page) < size:
            break
        if newest:
            before = page[0].sequence
        else:
            after = page[-1].sequence
    return found[-limit:] if newest else found[:limit]


def _covered(record: EventRecord, pattern: str | None) -> Raw | None:
    """The event, if it is about one of these."""
    raw: Raw = json.loads(record.body)
    if "topic" not in raw:
        raw["topic"] = _found_out(raw)
    return raw if pattern is None or covers(pattern, raw["topic"], record.type) else None


def _found_out(raw: Raw) -> str:
    """The topic of an event that was kept before events told theirs."""
    try:
        return Event.parse(raw).topic
    except ValidationError:
        return str(raw["type"])
