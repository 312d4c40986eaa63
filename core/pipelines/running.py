"""Pipelines as they run: payloads on their way through handlers, and what follows from these."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from ..base.batches import BatchLog, BatchStore
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import QuarterdeckError
from ..base.priority import Priority
from ..propulsion.gated import GatedEngine
from ..propulsion.hooks import HookManager
from ..propulsion.payload import PropulsionPayload
from ..propulsion.running import EXPIRED
from ..protocol.pipeline_views import PayloadStatus
from . import faults as f
from .book import Book
from .deadlines import Deadlines
from .definition import PipelineDefinition
from .entering import deadline_of, event_of
from .entries import Entry, Origin
from .files.executing import check_data
from .gating import NOT_LOADED, HandlerGates, key_of, runs_in_place
from .handling import CANCELLED, Handling
from .ports import HandlerRunner
from .together import Together

QUEUE_LOG = "pipelines.queue"
BOOK_LOG = "pipelines.book"
MAX_PENDING = 100_000
NOT_KEPT = "It could not be kept as it was propelled, and whoever did was told so."
AT_WORK = 1_000
"""How many handlers may be under way, those included that wait for people."""


class Pipelines(Handling):
    """All pipelines of one engine: one propulsion engine, one book, their gates.

    ``capacity`` is that of the gates. What is done about a payload in one turn of the
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
        self._store = Together(store)
        self.gates = HandlerGates(capacity, clock, self._open_later)
        hooks = HookManager()
        engine = GatedEngine(
            self.gates,
            hooks,
            AT_WORK,
            store=self._store,
            log=QUEUE_LOG,
            max_pending=max_pending,
            max_results=1,
            clock=clock,
            monotonic=clock.monotonic,
        )
        super().__init__(
            engine, hooks, runner, book=book or Book(), clock=clock, max_pending=max_pending
        )
        engine.held_back = self._held_back
        self._log: BatchLog | None = None
        self._registered: dict[str, list[Callable[[], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadlines = Deadlines(clock, self._too_late, self._is_open)
        self._errands: set[asyncio.Task[None]] = set()
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
        left = [one for one in self.book.entries.values() if not one.ended]
        self._engine.let_begin(
            {
                (one.id, key_of(one.origin.pipeline, one.origin.event, name))
                for one in left
                for name in one.begun
            }
        )
        now = self._clock.now()
        self._engine.postpone(
            {
                (one.id, key_of(one.origin.pipeline, one.origin.event, name)): (
                    due - now
                ).total_seconds()
                for one in left
                for name, due in one.due.items()
            }
        )
        self._engine.cancel_all({entry.id for entry in left if entry.cancelling})
        for entry in left:
            if entry.cancelling:
                self._errand(self._end_cancelled(entry))
            else:
                self._heed_deadline(entry)

    async def _end_cancelled(self, entry: Entry) -> None:
        """See to the end of what a former engine was told to cancel."""
        for name in list(entry.open_handlers()):
            await self._runner.cancel(entry, name, entry.attempts_of(name) + 1)
            self.book.close(entry, name, PayloadStatus.CANCELLED, self._clock.now(), CANCELLED)

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def look(self) -> None:
        """Look at the clock, which may have been set: what is too late by now expires."""
        self._deadlines.look()

    async def settled(self) -> None:
        """Wait until all that happened is on disk."""
        if self._log is not None:  # else nothing was loaded, and nothing can have happened
            await self._log.settled()

    async def close(self) -> None:
        """Cut off what is under way; the next engine begins it again."""
        self.closing = True
        self._deadlines.close()
        if self._timer is not None:
            self._timer.cancel()
        for errand in list(self._errands):
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
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

    def reopen(self) -> None:
        """What holds handlers back from outside has changed."""
        if not self.closing:
            self._engine.opened()

    # ---- pipelines -----------------------------------------------------------------------------

    def put(self, pipeline: PipelineDefinition) -> None:
        """Load a pipeline, or replace the one of its name; what waits goes on with the new one."""
        self._take_out(pipeline.name)
        self.loaded[pipeline.name] = pipeline
        self.gates.put(pipeline)
        known = set()
        self._engine.go_on(self._going_on(pipeline))
        for handler in pipeline.handlers():
            key = key_of(pipeline.name, handler.event, handler.name)
            known.add(key)
            self._register(
                pipeline.name, key, partial(self._handle, pipeline, handler), handler.name
            )
        for entry in self.book.open_of(pipeline.name):
            for name in entry.open_handlers():
                key = key_of(pipeline.name, entry.origin.event, name)
                if key not in known:
                    known.add(key)
                    self._register(pipeline.name, key, partial(_gone, pipeline.name, name), name)
        self._engine.opened()

    def _going_on(self, pipeline: PipelineDefinition) -> set[tuple[str, str]]:
        """What a former engine began, and goes on by itself: payloads' ids and event types."""
        lasting = {(one.event, one.name) for one in pipeline.handlers() if not runs_in_place(one)}
        return {
            (entry.id, key_of(pipeline.name, entry.origin.event, name))
            for entry in self.book.open_of(pipeline.name)
            for name in entry.begun
            if (entry.origin.event, name) in lasting
        }

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

        :raises PipelineBusy: if there are such payloads.
        """
        self._cancel(self.check_idle(name, force=force))
        self._take_out(name)
        self.gates.pause(name, on=False)
        self.book.forget_figures(name)
        await self.settled()

    def check_idle(self, name: str, *, force: bool = False) -> list[Entry]:
        """The payloads of a pipeline that have not ended; with ``force`` there may be some.

        :raises PipelineBusy: if there may be none.
        """
        waiting = self.book.open_of(name)
        if waiting and not force:
            raise f.PipelineBusy(
                f"{len(waiting)} payloads of {name} have not ended. Wait for them, or unload it with "
                "force: they are cancelled then.",
                pipeline=name,
            )
        return waiting

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
        above: str | None = None,
    ) -> Entry:
        """Put a payload into a lane; it is kept when this returns. One of a known id is that one.

        ``above`` is the payload that led to it through a workflow: it belongs to the same chain.

        :raises PipelineUnknown: if no such pipeline is loaded.
        :raises EventUnknown: if it has no such event type.
        :raises PayloadDataInvalid: if the data do not fit what the event type says.
        :raises PayloadsFull: if as many wait as there may.
        :raises QuarterdeckError: if it can't be kept; it is cancelled then.
        """
        known = self.book.get(payload_id)
        if known is not None:
            await self.settled()
            return known
        definition = self.get(pipeline)
        told = event_of(definition, event)
        check_data(told, data)
        now = self._clock.now()
        before = None if above is None else self.book.get(above)
        origin = Origin(
            payload_id,
            pipeline,
            event,
            data,
            now,
            priority=told.priority if priority is None else priority,
            deadline=deadline or deadline_of(told, now),
            cause=cause,
            root=payload_id if before is None else before.origin.root,
            hops=0 if before is None else before.origin.hops + 1,
            routing_key=routing_key,
            agent_affinity=agent_affinity,
            above=None if before is None else before.id,
        )
        entry = self._enter(definition, told, origin)
        try:
            await self.settled()
        except QuarterdeckError:  # whoever is told that it failed propels it again
            self._cancel([entry], NOT_KEPT)
            raise
        return entry

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
        self._cancel([entry])
        await self.settled()
        return entry

    def _cancel(self, entries: Sequence[Entry], why: str = CANCELLED) -> None:
        fresh = [entry for entry in entries if not entry.cancelling]
        for entry in fresh:
            self.book.cancel(entry)
        self._engine.cancel_all({entry.id for entry in fresh})
        now = self._clock.now()
        for entry in fresh:
            for name in list(entry.open_handlers()):
                if entry.running(name) is None:
                    self.book.close(entry, name, PayloadStatus.CANCELLED, now, why)

    def _heed_deadline(self, entry: Entry) -> None:
        if entry.origin.deadline is not None:
            self._deadlines.watch(entry.id, entry.origin.deadline)

    def _is_open(self, payload_id: str) -> bool:
        entry = self.book.get(payload_id)
        return entry is not None and not entry.ended

    def _too_late(self, payload_ids: set[str]) -> None:
        """End what has not begun of these payloads; what waits for an agent or a budget has not."""
        now = self._clock.now()
        for payload_id, key in self._engine.expire(payload_ids):
            entry = self.book.get(payload_id)
            if entry is not None:
                name = key.rpartition("/")[2]
                self.book.close(entry, name, PayloadStatus.EXPIRED, now, EXPIRED)
        for entry in filter(None, map(self.book.get, payload_ids)):
            for name in list(entry.open_handlers()):
                attempt = entry.running(name)
                if (
                    attempt is not None
                    and attempt.number == 1
                    and self._runner.not_begun(entry, attempt)
                ):
                    self._late.add((entry.id, name))
                    key = key_of(entry.origin.pipeline, entry.origin.event, name)
                    self._engine.cancel(entry.id, key)

    def hurry(self, payload_id: str) -> Entry:
        """Let a payload that waits for its next attempt be tried now.

        :raises PayloadUnknown: if none of this id is kept.
        :raises PayloadNotRetrying: if it waits for no attempt.
        :raises PipelineUnknown: if its pipeline is not loaded.
        """
        entry = self.find(payload_id)
        now = self._clock.now()
        before, entry.due = entry.due, dict.fromkeys(entry.due, now)
        if not self._engine.hurry(payload_id):
            entry.due = before
            if entry.status is PayloadStatus.RETRYING:
                self.get(entry.origin.pipeline)
            raise f.PayloadNotRetrying(
                f"Payload {payload_id} is {entry.status}, and waits for no attempt.",
                payload_id=payload_id,
            )
        self.book.heard(entry)
        return entry

    def _held_back(self, payload_id: str) -> None:
        """Its time has come, and a gate is closed: a retry waits for that one from now on."""
        entry = self.book.get(payload_id)
        if entry is not None and entry.status is PayloadStatus.RETRYING:
            self.book.heard(entry)

    async def replay(self, payload_id: str) -> Entry:
        """Submit a dead payload anew, for the handlers that have not succeeded.

        :raises PayloadNotDead: if it has not failed for good.
        :raises PayloadEnded: if its deadline has passed: it would expire at once.
        :raises PipelineUnknown: if its pipeline is not loaded.
        :raises HandlerGone: if that has none of these handlers any more.
        """
        entry = self._dead(payload_id)
        deadline = entry.origin.deadline
        if deadline is not None and deadline < self._clock.now():
            raise f.PayloadEnded(
                f"The deadline of payload {payload_id} has passed at {deadline.astimezone():%H:%M:%S}, "
                "so that nothing would begin. Propel its data anew, or discard it.",
                payload_id=payload_id,
            )
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
        self._heed_deadline(entry)
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

    # ---- looking ---------------------------------------------------------------------------------

    def reason(self, entry: Entry) -> str:
        """Why a payload waits, in words; empty if it does not."""
        status = entry.status
        if entry.cancelling and not entry.ended:
            return "is being cancelled"
        due = min(entry.due.values(), default=None)
        if status is PayloadStatus.RETRYING and due is not None and due > self._clock.now():
            return f"next attempt at {due.astimezone():%H:%M:%S}"
        if status not in {PayloadStatus.QUEUED, PayloadStatus.RETRYING}:
            return ""
        origin = entry.origin
        if origin.pipeline not in self.loaded:
            return NOT_LOADED
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
