"""Checking the audit log: its chain, and the kept events that it vouches for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..base.errors import ValidationFault
from ..protocol.events import EVENTS
from ..telemetry.audit import Broken, ChainCheck, ChainHead, KeptRecord
from .auditing import hash_of, is_audited
from .ports import Store

PAGE = 1000
HASH_DIGITS = 64


class HeadInvalid(ValidationFault):
    """What was given is no head of an audit log."""

    code = "head_invalid"


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """What a check of the log found: how many records hold, and the first that does not."""

    records: int
    broken: Broken | None
    head: ChainHead

    def dump(self) -> dict[str, Any]:
        """As JSON-ready data."""
        found = self.broken
        return {
            "records": self.records,
            "broken": None if found is None else {"sequence": found.sequence, "what": found.what},
            "head": f"{self.head.sequence}:{self.head.chain_hash}",
        }


def parse_head(text: str) -> ChainHead:
    """A head as it is written down: ``NUMBER:HASH``.

    :raises HeadInvalid: if it is none.
    """
    number, _, digits = text.strip().partition(":")
    if (
        not number.isdecimal()
        or len(digits) != HASH_DIGITS
        or set(digits) - set("0123456789abcdef")
    ):
        raise HeadInvalid(
            f"{text!r} is no head of the audit log. Give what `quarterdeck events --verify` said: "
            "NUMBER:HASH, with all 64 digits."
        )
    return ChainHead(int(number), digits)


async def verify(store: Store, known: ChainHead | None = None) -> AuditFinding:
    """Check the whole log, and the kept events that it vouches for.

    ``known`` is a head that was noted elsewhere: the log must still contain it.
    """
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
            holds = min(check.head.sequence, broken.sequence - 1)
            return AuditFinding(holds, broken, check.head)
    broken = check.end(head) or await _beyond(store, check.head.sequence)
    if broken is None and known is not None:
        broken = await _lacks(store, check.head, known)
    return AuditFinding(check.head.sequence, broken, check.head)


async def _lacks(store: Store, head: ChainHead, known: ChainHead) -> Broken | None:
    """What a log that is whole in itself lacks of the one that was known."""
    number = known.sequence
    if number > head.sequence:
        what = f"it is missing; record {number} was there when the given head was noted"
        return Broken(head.sequence + 1, what)
    found = await store.audit(after=number - 1, limit=1) if number else []
    if found and found[0].chain_hash != known.chain_hash:
        return Broken(
            number, "it, or one before it, is another one than when the given head was noted"
        )
    return None


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
