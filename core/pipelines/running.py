"""Pipelines as they run: payloads on their way through handlers, and what follows from these."""

from __future__ import annotations

import asyncio
import json
from asyncio import CancelledError
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..base.batches import BatchLog, BatchStore
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import QuarterdeckError
from ..base.priority import Priority
from ..propulsion.engine import PropulsionEngine
from ..propulsion.hooks import HookManager, HookType
from ..propulsion.payload import PropulsionPayload
from ..propulsion.running import EXPIRED
from ..protocol.pipeline_views import PayloadStatus
from . import faults as f
from .book import Book
from .definition import EventDefinition, HandlerDefinition, PipelineDefinition
from .entries import Attempt, Entry, Origin
from .files.executing import Emission, Names, check_data, emissions, wanted
from .gating import HandlerGates, key_of, waits_for_others
from .ids import derived_id
from .ports import HandlerRunner, Order
from .together import Together

QUEUE_LOG = "pipelines.queue"
BOOK_LOG = "pipelines.book"
MAX_PENDING = 100_000
AT_WORK = 1_000
"""How many handlers may be under way, those included that wait for people."""
CAUSES = 20
"""How many payloads before it a handler's templates see."""


class Pipelines:
    """All pipelines of one engine: one propulsion engine, one book, their gates.

    ``capacity`` is how many handlers work at once. What is done about a payload in one turn of the
    loop is one transaction: a handler's success, and the payloads that follow from it.
    """

    def __init__(
        self,
        store: BatchStore,
        runner: HandlerRunner,
        *,
        capacity: int = 10,
        clock: Clock = SYSTEM_CLOCK,
        book: Book | None = None,
        max_pending: int = MAX_PENDING,
    ) -> None:
        self.book = book or Book()
        self.loaded: dict[str, PipelineDefinition] = {}
        self._store = Together(store)
        self._runner = runner
        self._clock = clock
        self._max_pending = max_pending
        self.gates = HandlerGates(capacity, clock, self._open_later)
        hooks = HookManager()
        hooks.register(HookType.ON_RETRY, self._on_retry)
        hooks.register(HookType.ON_DEAD_LETTER, self._on_dead)
        hooks.register(HookType.ON_EXPIRE, self._on_expire)
        self._engine = PropulsionEngine(
            hooks,
            AT_WORK,
            store=self._store,
            log=QUEUE_LOG,
            gates=self.gates,
            max_pending=max_pending,
            max_results=1,
            clock=clock,
            monotonic=clock.monotonic,
        )
        self._registered: dict[str, list[Callable[[], None]]] = {}
        self._errors: dict[tuple[str, str], Exception] = {}
        self._cancelled: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.closing = False

    # ---- the engine's life ---------------------------------------------------------------------

    async def load(self) -> None:
        """Take up what former engines left; it waits until its pipelines are put."""
        log = BatchLog(self._store, BOOK_LOG, whole=self.book.whole, count=self.book.count)
        for line in await log.load():
            self.book.take(line)
        self.book.lines = log
        self._log = log
        await self._engine.recover()

    async def settled(self) -> None:
        """Wait until all that happened is on disk."""
        await self._log.settled()

    async def close(self) -> None:
        """Cut off what is under way; the next engine begins it again."""
        self.closing = True
        if self._timer is not None:
            self._timer.cancel()
        await self._engine.close(drain=False)
        await self.settled()

    def _open_later(self, seconds: float) -> None:
        """A rate will let somebody in after ``seconds``."""
        at = self._clock.monotonic() + seconds
        if self.closing or (self._timer is not None and self._timer_at <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_later(seconds, self._open_now)

    def _open_now(self) -> None:
        self._timer = None
        self._engine.opened()

    # ---- pipelines -----------------------------------------------------------------------------

    def get(self, name: str) -> PipelineDefinition:
        """A loaded pipeline.

        :raises PipelineUnknown: if there is none of this name.
        """
        found = self.loaded.get(name)
        if found is None:
            known = ", ".join(self.loaded) or "none"
            raise f.PipelineUnknown(f"No pipeline {name!r} is loaded; those that are: {known}.")
        return found

    def put(self, pipeline: PipelineDefinition) -> None:
        """Load a pipeline, or replace the one of its name; what waits goes on with the new one."""
        self._take_out(pipeline.name)
        self.loaded[pipeline.name] = pipeline
        self.gates.put(pipeline)
        known = set()
        for handler in pipeline.handlers():
            key = key_of(pipeline.name, handler.event, handler.name)
            known.add(key)
            self._register(pipeline.name, key, partial(self._handle, pipeline, handler), handler.name)
        for entry in self.book.open_of(pipeline.name):
            for name in entry.open_handlers():
                key = key_of(pipeline.name, entry.origin.event, name)
                if key not in known:
                    known.add(key)
                    self._register(pipeline.name, key, partial(_gone, pipeline.name, name), name)
        self._engine.opened()

    def _register(self, pipeline: str, key: str, handler: Any, name: str) -> None:
        undo = self._engine.register_handler(key, handler, name=name)
        self._registered.setdefault(pipeline, []).append(undo)

    def _take_out(self, name: str) -> None:
        for undo in self._registered.pop(name, ()):
            undo()
        self.gates.remove(name)
        self.loaded.pop(name, None)

    async def remove(self, name: str, *, force: bool = False) -> None:
        """Forget a pipeline; its payloads that have not ended are cancelled with ``force``.

        :raises PipelineUnknown: if there is none of this name.
        :raises PipelineBusy: if there are such payloads.
        """
        self.get(name)
        waiting = self.book.open_of(name)
        if waiting and not force:
            raise f.PipelineBusy(
                f"{len(waiting)} payloads of {name} have not ended. Wait for them, or unload it with "
                "force: they are cancelled then.",
                pipeline=name,
            )
        for entry in waiting:
            self._cancel(entry)
        self._take_out(name)
        self.gates.pause(name, on=False)
        self.book.forget_figures(name)
        await self.settled()

    def pause(self, name: str, *, on: bool) -> None:
        """Begin no more payloads of a pipeline, or go on."""
        self.gates.pause(name, on=on)
        self._engine.opened()

    # ---- payloads ------------------------------------------------------------------------------

    async def propel(
        self,
        pipeline: str,
        event: str,
        data: Any,
        *,
        payload_id: str,
        cause: str | None = None,
        priority: Priority | None = None,
        deadline: datetime | None = None,
        routing_key: str | None = None,
        agent_affinity: str | None = None,
    ) -> Entry:
        """Put a payload into a lane; it is kept when this returns. One of a known id is that one.

        :raises PipelineUnknown: if no such pipeline is loaded.
        :raises EventUnknown: if it has no such event type.
        :raises PayloadDataInvalid: if the data do not fit what the event type says.
        :raises PayloadsFull: if as many wait as there may.
        """
        known = self.book.get(payload_id)
        if known is not None:
            return known
        definition = self.get(pipeline)
        told = _event_of(definition, event)
        check_data(told, data)
        now = self._clock.now()
        origin = Origin(
            payload_id,
            pipeline,
            event,
            data,
            now,
            priority=told.priority if priority is None else priority,
            deadline=deadline or _deadline(told, now),
            cause=cause,
            root=payload_id,
            routing_key=routing_key,
            agent_affinity=agent_affinity,
        )
        entry = self._enter(definition, told, origin)
        await self.settled()
        return entry

    def _enter(
        self, pipeline: PipelineDefinition, event: EventDefinition, origin: Origin
    ) -> Entry:
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
        return entry

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

    def find(self, payload_id: str) -> Entry:
        """A payload.

        :raises PayloadUnknown: if none of this id is kept.
        """
        entry = self.book.get(payload_id)
        if entry is None:
            raise f.PayloadUnknown(
                f"No payload {payload_id} is kept: it was discarded, or gave way to newer ones.",
                payload_id=payload_id,
            )
        return entry

    async def cancel(self, payload_id: str) -> Entry:
        """End a payload that waits or runs.

        :raises PayloadUnknown: if none of this id is kept.
        :raises PayloadEnded: if it has ended.
        """
        entry = self.find(payload_id)
        if entry.ended:
            raise f.PayloadEnded(
                f"Payload {payload_id} is {entry.status} already.", payload_id=payload_id
            )
        self._cancel(entry)
        await self.settled()
        return entry

    def _cancel(self, entry: Entry) -> None:
        self._cancelled.add(entry.id)
        self._engine.cancel(entry.id)
        for name in list(entry.open_handlers()):
            if entry.running(name) is None:
                why = "The payload was cancelled."
                self.book.close(entry, name, PayloadStatus.CANCELLED, self._clock.now(), why)
        if entry.ended:
            self._cancelled.discard(entry.id)

    def hurry(self, payload_id: str) -> Entry:
        """Let a payload that waits for its next attempt be tried now.

        :raises PayloadUnknown: if none of this id is kept.
        :raises PayloadNotRetrying: if it waits for no attempt.
        """
        entry = self.find(payload_id)
        if not self._engine.hurry(payload_id):
            raise f.PayloadNotRetrying(
                f"Payload {payload_id} is {entry.status}, and waits for no attempt.",
                payload_id=payload_id,
            )
        return entry

    async def replay(self, payload_id: str) -> Entry:
        """Submit a dead payload anew, for the handlers that have not succeeded.

        :raises PayloadNotDead: if it has not failed for good.
        :raises PipelineUnknown: if its pipeline is not loaded.
        :raises HandlerGone: if that has none of these handlers any more.
        """
        entry = self._dead(payload_id)
        pipeline = self.get(entry.origin.pipeline)
        known = {one.name: one for one in pipeline.handlers() if one.event == entry.origin.event}
        dead = [name for name, one in entry.handlers.items() if one is PayloadStatus.DEAD]
        again = [name for name in dead if name in known]
        if not again:
            raise f.HandlerGone(
                f"{pipeline.name} has no handler {', '.join(dead)} for {entry.origin.event} any "
                "more; discard the payload, or propel its data anew.",
                payload_id=payload_id,
            )
        for name in again:
            self._enlist(pipeline, known[name], entry)
        self.book.reopen(entry, again)
        await self._forget_dead(payload_id)
        return entry

    async def discard(self, payload_id: str) -> Entry:
        """Remove a dead payload.

        :raises PayloadNotDead: if it has not failed for good.
        """
        entry = self._dead(payload_id)
        self.book.remove(entry)
        await self._forget_dead(payload_id)
        return entry

    def _dead(self, payload_id: str) -> Entry:
        entry = self.find(payload_id)
        if entry.status is not PayloadStatus.DEAD:
            raise f.PayloadNotDead(
                f"Payload {payload_id} is {entry.status}; only dead ones are replayed or discarded.",
                payload_id=payload_id,
            )
        return entry

    async def _forget_dead(self, payload_id: str) -> None:
        for dead in self._engine.dead_letters():
            if dead.payload.id == payload_id:
                await self._engine.discard(dead.id)
        await self.settled()

    # ---- handlers ------------------------------------------------------------------------------

    async def _handle(
        self, pipeline: PipelineDefinition, handler: HandlerDefinition, payload: PropulsionPayload
    ) -> None:
        entry = self.book.get(payload.id)
        if entry is None:
            return  # discarded while it was taken
        order = self._order(pipeline, handler, entry)
        attempt = order.attempt
        self.book.begin(entry, attempt)
        try:
            result, follow = await self._work(order)
        except CancelledError:
            await self._cut_off(order)
            raise
        except Exception as error:
            self._errors[entry.id, handler.name] = error
            raise
        # From here on nothing is awaited: success and what follows are one transaction.
        try:
            attempt.emitted = tuple(self._follow(order, at, one) for at, one in enumerate(follow))
        except Exception as error:
            self._errors[entry.id, handler.name] = error
            raise
        attempt.status, attempt.ended_at = PayloadStatus.COMPLETED, self._clock.now()
        attempt.result, attempt.has_result = result, True
        self.book.finish(entry, attempt)

    def _order(
        self, pipeline: PipelineDefinition, handler: HandlerDefinition, entry: Entry
    ) -> Order:
        number = entry.attempts_of(handler.name) + 1
        attempt = Attempt(
            handler.name,
            number,
            agent=agent_of(handler),
            workflow_id=self._runner.place(pipeline, handler, entry, number),
            started_at=self._clock.now(),
        )
        return Order(pipeline, handler, entry, attempt, self._names(pipeline, entry, number))

    async def _work(self, order: Order) -> tuple[Any, Sequence[Emission]]:
        if not wanted(order.handler, order.names):
            return None, ()
        result = await self._runner.run(order)
        json.dumps(result)  # what can't be kept must fail before anything follows from it
        return result, emissions(order.handler, order.names, result)

    async def _cut_off(self, order: Order) -> None:
        """The payload was cancelled, or the engine ends."""
        entry, name = order.entry, order.handler.name
        if entry.id not in self._cancelled:
            self.book.interrupt(entry, name)
            return
        try:
            await self._runner.cancel(order)
        finally:
            why = "The payload was cancelled."
            self.book.close(entry, name, PayloadStatus.CANCELLED, self._clock.now(), why)
            if entry.ended:
                self._cancelled.discard(entry.id)

    def _follow(self, order: Order, at: int, emission: Emission) -> str:
        """Let in what follows from a handler's success; its id."""
        pipeline = self.loaded.get(order.pipeline.name, order.pipeline)
        origin, now = order.entry.origin, self._clock.now()
        told = _event_of(pipeline, emission.event)
        check_data(told, emission.data)
        follow = Origin(
            derived_id(origin.id, order.handler.name, at),
            pipeline.name,
            emission.event,
            emission.data,
            now,
            priority=told.priority if emission.priority is None else emission.priority,
            deadline=_deadline(told, now),
            cause=f"payload/{origin.id}",
            root=origin.root,
            hops=origin.hops + 1,
            routing_key=origin.routing_key,
            agent_affinity=origin.agent_affinity,
        )
        return self._enter(pipeline, told, follow).id

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
        while here is not None and here.origin.cause is not None:
            kind, _, name = here.origin.cause.partition("/")
            here = self.book.get(name) if kind == "payload" else None
            if here is not None:
                found.append(here)
        return found[::-1]

    # ---- ends that propulsion decides ------------------------------------------------------------

    async def _on_retry(self, payload: PropulsionPayload, attempt: int, delay: float) -> None:  # noqa: ARG002  # the hook's keywords
        due = self._clock.now() + timedelta(seconds=delay)
        self._note_failure(payload, PayloadStatus.RETRYING, due)

    async def _on_dead(self, payload: PropulsionPayload, error: str) -> None:  # noqa: ARG002  # the hook's keywords
        self._note_failure(payload, PayloadStatus.DEAD, None)

    def _note_failure(
        self, payload: PropulsionPayload, status: PayloadStatus, due: datetime | None
    ) -> None:
        name = _handler_of(payload)
        entry, error = self.book.get(payload.id), self._errors.pop((payload.id, name), None)
        if entry is None:
            return
        attempt = entry.running(name)
        now = self._clock.now()
        if attempt is None:
            self.book.begin(entry, attempt := Attempt(name, entry.attempts_of(name) + 1))
        attempt.status, attempt.ended_at = status, now
        attempt.error = _told(error) if error is not None else payload.last_error
        attempt.error_type = None if error is None else _kind(error)
        self.book.finish(entry, attempt, due)

    async def _on_expire(self, payload: PropulsionPayload) -> None:
        entry = self.book.get(payload.id)
        if entry is not None:
            name = _handler_of(payload)
            self.book.close(entry, name, PayloadStatus.EXPIRED, self._clock.now(), EXPIRED)

    # ---- looking ---------------------------------------------------------------------------------

    def reason(self, entry: Entry) -> str:
        """Why a payload waits, in words; empty if it does not."""
        status = entry.status
        if status is PayloadStatus.RETRYING:
            return "waits for its next attempt"
        if status is not PayloadStatus.QUEUED:
            return ""
        origin = entry.origin
        if origin.pipeline not in self.loaded:
            return "its pipeline is not loaded"
        for name in entry.open_handlers():
            found = self.gates.reason(key_of(origin.pipeline, origin.event, name))
            if found is not None:
                return found
        return "waits for its turn"


async def _gone(pipeline: str, handler: str, payload: PropulsionPayload) -> None:
    raise f.HandlerGone(
        f"{pipeline} was loaded anew and has no handler {handler} any more; payload {payload.id} was "
        "meant for it. Discard it, or load the pipeline with such a handler and replay it."
    )


def agent_of(handler: HandlerDefinition) -> str:
    """The agent that a handler lets work; empty if it is none, or several."""
    task = handler.task
    return str(task.metadata.get("agent", "")) if task.agent_type == "agent" else ""


def _event_of(pipeline: PipelineDefinition, event: str) -> EventDefinition:
    for one in pipeline.events:
        if one.name == event:
            return one
    known = ", ".join(one.name for one in pipeline.events)
    raise f.EventUnknown(f"{pipeline.name} has no event {event!r}; it has {known}.", event=event)


def _deadline(event: EventDefinition, now: datetime) -> datetime | None:
    return None if event.deadline is None else now + timedelta(seconds=event.deadline)


def _may_want(handler: HandlerDefinition, names: Names) -> bool:
    """Whether a handler's condition holds; where that can't be told, handling it will say so."""
    try:
        return wanted(handler, names)
    except QuarterdeckError:
        return True


def _handler_of(payload: PropulsionPayload) -> str:
    return (payload.target_stage or "").split("/", 2)[2]


def _told(error: Exception) -> str:
    if isinstance(error, QuarterdeckError):
        return error.message
    return f"{type(error).__name__}: {error}"


def _kind(error: Exception) -> str:
    return error.code if isinstance(error, QuarterdeckError) else type(error).__name__
