"""The workflows of one engine: created, steered, recovered, observed, read, started by the clock."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...base.clock import SYSTEM_CLOCK, Clock, Random
from ...base.homes import expanded
from ...base.ids import new_id
from ...base.timetable import CATCH_UPS, ScheduleInvalid, next_time
from ...protocol import workflow_commands as c
from ...protocol.attention import AttentionItem, AttentionKind
from ...protocol.commands import AnswerItem
from ...protocol.events import Cause
from ...protocol.workflow_events import WorkflowChanged, WorkflowCreated, WorkflowDeleted
from ...protocol.workflow_views import ScheduleView, WorkflowView
from ...sessions.desk import AttentionDesk
from ...telemetry.logs import logger
from ...workflows.backends.ports import TellsWaiting
from ...workflows.definition import WorkflowDefinition
from ...workflows.encoding import definition_of
from ...workflows.executors import Gates, Leftovers, OnOutput, Surroundings, register_executors
from ...workflows.executors.approve import AHEAD
from ...workflows.faults import WorkflowBusy
from ...workflows.leases import LEASE_SECONDS
from ...workflows.machine import Places
from ...workflows.orchestrator import WorkflowOrchestrator
from ...workflows.ports import WorkflowStore
from ...workflows.records import ScheduleRecord
from ...workflows.state_faults import WorkflowExists
from ...workflows.state_manager import StateManager
from ...workflows.statuses import ENDED, WorkflowStatus
from ..journal import Journal
from .awaited import answers_ahead, check_approvals, check_event
from .book import ENDED_KEPT, Book
from .clockwork import Clockwork
from .gates import WorkflowGates
from .gazette import Gazette
from .leftovers import end_leftovers
from .needs import Needs
from .neighbours import Neighbours
from .reading import Reading
from .views import FILE, schedule_view

UNFINISHED = frozenset(set(WorkflowStatus) - ENDED)
MOST_UNFINISHED = 10_000

SurroundingsOf = Callable[[Gates, OnOutput, int], Surroundings]
"""Makes what the executors of an engine with this epoch work with."""

_log = logger("engine.workflows")


@dataclass(frozen=True, slots=True)
class WorkflowOptions:
    """How the workflows of an engine run.

    ``lease_seconds`` is for how long nobody else takes over what this engine drives. ``shared``:
    other engines may use the same store, so what they leave is looked for.
    """

    max_parallel_tasks: int = 10
    lease_seconds: float = LEASE_SECONDS
    shared: bool = False


class WorkflowService:
    """Owns one orchestrator over the engine's store.

    ``engine_id`` names this engine's place in leases: one of the same id takes over at once what
    the former one held. ``executors_ready`` is called before anything runs: programs register theirs.
    ``places`` lets tasks of agents wait until one has room. Without ``desk`` and ``surroundings`` there are no executors but
    ``wait_for``, and those that are registered.
    """

    def __init__(
        self,
        store: WorkflowStore,
        journal: Journal,
        *,
        engine_id: str = "",
        desk: AttentionDesk | None = None,
        surroundings: SurroundingsOf | None = None,
        options: WorkflowOptions | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Random | None = None,
        places: Places | None = None,
    ) -> None:
        self.engine_id = engine_id or new_id()
        self.options = options or WorkflowOptions()
        self._store = store
        self._journal = journal
        self._clock = clock
        self._desk = desk
        self._book = Book()
        self._gazette = Gazette(
            journal,
            self._book,
            clock,
            self.engine_id,
            moved=self._moved,
            left=self._left,
            why=lambda *task: self.orchestrator.why_waiting(*task),  # noqa: PLW0108  # made below
            handled=self._waits_moved,
        )
        self.needs = Needs(desk, store, self._book, self._gazette, clock)
        self.states = StateManager(store=store, clock=clock)
        self.orchestrator = WorkflowOrchestrator(
            self.states,
            self.options.max_parallel_tasks,
            engine_id=self.engine_id,
            clock=clock,
            random=random,
            lease_seconds=self.options.lease_seconds,
            observer=self._gazette,
            places=places,
        )
        self.gates: WorkflowGates | None = None
        self.surroundings: Surroundings | None = None
        if desk is not None:
            self.gates = WorkflowGates(desk, store, journal, clock, waits=self._waits)
        self.reading = Reading(self.states, self._gazette, clock, self.engine_id)
        self._surroundings_of = surroundings
        self.clockwork = Clockwork(store, journal, clock, self._begin_scheduled)
        self.executors_ready: Callable[[], None] = lambda: None
        self.waits_moved: list[Callable[[str], None]] = []
        """Called with the id of an instance for which something may wait otherwise than before."""
        self._errands: set[asyncio.Task[None]] = set()
        seconds = self.options.lease_seconds if self.options.shared else None
        self.neighbours = Neighbours(seconds, self._take_over)
        self._closed = False

    # ---- the engine's life ---------------------------------------------------------------------

    async def load(self, epoch: int) -> None:
        """Take up what former engines of this place left, and what nobody drives.

        :raises QuarterdeckError: if the back end can't be reached, or the store fails.
        """
        leftovers: Leftovers | None = None
        if self.gates is not None and self._surroundings_of is not None:
            found = self._surroundings_of(self.gates, self._gazette.output, epoch)
            await found.backend.open()
            self.surroundings = found
            self.reading.artifacts = found.artifacts
            if isinstance(found.backend, TellsWaiting):
                self.reading.waiting = found.backend.waiting
            leftovers = register_executors(self.orchestrator, found)
        self.executors_ready()
        await self._fill_book()
        taken = await self.orchestrator.recover(former=[self.engine_id])
        self.needs.tidy()
        await self.needs.tell_failures()
        await self.clockwork.load()
        if taken:
            _log.info("workflows taken up", workflows=len(taken))
        self._errand(end_leftovers(leftovers, self._journal))
        self.neighbours.begin()

    async def close(self) -> None:
        """Let go: what can be adopted goes on, the rest is begun again by the next engine."""
        self._closed = True
        await self.neighbours.close()
        await self.clockwork.close()
        for errand in list(self._errands):
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
        try:
            await self.orchestrator.close()
        finally:
            self._gazette.flush()
            self._gazette.close()
            if self.surroundings is not None:
                await self.surroundings.backend.close()

    def views(self) -> tuple[WorkflowView, ...]:
        """What has not ended, and the newest of what has; newest first."""
        self._gazette.flush()
        return self._book.views()

    @property
    def desk(self) -> AttentionDesk | None:
        """Where people are asked; ``None`` if nobody is."""
        return self._desk

    def tell_again(self, workflow_id: str, task_id: str) -> None:
        """Why a task that is ready waits has changed: tell it anew."""
        self._gazette.tell_again(workflow_id, task_id)
        self._waits_moved(workflow_id)

    def _waits_moved(self, workflow_id: str) -> None:
        for one in self.waits_moved:
            one(workflow_id)

    def waits_for_people(self, workflow_id: str) -> str:
        """What an instance waits for that only a person can give; empty if nothing."""
        view = self._book.get(workflow_id)
        if view is None or not view.waiting:
            return ""
        return f"the workflow {view.name} waits for an answer: {', '.join(view.waiting)}"

    def look(self) -> None:
        """Start what is due by the clock, which may have jumped."""
        self.clockwork.look()

    async def _fill_book(self) -> None:
        for statuses, limit in ((UNFINISHED, MOST_UNFINISHED), (ENDED, ENDED_KEPT)):
            wish = c.ListWorkflows(statuses=tuple(statuses), limit=limit)
            for view in await self.reading.lines(wish):
                self._book.put(view)

    async def _take_over(self) -> None:
        """Take what other engines of the same store have left, and note what they brought."""
        taken = await self.orchestrator.recover()
        if taken:
            _log.info("workflows taken over", workflows=len(taken))
        await self._fill_book()

    def _errand(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    # ---- what needs a person -------------------------------------------------------------------

    def _waits(self, workflow_id: str, task_id: str, waits: bool) -> None:
        self._gazette.waits(workflow_id, task_id, waits=waits)
        self._waits_moved(workflow_id)

    def _left(self, workflow_id: str, task_id: str) -> None:
        if self.gates is not None and not self._closed:
            self.gates.left(workflow_id, task_id)

    def _moved(self, view: WorkflowView, before: WorkflowStatus) -> None:
        self.needs.moved(view, before, self._errand)

    async def answer(
        self, item: AttentionItem, wish: AnswerItem, by: str, cause: Cause
    ) -> Mapping[str, Any]:
        """Answer a gate.

        :raises ChoiceUnknown: if it has no such choice.
        """
        assert self.gates is not None  # noqa: S101  # there is an item of theirs
        return await self.gates.answer(item, wish, by, cause)

    # ---- creating ------------------------------------------------------------------------------

    async def create(self, wish: c.CreateWorkflow, cause: Cause, workflow_id: str) -> WorkflowView:
        """Create a workflow from a file, and start it; one of this id is taken for the same.

        :raises QuarterdeckError: what is wrong with the file, its inputs, or the answers ahead.
        """
        definition = await self.load_file(wish.file, wish.inputs, wish.cwd)
        check_approvals(definition, wish.approve)
        metadata: dict[str, Any] = {FILE: str(expanded(wish.file))}
        if wish.approve:
            metadata[AHEAD] = answers_ahead(wish.approve)
        return await self._create(definition, metadata, cause, workflow_id, start=wish.start)

    async def _create(
        self,
        definition: WorkflowDefinition,
        metadata: Mapping[str, Any],
        cause: Cause,
        workflow_id: str,
        *,
        start: bool,
    ) -> WorkflowView:
        try:
            await self.orchestrator.create_workflow(
                definition,
                workflow_id=workflow_id,
                name=definition.name,
                inputs=definition.metadata.get("inputs", {}),
                metadata=metadata,
            )
        except WorkflowExists:
            view = await self.reading.line(workflow_id)
        else:
            view = await self.reading.line(workflow_id)
            self._book.put(view)
            await self._journal.record([], [WorkflowCreated(workflow=view)], cause)
        if start and view.status is WorkflowStatus.PENDING:
            return await self.start(workflow_id, cause)
        return view

    async def begin(
        self,
        definition: WorkflowDefinition,
        workflow_id: str,
        *,
        parent: str,
        file: str = "",
    ) -> None:
        """Begin what another part of the engine needs done, or go on with it as it stands.

        With a ``file`` people are told of it, as of any other.
        """
        try:
            await self.orchestrator.create_workflow(
                definition,
                workflow_id=workflow_id,
                name=definition.name,
                inputs=definition.metadata.get("inputs", {}),
                metadata={FILE: file} if file else {},
                parent=parent,
            )
        except WorkflowExists:
            pass  # begun by a former engine
        else:
            if file:
                view = await self.reading.line(workflow_id)
                self._book.put(view)
                await self._journal.record([], [WorkflowCreated(workflow=view)])
        await self.orchestrator.carry_on(workflow_id)

    async def load_file(
        self, file: str, inputs: Mapping[str, Any], cwd: str | None
    ) -> WorkflowDefinition:
        """The workflow of a file.

        :raises QuarterdeckError: what is wrong with it, or its inputs.
        """
        # Start-up time: YAML, templates and schemas are loaded with the first file.
        from ...workflows.files.loading import load_workflow  # noqa: PLC0415

        path = expanded(file)
        directory = expanded(cwd) if cwd else path.absolute().parent
        agents = None if self.surroundings is None else frozenset(self.surroundings.agents)
        return await asyncio.to_thread(
            load_workflow,
            path,
            inputs,
            directory=directory,
            agents=agents or None,
            clock=self._clock,
        )

    # ---- steering ------------------------------------------------------------------------------

    async def start(self, workflow_id: str, cause: Cause) -> WorkflowView:
        """Begin it, or go on with a paused one; one that runs is left as it is.

        :raises OrchestrationError: if it has ended.
        :raises WorkflowBusy: if another engine drives it.
        """
        return await self._steered(
            workflow_id, cause, self.orchestrator.start_workflow(workflow_id)
        )

    async def pause(self, wish: c.PauseWorkflow, cause: Cause) -> WorkflowView:
        """Begin nothing more."""
        steer = self.orchestrator.pause_workflow(wish.workflow_id, interrupt=wish.interrupt)
        return await self._steered(wish.workflow_id, cause, steer)

    async def resume(self, workflow_id: str, cause: Cause) -> WorkflowView:
        """Go on with what is left."""
        steer = self.orchestrator.resume_workflow(workflow_id)
        return await self._steered(workflow_id, cause, steer)

    async def cancel(self, workflow_id: str, cause: Cause) -> WorkflowView:
        """Stop what runs, and end; returns when that is decided."""
        steer = self.orchestrator.cancel_workflow(workflow_id, wait=False)
        return await self._steered(workflow_id, cause, steer)

    async def retry(self, workflow_id: str, cause: Cause) -> WorkflowView:
        """Begin anew from what failed."""
        return await self._steered(
            workflow_id, cause, self.orchestrator.retry_workflow(workflow_id)
        )

    async def rerun(self, wish: c.RerunTask, cause: Cause) -> WorkflowView:
        """Begin anew from one task."""
        steer = self.orchestrator.rerun_workflow(wish.workflow_id, wish.task_id)
        return await self._steered(wish.workflow_id, cause, steer)

    async def roll_back(self, wish: c.RollBackWorkflow, cause: Cause) -> WorkflowView:
        """Restore a former state as a new version."""
        workflow_id = wish.workflow_id
        before = await self.reading.line(workflow_id)
        await self.orchestrator.rollback_workflow(workflow_id, wish.version)
        view = await self.reading.line(workflow_id)
        self._book.put(view)
        event = WorkflowChanged(workflow=view, old_status=before.status)
        await self._journal.record([], [event], cause)
        self._moved(view, before.status)
        return view

    async def delete(self, workflow_id: str, cause: Cause) -> None:
        """Remove one that has ended, with its logs and files."""
        view = await self.reading.line(workflow_id)
        await self.orchestrator.delete_workflow(workflow_id)
        self._book.remove(workflow_id)
        if self._desk is not None:
            self._desk.close_about(workflow_id, AttentionKind.FAILURE)
            self._desk.close_about(workflow_id, AttentionKind.GATE)
        gone = WorkflowDeleted(workflow_id=workflow_id, name=view.name)
        await self._journal.record([], [gone], cause)
        await self._remove_files(workflow_id)

    async def drop(self, workflow_id: str) -> None:
        """Remove one that another part of the engine needs no more, with its logs and files."""
        if self._book.get(workflow_id) is not None:
            await self.delete(workflow_id, Cause())
            return
        await self.orchestrator.delete_workflow(workflow_id)
        await self._remove_files(workflow_id)

    async def _remove_files(self, workflow_id: str) -> None:
        if self.surroundings is not None:
            left = self.surroundings.artifacts / workflow_id
            await asyncio.to_thread(shutil.rmtree, left, ignore_errors=True)

    async def signal(self, wish: c.SignalWorkflow) -> bool:
        """Tell a workflow of something outside; whether a task waited for it.

        :raises EventUnknown: if none of its tasks ever waits for it.
        """
        record = await self._store.workflow(wish.workflow_id)
        if record is not None:
            check_event(definition_of(record.definition), wish.name)
        return await self.orchestrator.signal_workflow(
            wish.workflow_id, wish.name, key=wish.key, value=wish.value
        )

    async def _steered(self, workflow_id: str, cause: Cause, steer: Any) -> WorkflowView:
        """How the workflow stands after ``steer``; events of it name its cause."""
        self._gazette.expect(workflow_id, cause)
        try:
            await steer
            await self.orchestrator.settled()
        finally:
            self._gazette.unexpect(workflow_id)
        return await self.reading.line(workflow_id)

    # ---- schedules -----------------------------------------------------------------------------

    async def save_schedule(self, wish: c.SaveSchedule) -> ScheduleView:
        """Start a file's workflow by the clock; what is not given is what the file says.

        :raises ScheduleInvalid: if nobody says when, or it can't be understood.
        :raises QuarterdeckError: what is wrong with the file or its inputs.
        """
        definition = await self.load_file(wish.file, wish.inputs, None)
        said: Mapping[str, Any] = definition.metadata.get("schedule", {})
        cron, zone = wish.cron or said.get("cron"), wish.zone or said.get("zone", "UTC")
        catch_up = wish.catch_up or said.get("catch_up", "none")
        if cron is None:
            raise ScheduleInvalid(
                f"{wish.file} has no schedule of its own; give one as a cron expression."
            )
        if catch_up not in CATCH_UPS:
            raise ScheduleInvalid(f"catch_up is one of {', '.join(CATCH_UPS)}, not {catch_up}.")
        now = self._clock.now()
        old = self.clockwork.get(wish.name)
        record = ScheduleRecord(
            id=old.id if old is not None else new_id(),
            name=wish.name,
            cron=cron,
            zone=zone,
            source=str(expanded(wish.file).absolute()),
            inputs=json.dumps(wish.inputs),
            catch_up=catch_up,
            enabled=wish.enabled,
            created_at=old.created_at if old is not None else now,
            last_at=old.last_at if old is not None else None,
            next_at=next_time(cron, zone, now),
        )
        await self.clockwork.save(record)
        return schedule_view(record)

    def schedules(self) -> Sequence[ScheduleView]:
        """Every schedule, by name."""
        return [schedule_view(record) for record in self.clockwork.records()]

    async def _begin_scheduled(self, record: ScheduleRecord, workflow_id: str) -> None:
        definition = await self.load_file(record.source, json.loads(record.inputs), None)
        metadata = {FILE: record.source, "scheduled_by": record.name}
        with suppress(WorkflowBusy):  # another engine of the same store was quicker
            await self._create(definition, metadata, Cause(), workflow_id, start=True)
