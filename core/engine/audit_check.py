"""Checking the audit log: its chain, and the kept events that it vouches for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..protocol.events import EVENTS
from ..telemetry.audit import Broken, ChainCheck, KeptRecord
from .auditing import hash_of, is_audited
from .ports import Store

PAGE = 1000


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """What a check of the log found: how many records hold, and the first that does not."""

    records: int
    broken: Broken | None

    def dump(self) -> dict[str, Any]:
        """As JSON-ready data."""
        found = self.broken
        return {
            "records": self.records,
            "broken": None if found is None else {"sequence": found.sequence, "what": found.what},
        }


async def verify(store: Store) -> AuditFinding:
    """Check the whole log, and the kept events that it vouches for."""
    check, events = ChainCheck(), _Events(store)
    head = await store.audit_head()
    upto = 0 if head is None else head.sequence
    while page := await store.audit(after=check.head.sequence, limit=PAGE):
        # What is added while this goes on is left for the next time.
        page = [record for record in page if not upto or record.sequence <= upto]
        if not page:
            break
        broken = await asyncio.to_thread(check.follow, page)
        broken = broken or await events.check(page)
        if broken is not None:
            return AuditFinding(min(check.head.sequence, broken.sequence - 1), broken)
    broken = check.end(head) or await _beyond(store, check.head.sequence)
    return AuditFinding(check.head.sequence, broken)


async def _beyond(store: Store, end: int) -> Broken | None:
    """A record that was put in after the end: the head goes on with each that is."""
    found = await store.audit(after=end, limit=1)
    head = await store.audit_head() if found else None
    if head is None or head.sequence > end:
        return None
    return Broken(found[0].sequence, f"the chain ended at record {end}, as its head says")


class _Events:
    """Holds kept events against the records of them. The oldest may have been pruned."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._types = tuple(kind for kind in EVENTS if is_audited(kind))
        self._first: int | None = None

    async def check(self, records: list[KeptRecord]) -> Broken | None:
        """The first of these records whose event is not what it was."""
        told = [(record, body) for record in records if (body := _event_of(record)) is not None]
        if not told:
            return None
        kept = await self._kept(told[0][1]["sequence"], told[-1][1]["sequence"])
        for record, body in told:
            number = body["sequence"]
            found = kept.get(number)
            if found is None and number >= await self._oldest():
                return Broken(record.sequence, f"its event {number} is missing")
            if found is not None and hash_of(found) != body["hash"]:
                return Broken(record.sequence, f"its event {number} was changed")
        return None

    async def _kept(self, first: int, last: int) -> Mapping[int, str]:
        found = await self._store.events(after=first - 1, types=self._types, limit=last - first + 1)
        return {event.sequence: event.body for event in found}

    async def _oldest(self) -> int:
        """The number of the oldest event that is kept."""
        if self._first is None:
            found = await self._store.events(after=0, limit=1)
            self._first = found[0].sequence if found else await self._store.last_sequence() + 1
        return self._first


def _event_of(record: KeptRecord) -> dict[str, Any] | None:
    body = json.loads(record.body)
    return body if body["kind"] == "event" else None
