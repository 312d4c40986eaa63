"""Handling payloads: an attempt, its end, and what follows from it."""

from __future__ import annotations

import json
from asyncio import CancelledError
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ..base.clock import Clock
from ..base.errors import QuarterdeckError
from ..propulsion.faults import PermanentFault
from ..propulsion.gated import GatedEngine
from ..propulsion.hooks import HookManager, HookType
from ..propulsion.payload import PropulsionPayload
from ..propulsion.running import EXPIRED
from ..protocol.pipeline_views import PayloadStatus
from ..telemetry.redaction import HIDDEN
from .book import Book
from .definition import HandlerDefinition, PipelineDefinition
from .entering import Entering, deadline_of, event_of
from .entries import Attempt, Entry, Origin
from .files.executing import Emission, check_data, emissions, hidden, wanted
from .ids import derived_id
from .lasting import lasts
from .ports import HandlerRunner, Order

CANCELLED = "The payload was cancelled."
NOT_AGAIN = "It was not tried again: the next attempt would fail in the same way."


class Handling(Entering):
    """What handlers make of payloads."""

    def __init__(
        self,
        engine: GatedEngine,
        hooks: HookManager,
        runner: HandlerRunner,
        *,
        book: Book,
        clock: Clock,
        max_pending: int,
    ) -> None:
        super().__init__(engine, book, clock, max_pending)
        hooks.register(HookType.ON_RETRY, self._on_retry)
        hooks.register(HookType.ON_DEAD_LETTER, self._on_dead)
        hooks.register(HookType.ON_EXPIRE, self._on_expire)
        self._runner = runner
        self._errors: dict[tuple[str, str], tuple[Exception, bool]] = {}
        self._late: set[tuple[str, str]] = set()

    async def _handle(
        self, pipeline: PipelineDefinition, handler: HandlerDefinition, payload: PropulsionPayload
    ) -> None:
        entry = self.book.get(payload.id)
        if entry is None:
            return  # discarded while it was taken
        order = self._order(pipeline, handler, entry)
        attempt = order.attempt
        self.book.begin(entry, attempt)
        payload.deadline = (
            entry.origin.deadline
        )  # what had begun before a crash heeds it from here on
        answered = False
        try:
            asked = wanted(handler, order.names)
            result = await self._runner.run(order) if asked else None
            answered = True
            # From here on nothing is awaited: success and what follows are one transaction.
            follow = self._what_follows(order, result) if asked else ()
            attempt.emitted = tuple(self._follow(order, at, one) for at, one in enumerate(follow))
        except CancelledError:
            await self._cut_off(order)
            raise
        except Exception as error:
            hopeless = lasts(error, handler, answered=answered)
            self._errors[entry.id, handler.name] = error, hopeless
            if hopeless:
                raise PermanentFault(_told(error)) from error
            raise
        attempt.status, attempt.ended_at = PayloadStatus.COMPLETED, self._clock.now()
        attempt.result, attempt.has_result = result, True
        self.book.finish(entry, attempt)

    def _order(
        self, pipeline: PipelineDefinition, handler: HandlerDefinition, entry: Entry
    ) -> Order:
        number = entry.attempts_of(handler.name) + 1
        place = self._runner.place(pipeline, handler, entry, number)
        since = None if place is None else entry.begun.get(handler.name)
        attempt = Attempt(
            handler.name,
            number,
            agent=agent_of(handler),
            workflow_id=place,
            started_at=since or self._clock.now(),
        )
        return Order(pipeline, handler, entry, attempt, self._names(pipeline, entry, number))

    @staticmethod
    def _what_follows(order: Order, result: Any) -> Sequence[Emission]:
        json.dumps(result)  # what can't be kept must fail before anything follows from it
        return emissions(order.handler, order.names, result)

    async def _cut_off(self, order: Order) -> None:
        """The payload was cancelled, its deadline came before it began, or the engine ends."""
        entry, name = order.entry, order.handler.name
        late = (entry.id, name) in self._late
        if not (entry.cancelling or late):
            self.book.interrupt(entry, name)
            return
        self._late.discard((entry.id, name))
        status, why = PayloadStatus.CANCELLED, CANCELLED
        if not entry.cancelling:
            status, why = PayloadStatus.EXPIRED, EXPIRED
        try:
            await self._runner.cancel(entry, name, order.attempt.number)
        except CancelledError:  # the engine ends meanwhile: the next one sees to it
            self.book.interrupt(entry, name)
            raise
        self.book.close(entry, name, status, self._clock.now(), why)

    def _follow(self, order: Order, at: int, emission: Emission) -> str:
        """Let in what follows from a handler's success; its id."""
        pipeline = self.loaded.get(order.pipeline.name, order.pipeline)
        origin, now = order.entry.origin, self._clock.now()
        told = event_of(pipeline, emission.event)
        check_data(told, emission.data)
        follow = Origin(
            derived_id(origin.id, order.handler.name, at),
            pipeline.name,
            emission.event,
            emission.data,
            now,
            priority=told.priority if emission.priority is None else emission.priority,
            deadline=deadline_of(told, now),
            cause=f"payload/{origin.id}",
            root=origin.root,
            hops=origin.hops + 1,
            routing_key=origin.routing_key,
            above=origin.id,
        )
        return self._enter(pipeline, told, follow).id

    # ---- ends that propulsion decides ------------------------------------------------------------

    async def _on_retry(
        self, payload: PropulsionPayload, attempt: int, delay: float
    ) -> None:  # the hook's keywords
        due = self._clock.now() + timedelta(seconds=delay)
        self._note_failure(payload, PayloadStatus.RETRYING, due)

    async def _on_dead(self, payload: PropulsionPayload, error: str) -> None:  # the hook's keywords
        self._note_failure(payload, PayloadStatus.DEAD, None)

    def _note_failure(
        self, payload: PropulsionPayload, status: PayloadStatus, due: datetime | None
    ) -> None:
        name = _handler_of(payload)
        error, hopeless = self._errors.pop((payload.id, name), (None, False))
        entry = self.book.get(payload.id)
        if entry is None:
            return
        attempt = entry.running(name)
        now = self._clock.now()
        if attempt is None:
            self.book.begin(entry, attempt := Attempt(name, entry.attempts_of(name) + 1))
        attempt.status, attempt.ended_at = status, now
        told = _told(error) if error is not None else payload.last_error
        if hopeless and told and payload.attempt_count < payload.max_attempts:
            told = f"{told if told.endswith('.') else f'{told}.'} {NOT_AGAIN}"
        attempt.error = self._without_secrets(entry, told or "")
        attempt.error_type = None if error is None else _kind(error)
        self.book.finish(entry, attempt, due)

    def _without_secrets(self, entry: Entry, told: str) -> str:
        pipeline = self.loaded.get(entry.origin.pipeline)
        for secret in () if pipeline is None else hidden(pipeline):
            told = told.replace(secret, HIDDEN)
        return told

    async def _on_expire(self, payload: PropulsionPayload) -> None:
        entry = self.book.get(payload.id)
        if entry is not None:
            name = _handler_of(payload)
            self.book.close(entry, name, PayloadStatus.EXPIRED, self._clock.now(), EXPIRED)


def agent_of(handler: HandlerDefinition) -> str:
    """The agent that a handler lets work; empty if it is none, or several."""
    task = handler.task
    return str(task.metadata.get("agent", "")) if task.agent_type == "agent" else ""


def _handler_of(payload: PropulsionPayload) -> str:
    return (payload.target_stage or "").rpartition("/")[2]


def _told(error: Exception) -> str:
    if isinstance(error, QuarterdeckError):
        return error.message
    return f"{type(error).__name__}: {error}"


def _kind(error: Exception) -> str:
    return error.code if isinstance(error, QuarterdeckError) else type(error).__name__
