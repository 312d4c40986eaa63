"""The pipelines of one engine: loaded and kept, steered, read, told of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ...base.batches import BatchStore
from ...base.clock import SYSTEM_CLOCK, Clock
from ...base.errors import QuarterdeckError
from ...base.homes import expanded
from ...base.kept import Kept, KeptStore
from ...coordination.consensus import Votes
from ...pipelines.definition import PipelineDefinition, TriggerDefinition
from ...pipelines.entries import Entry, moment
from ...pipelines.faults import PipelineBusy, PipelineUnknown, PipelineUnusable
from ...pipelines.gating import NOT_LOADED
from ...pipelines.ids import derived_id
from ...pipelines.running import Pipelines
from ...pipelines.triggers.ports import Memory
from ...pipelines.voting import Voting
from ...protocol import pipeline_commands as c
from ...protocol.events import Cause, Event, StatusChanged
from ...protocol.pipeline_events import PipelineLoaded, PipelineUnloaded
from ...protocol.pipeline_views import (
    PayloadDetailView,
    PayloadStatus,
    PayloadView,
    PipelineView,
    WholePipelineView,
)
from ...sessions.desk import AttentionDesk
from ...telemetry.logs import logger
from ...telemetry.ports import MetricsCollector, NullMetrics
from ...workflows.executors.desk import Desk
from ..answering import Answerers
from ..journal import Journal
from ..safety.service import SafetyService
from ..workflows.service import WorkflowService
from .emitting import EmitExecutor
from .people import DISCARD, PAYLOAD, PROPOSAL, REPLAY, PipelinePeople
from .runs import HandlerRuns
from .telling import Telling
from .triggering import Triggers
from .views import Standing, payload_view, pipeline_view, run_view, whole_view

KIND = "pipeline"
"""Records of loaded pipelines."""
SHOWN = 300
"""Of so many payloads that wait, the newest, it is told when they wait for something else."""

_log = logger("engine.pipelines")


class PipelineService:
    """Owns the running pipelines over the engine's store.

    ``capacity`` is that of the handlers' gates. Pipelines stay loaded until they are unloaded: each
    engine reads their files again. ``votes`` are those of the engine, where it has others. Without a
    ``memory`` nothing propels by itself.
    """

    def __init__(
        self,
        store: BatchStore,
        kept: KeptStore,
        journal: Journal,
        workflows: WorkflowService,
        *,
        desk: AttentionDesk | None = None,
        votes: Votes | None = None,
        metrics: MetricsCollector | None = None,
        memory: Memory | None = None,
        capacity: int = 10,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._triggers = Triggers(memory, clock, self._triggered)
        self._kept = kept
        self._journal = journal
        self._workflows = workflows
        self._clock = clock
        self._standings: dict[str, Standing] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._workflow_of: Callable[[str], str] = lambda _session_id: ""
        self._ready = asyncio.Event()
        self._steering = asyncio.Lock()  # one is loaded, unloaded, paused at a time
        self._desk: Desk | None = None
        votes = votes or Votes(kept, clock)
        self._people = PipelinePeople(
            desk,
            journal,
            votes,
            errand=self._errand,
            lane=self._dead_of,
            noted=lambda entry: self.running.book.ask(entry),  # noqa: PLW0108  # made below
        )
        self._voting = Voting(votes, self._people)
        self._runs = HandlerRuns(workflows, self._voting)
        self.functions = self._runs.in_place
        self.running = Pipelines(store, self._runs, capacity=capacity, clock=clock)
        self._runs.in_place.closing = lambda: self.running.closing
        workflows.waits_moved.append(self._waits_moved)
        self._voting.moved = self._payload_moved
        self._telling = Telling(
            journal,
            metrics or NullMetrics(),
            payload=self._payload_view,
            reason=self._reason,
            pipeline=self._line,
            died=self._people.died,
        )
        workflows.orchestrator.register_executor(
            "emit", EmitExecutor(self._own_desk, self._emitted)
        )

    def answer_through(self, answerers: Answerers) -> None:
        """Take the answers to what is asked here."""
        answerers.register(PROPOSAL, self._people.vote)
        answerers.register(PAYLOAD, self._decide)

    def heed(self, safety: SafetyService) -> None:
        """Call no function in place but with its leave, and none while everything is halted."""
        self.running.gates.halted = safety.halt_reason
        self._runs.in_place.safety = safety
        self._runs.places.sessions_of = safety.gate.sessions_of
        self._workflow_of = safety.gate.workflow_of
        self._runs.in_place.gates = self.running.gates
        safety.halt_moved.append(self.running.reopen)
        safety.halt_moved.append(self._gates_moved)

    # ---- the engine's life -----------------------------------------------------------------------

    async def load(self) -> None:
        """Take up what former engines left, and load the pipelines that were loaded."""
        await self.running.load()
        book = self.running.book
        book.heard, book.forgotten = self._telling.heard, self._forgotten
        for record in await self._kept.all_kept(KIND):
            await self._load_again(record)
        dead = [one for one in book.entries.values() if one.status is PayloadStatus.DEAD]
        self._people.load(book.get, dead)
        self._ready.set()
        for definition in list(self.running.loaded.values()):
            await self._triggers.start(definition)

    async def _load_again(self, record: Kept) -> None:
        body = json.loads(record.body)
        standing = Standing(
            body["file"],
            body["inputs"],
            body["cwd"],
            moment(body["loaded_at"]) or self._clock.now(),
            body["paused"],
            version=record.version,
        )
        self._standings[record.key] = standing
        self.running.gates.pause(record.key, on=standing.paused)
        try:
            definition = await self._read(standing)
            if definition.name != record.key:
                raise PipelineUnusable(f"{standing.file} is {definition.name} by now.")
        except QuarterdeckError as fault:
            standing.error = fault.message
            _log.error("a pipeline could not be loaded again", fault, pipeline=record.key)
        else:
            self.running.put(definition)

    def look(self) -> None:
        """Start what is due by the clock, which may have jumped."""
        self._triggers.look()
        self.running.look()

    async def close(self) -> None:
        """Cut off what is under way; the next engine goes on with it, and lets in what is emitted now."""
        self._ready.clear()
        try:
            await self._triggers.close()
            await self.running.close()
        finally:
            self._telling.close()
            for errand in list(self._errands):
                errand.cancel()
            await asyncio.gather(*self._errands, return_exceptions=True)
            self._runs.close()

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def _forgotten(self, entry: Entry) -> None:
        """A payload is known no more: what worked on it goes, too."""
        if entry.attempts:
            self._errand(self._delete(entry))

    async def _delete(self, entry: Entry) -> None:
        for attempt in entry.attempts:
            await self._voting.forget(entry.id, attempt)
        for one in entry.workflows():
            try:
                await self._workflows.drop(one)
            except QuarterdeckError as fault:
                _log.debug("the work on a payload was not deleted", id=one, why=fault.message)

    # ---- pipelines -------------------------------------------------------------------------------

    async def load_file(self, wish: c.LoadPipeline, cause: Cause) -> PipelineView:
        """Load a pipeline, or replace the one of its name.

        :raises QuarterdeckError: what is wrong with the file or its inputs.
        """
        file = str(expanded(wish.file).absolute())
        standing = Standing(file, wish.inputs, wish.cwd, self._clock.now())
        definition = await self._read(standing)
        async with self._steering:
            await self._take_in(definition, standing)
            view = self.view(definition.name)
            await self._journal.record([], [PipelineLoaded(pipeline=view)], cause)
        self._gates_moved()
        return view

    async def _take_in(self, definition: PipelineDefinition, standing: Standing) -> None:
        name = definition.name
        before = self._standings.get(name)
        if before is not None:
            standing.version, standing.paused = before.version, before.paused
        await self._keep(name, standing)
        self._standings[name] = standing
        self.running.put(definition)
        await self._triggers.start(definition)

    async def _read(self, standing: Standing) -> PipelineDefinition:
        # Start-up time: YAML and schemas are loaded with the first file.
        from ...pipelines.files import load_pipeline  # noqa: PLC0415

        found = self._workflows.surroundings
        agents = None if found is None else frozenset(found.agents)
        directory = None if standing.cwd is None else expanded(standing.cwd)
        return await asyncio.to_thread(
            load_pipeline,
            Path(standing.file),
            standing.inputs,
            directory=directory,
            agents=agents or None,
        )

    async def _keep(self, name: str, standing: Standing) -> None:
        body = {
            "file": standing.file,
            "inputs": dict(standing.inputs),
            "cwd": standing.cwd,
            "paused": standing.paused,
            "loaded_at": standing.loaded_at.isoformat(),
        }
        record = Kept(KIND, name, standing.version + 1, json.dumps(body))
        if not await self._kept.put_kept(record):
            known = await self._kept.get_kept(KIND, name)
            standing.version = 0 if known is None else known.version
            record = Kept(KIND, name, standing.version + 1, record.body)
            await self._kept.put_kept(record)
        standing.version += 1

    async def unload(self, wish: c.UnloadPipeline, cause: Cause) -> None:
        """Forget a pipeline.

        :raises PipelineBusy: if payloads of it have not ended, and it is not forced.
        """
        async with self._steering:
            self._standing(wish.name)
            self.running.check_idle(wish.name, force=wish.force)
            await self._triggers.stop(wish.name)
            try:
                await self.running.remove(wish.name, force=wish.force)
            except PipelineBusy:  # a trigger that was being stopped has propelled
                await self._triggers.start(self.running.loaded[wish.name])
                raise
            await self._kept.remove_kept(KIND, wish.name)
            del self._standings[wish.name]
            await self._journal.record([], [PipelineUnloaded(name=wish.name)], cause)

    async def pause(self, name: str, *, on: bool) -> PipelineView:
        """Begin no more payloads of a pipeline, or go on."""
        async with self._steering:
            standing = self._standing(name)
            if standing.paused is not on:
                standing.paused = on
                try:
                    await self._keep(name, standing)
                except BaseException:
                    standing.paused = not on
                    raise
                self.running.pause(name, on=on)
                self._telling.stirred(name)
                self._gates_moved()
            return self.view(name)

    def _standing(self, name: str) -> Standing:
        found = self._standings.get(name)
        if found is None:
            known = ", ".join(self._standings) or "none"
            raise PipelineUnknown(
                f"No pipeline {name!r} is loaded; those that are: {known}. Load one with: quarterdeck "
                "pipeline load FILE"
            )
        return found

    # ---- payloads --------------------------------------------------------------------------------

    async def propel(
        self, wish: c.PropelPayload, payload_id: str, cause: str | None, above: str | None = None
    ) -> PayloadView:
        """Put a payload into a lane; one of this id is taken for the same.

        :raises QuarterdeckError: if there is no such pipeline or event, or the data do not fit.
        """
        standing = self._standing(wish.name)
        if standing.error is not None:
            raise PipelineUnusable(
                f"{wish.name} could not be loaded again: {standing.error} Mend the file and load it."
            )
        entry = await self.running.propel(
            wish.name,
            wish.event,
            wish.data,
            payload_id=payload_id,
            cause=cause,
            priority=wish.priority,
            deadline=wish.deadline,
            routing_key=wish.routing_key,
            agent_affinity=wish.agent_affinity,
            above=above,
        )
        return self._payload_view(entry)

    async def propel_asked(self, wish: c.PropelPayload, payload_id: str) -> PayloadView:
        """The same, for a command; a hook of git's that sent it has propelled once more.

        :raises QuarterdeckError: as ``propel`` does.
        """
        if wish.hook is None:
            return await self.propel(wish, payload_id, None)
        known = self.running.book.get(payload_id) is not None
        view = await self.propel(wish, payload_id, f"trigger/git/{wish.hook}")
        if not known:
            self._triggers.fired(wish.name, wish.event, wish.hook, wish.repository)
        return view

    async def _triggered(
        self, pipeline: str, trigger: TriggerDefinition, data: Any, payload_id: str
    ) -> None:
        wish = c.PropelPayload(
            name=pipeline, event=trigger.event, data=data, priority=trigger.priority
        )
        await self.propel(wish, payload_id, f"trigger/{trigger.kind}")

    async def _emitted(self, wish: c.PropelPayload, cause: str, attempt: str) -> str:
        above = await self._runs.places.payload_behind(cause.split("/")[1])
        await self._ready.wait()  # from here to the lane nothing is awaited
        return (await self.propel(wish, derived_id(attempt, "emit"), cause, above)).id

    def _own_desk(self) -> Desk:
        """What the executor of ``emit`` works with, as those of the other kinds do."""
        if self._desk is None:
            found = self._workflows.surroundings
            assert found is not None  # noqa: S101  # a task of a file runs
            self._desk = Desk(self._workflows.orchestrator, found)
        return self._desk

    async def cancel(self, payload_id: str) -> PayloadView:
        """End a payload that waits or runs."""
        return self._payload_view(await self.running.cancel(payload_id))

    async def retry(self, payload_id: str) -> PayloadView:
        """Try a payload now that waits for its next attempt."""
        return self._payload_view(self.running.hurry(payload_id))

    async def replay(self, payload_id: str) -> PayloadView:
        """Submit a dead payload anew."""
        entry = await self.running.replay(payload_id)
        self._people.gone(entry)
        return self._payload_view(entry)

    async def discard(self, payload_id: str) -> PayloadView:
        """Remove a dead payload."""
        entry = await self.running.discard(payload_id)
        self._people.gone(entry)
        self._telling.stirred(entry.origin.pipeline)
        return self._payload_view(entry)

    async def _decide(self, item: Any, wish: Any, by: str, cause: Cause) -> Mapping[str, Any]:
        acts = {REPLAY: self.replay, DISCARD: self.discard}
        return await self._people.decide(item, wish, by, cause, acts)

    def _dead_of(self, pipeline: str, event: str) -> list[Entry]:
        return [
            one
            for one in self.running.book.entries.values()
            if one.status is PayloadStatus.DEAD
            and (one.origin.pipeline, one.origin.event) == (pipeline, event)
        ]

    # ---- looking ---------------------------------------------------------------------------------

    def views(self) -> tuple[PipelineView, ...]:
        """Every pipeline, by name."""
        return tuple(self.view(name) for name in sorted(self._standings))

    def view(self, name: str) -> PipelineView:
        """One pipeline.

        :raises PipelineUnknown: if there is none of this name.
        """
        standing = self._standing(name)
        definition = self.running.loaded.get(name)
        return pipeline_view(name, standing, definition, self.running.book, self._clock.now())

    def _line(self, name: str) -> PipelineView | None:
        return self.view(name) if name in self._standings else None

    def whole(self, name: str) -> WholePipelineView:
        """One pipeline with its handlers and triggers."""
        view, standing = self.view(name), self._standing(name)
        definition = self.running.loaded.get(name)
        return whole_view(view, standing, definition, self.running.book, self._triggers.views(name))

    def payloads(self, wish: c.ListPayloads) -> list[PayloadView]:
        """Payloads that pass the filters, newest first."""
        found: list[PayloadView] = []
        for entry in self.running.book.newest():
            if _passes(entry, wish):
                found.append(self._payload_view(entry))
                if len(found) >= wish.limit:
                    break
        return found

    async def payload(self, payload_id: str) -> PayloadDetailView:
        """All about one payload.

        :raises PayloadUnknown: if none of this id is kept.
        """
        entry = self.running.find(payload_id)
        runs = [
            run_view(one, *await self._runs.places.of(one.workflow_id)) for one in entry.attempts
        ]
        return PayloadDetailView(
            payload=self._payload_view(entry),
            data=entry.origin.data,
            causes=tuple(self._payload_view(one) for one in self.running.causes(entry)),
            effects=tuple(self._payload_view(one) for one in self.running.effects(entry)),
            runs=tuple(runs),
        )

    def _payload_view(self, entry: Entry) -> PayloadView:
        definition = self.running.loaded.get(entry.origin.pipeline)
        return payload_view(entry, definition, self._reason(entry))

    def _reason(self, entry: Entry) -> str:
        reason = self.running.reason(entry)
        if not reason and entry.status is PayloadStatus.RUNNING:
            return self._runs.reasons.of(entry)
        if reason == NOT_LOADED and self._runs.goes_on(entry):
            return f"{NOT_LOADED}; what had begun goes on"
        return reason

    # ---- what payloads wait for ------------------------------------------------------------------

    def _waits_moved(self, place: str) -> None:
        """What works on a payload, and is known by this id, may wait for something else."""
        self._payload_moved(self._runs.payload_of(place) or "")

    def _payload_moved(self, payload_id: str) -> None:
        entry = self.running.book.get(payload_id)
        if entry is not None:
            self._telling.waits((entry,))

    def _gates_moved(self) -> None:
        """Gates have closed or opened: what waits before them does so for another reason."""
        waiting = (one for one in self.running.book.newest() if one.status is PayloadStatus.QUEUED)
        self._telling.waits(islice(waiting, SHOWN))

    def hear(self, event: Event) -> None:
        """A session's status has changed: one that works on a payload may ask for a person."""
        if isinstance(event.payload, StatusChanged):
            self._waits_moved(self._workflow_of(event.payload.session_id))


def _passes(entry: Entry, wish: c.ListPayloads) -> bool:
    origin = entry.origin
    return (
        wish.name in {None, origin.pipeline}
        and wish.event in {None, origin.event}
        and (not wish.statuses or entry.status in wish.statuses)
        and wish.root in {None, origin.root}
    )
