"""Letting payloads in: what their handlers are, and what their templates will see."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..base.clock import Clock
from ..base.errors import QuarterdeckError
from ..propulsion.gated import GatedEngine
from ..propulsion.payload import PropulsionPayload
from ..protocol.pipeline_views import PayloadStatus
from . import faults as f
from .book import Book
from .definition import EventDefinition, HandlerDefinition, PipelineDefinition
from .entries import Entry, Origin
from .files.executing import Names, wanted
from .gating import key_of

CAUSES = 20
"""How many payloads before it a handler's templates see."""

EFFECTS = 500
"""How many payloads that follow from one are told of it."""


class Entering:
    """The pipelines that are loaded, the book of their payloads, and the propulsion engine."""

    def __init__(self, engine: GatedEngine, book: Book, clock: Clock, max_pending: int) -> None:
        self.book = book
        self.loaded: dict[str, PipelineDefinition] = {}
        self._engine = engine
        self._clock = clock
        self._max_pending = max_pending

    def get(self, name: str) -> PipelineDefinition:
        """A loaded pipeline.

        :raises PipelineUnknown: if there is none of this name.
        """
        found = self.loaded.get(name)
        if found is None:
            known = ", ".join(self.loaded) or "none"
            raise f.PipelineUnknown(
                f"No pipeline {name!r} is loaded; those that are: {known}. Load one with: quarterdeck "
                "pipeline load FILE"
            )
        return found

    def _enter(self, pipeline: PipelineDefinition, event: EventDefinition, origin: Origin) -> Entry:
        """Let a payload in; nothing is awaited, so that what leads to it is kept with it."""
        known = self.book.get(origin.id)
        if known is not None:
            return known
        names = self._names(pipeline, Entry(origin), 0)
        handlers = [one for one in event.handlers if _may_want(one, names)]
        handlers.sort(key=lambda one: one.priority)
        if self._engine.get_stats()["pending_payloads"] + len(handlers) > self._max_pending:
            raise f.PayloadsFull(
                f"{self._max_pending} payloads wait already. Wait for some of them.",
                limit=self._max_pending,
            )
        self.book.enter(origin, [one.name for one in handlers])
        entry = self.book.entries[origin.id]
        if origin.hops > pipeline.max_hops:
            self._end_chain(pipeline, entry)
        else:
            for handler in handlers:
                self._enlist(pipeline, handler, entry)
            self._heed_deadline(entry)
        return entry

    def _heed_deadline(self, entry: Entry) -> None:
        """Have it expire in time, whatever it waits for."""

    def _enlist(
        self, pipeline: PipelineDefinition, handler: HandlerDefinition, entry: Entry
    ) -> None:
        origin = entry.origin
        payload = PropulsionPayload(
            None,
            origin.priority,
            origin.deadline,
            id=origin.id,
            created_at=origin.created_at,
            max_attempts=handler.retry.max_attempts,
        )
        key = key_of(pipeline.name, origin.event, handler.name)
        self._engine.enlist(key, payload, handler.retry)

    def _end_chain(self, pipeline: PipelineDefinition, entry: Entry) -> None:
        why = (
            f"{entry.origin.hops} payloads led to this one, and max_hops of {pipeline.name} is "
            f"{pipeline.max_hops}. Replay it to go one step further, or raise max_hops."
        )
        for name in list(entry.open_handlers()):
            told = f"{f.ChainTooLong.code}: {why}"
            self.book.close(entry, name, PayloadStatus.DEAD, self._clock.now(), told)

    def _names(self, pipeline: PipelineDefinition, entry: Entry, number: int) -> Names:
        origin = entry.origin
        told = {
            "id": origin.id,
            "event": origin.event,
            "priority": origin.priority.name.lower(),
            "created_at": origin.created_at.isoformat(),
            "deadline": None if origin.deadline is None else origin.deadline.isoformat(),
            "attempt": number,
            "hops": origin.hops,
            "root": origin.root,
            "cause": origin.cause,
            "routing_key": origin.routing_key,
        }
        causes = [
            {"id": one.id, "event": one.origin.event, "data": one.origin.data}
            for one in self.causes(entry)[-CAUSES:]
        ]
        return Names(pipeline, origin.event, origin.data, told, tuple(causes))

    def causes(self, entry: Entry) -> list[Entry]:
        """The payloads before it that are still known, the first of all first."""
        found: list[Entry] = []
        here: Entry | None = entry
        while here is not None:
            here = self.book.get(above_of(here.origin) or "")
            if here is not None:
                found.append(here)
        return found[::-1]

    def effects(self, entry: Entry) -> list[Entry]:
        """The payloads that follow from it, also through workflows; each after the one before it.

        The first ``EFFECTS`` of them.
        """
        root, below = entry.origin.root, dict[str, list[Entry]]()
        for one in self.book.entries.values():
            if one.origin.root == root and (above := above_of(one.origin)) is not None:
                below.setdefault(above, []).append(one)
        found: dict[str, Entry] = {}
        waiting = [entry.id]
        while waiting and len(found) < EFFECTS:
            for one in below.pop(waiting.pop(0), ()):
                found[one.id] = one
                waiting.append(one.id)
        return list(found.values())[:EFFECTS]


def above_of(origin: Origin) -> str | None:
    """The payload before one in its chain; of what an earlier version kept its cause tells it."""
    kind, _, name = (origin.cause or "").partition("/")
    return origin.above or (name if kind == "payload" else None)


def event_of(pipeline: PipelineDefinition, event: str) -> EventDefinition:
    """An event type of a pipeline.

    :raises EventUnknown: if it has none of this name.
    """
    for one in pipeline.events:
        if one.name == event:
            return one
    known = ", ".join(one.name for one in pipeline.events)
    raise f.EventUnknown(f"{pipeline.name} has no event {event!r}; it has {known}.", event=event)


def deadline_of(event: EventDefinition, now: datetime) -> datetime | None:
    """When a payload that is propelled now expires."""
    return None if event.deadline is None else now + timedelta(seconds=event.deadline)


def _may_want(handler: HandlerDefinition, names: Names) -> bool:
    """Whether a handler's condition holds; where that can't be told, handling it will say so."""
    try:
        return wanted(handler, names)
    except QuarterdeckError:
        return True
