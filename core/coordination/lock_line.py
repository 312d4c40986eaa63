"""A lock as it is kept: who holds it, and who waits for it, in the order of asking, in every engine.

It is one record, changed only from the version that was read. No wall clock is compared: an engine is
gone when its sign of life stood unchanged for as long as it promised to give one, by the watcher's own
monotonic clock. Of a holder that sign is its renewal, of an engine that waits the number of its beat.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..base.kept import Kept

KIND = "lock"
BEATS = 3
"""How often a sign of life is given within the time after which it is missed."""
WAITER_TTL = 15.0


class Entry(NamedTuple):
    """One that waits: in which engine, under which id of its own, for whom."""

    engine: str
    waiter: str
    holder: str


class Beat(NamedTuple):
    """The sign of life of an engine that waits, and within how many seconds it changes."""

    number: int
    ttl: float


@dataclass(frozen=True, slots=True)
class LockRecord:
    """What is kept of a lock; ``engine`` is empty while nobody holds it."""

    version: int = 0
    engine: str = ""
    holder: str = ""
    token: int = 0
    ttl: float = 0.0
    renewed: int = 0
    line: tuple[Entry, ...] = ()
    beats: Mapping[str, Beat] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Kept | None) -> LockRecord:
        """The lock that was read; one that is not kept yet is free."""
        if record is None:
            return cls()
        body: dict[str, Any] = json.loads(record.body)
        return cls(
            record.version,
            body["engine"] if record.open else "",
            body["holder"] if record.open else "",
            body["token"],
            body["ttl"],
            body.get("renewed", 0),
            tuple(Entry(*one) for one in body.get("line", ())),
            {engine: Beat(*one) for engine, one in body.get("beats", {}).items()},
        )

    def kept(self, resource: str) -> Kept:
        """The record to keep."""
        body: dict[str, Any] = {
            "engine": self.engine,
            "holder": self.holder,
            "token": self.token,
            "ttl": self.ttl,
            "renewed": self.renewed,
        }
        if self.line:
            body |= {"line": self.line, "beats": self.beats}
        return Kept(KIND, resource, self.version, json.dumps(body), open=bool(self.engine))

    def held(self, engine: str, holder: str, ttl: float) -> LockRecord:
        """The next holder's, with the next token."""
        return replace(self, engine=engine, holder=holder, token=self.token + 1, ttl=ttl, renewed=0)

    def free(self) -> LockRecord:
        """Nobody's; the line stands."""
        return replace(self, engine="", holder="", ttl=0.0, renewed=0)

    def without(self, engines: Collection[str]) -> LockRecord:
        """Without those engines, as holders and in the line."""
        found = self.free() if self.engine in engines else self
        return found.lined(tuple(one for one in found.line if one.engine not in engines))

    def lined(self, line: Sequence[Entry]) -> LockRecord:
        """With this line, and no signs of life but of those that stand in it."""
        engines = {one.engine for one in line}
        beats = {engine: beat for engine, beat in self.beats.items() if engine in engines}
        return replace(self, line=tuple(line), beats=beats)

    def beaten(self, engine: str, ttl: float) -> LockRecord:
        """With one more sign of life."""
        number = self.beats[engine].number + 1 if engine in self.beats else 1
        return replace(self, beats={**self.beats, engine: Beat(number, ttl)})

    def next(self) -> LockRecord:
        """The same, to be written over the one that was read."""
        return replace(self, version=self.version + 1)


class Signs:
    """Since when the others' signs of life stand unchanged, by this engine's clock."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, float]] = {}

    def look(self, record: LockRecord, now: float) -> None:
        """Take note of what has changed."""
        found: dict[str, object] = {engine: record.beats.get(engine) for engine, *_ in record.line}
        found[""] = (record.engine, record.token, record.renewed)
        before = self._seen
        self._seen = {
            key: before[key] if key in before and before[key][0] == sign else (sign, now)
            for key, sign in found.items()
        }

    def holder_gone_at(self, record: LockRecord) -> float:
        """When the holder counts as gone, if it is not heard of before."""
        return self._seen[""][1] + record.ttl

    def waiter_gone_at(self, record: LockRecord, engine: str) -> float:
        """When an engine that waits counts as gone, if it is not heard of before."""
        beat = record.beats.get(engine)
        return self._seen[engine][1] + (WAITER_TTL if beat is None else beat.ttl)


@dataclass(frozen=True, slots=True)
class KeptLock:
    """A lock that is held, as it is kept: by which engine, for whom, how long at a time; who waits, in any engine."""

    resource: str
    engine_id: str
    holder: str
    token: int
    ttl: float
    waiters: tuple[str, ...] = ()


def kept_lock(record: Kept) -> KeptLock:
    """The lock that a record holds."""
    found = LockRecord.of(record)
    waiters = tuple(one.holder for one in found.line)
    return KeptLock(record.key, found.engine, found.holder, found.token, found.ttl, waiters)
