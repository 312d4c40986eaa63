"""A crew over a store in memory: workflows whose agents' work is told to end, sessions that are said to be there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tests.core.engine.ship import settings_for
from tests.core.engine.workflows.flow_rig import NoBackend

from quarterdeck.core.base.clock import SYSTEM_CLOCK, Clock, Random
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.coordination.layer import CoordinationLayer
from quarterdeck.core.engine.answering import Answerers
from quarterdeck.core.engine.crew.placing import Placing
from quarterdeck.core.engine.crew.service import CrewService
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.safety.service import SafetyService
from quarterdeck.core.engine.workflows.service import WorkflowOptions, WorkflowService
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.attention import AttentionItem
from quarterdeck.core.protocol.commands import AnswerItem
from quarterdeck.core.protocol.crew_events import CrewChanged
from quarterdeck.core.protocol.events import Cause, Event
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.protocol.workflow_events import TaskChanged
from quarterdeck.core.protocol.workflow_views import TaskView, WorkflowView
from quarterdeck.core.sessions.agents.definition import AgentDefinition, OneShot, Sought
from quarterdeck.core.sessions.desk import AttentionDesk
from quarterdeck.core.sessions.ledger import Ledger
from quarterdeck.core.settings import CrewSettings
from quarterdeck.core.workflows.context import TaskExecutionContext
from quarterdeck.core.workflows.executors import Surroundings
from quarterdeck.core.workflows.executors.children import Child, ChildKind
from quarterdeck.core.workflows.executors.ports import Gates
from quarterdeck.state.memory import MemoryStore

NOBODY = Cause()
PATIENCE = 60.0
ONE_SHOT = OneShot(args=("x",), success=(Sought(),), answer=Sought(read="answer"))


def agent(name: str, *able: str, slots: int = 1, **more: Any) -> AgentDefinition:
    """An agent that can do tasks in every way."""
    given = {"reports": True, "oneshot": ONE_SHOT, **more}
    return AgentDefinition(name=name, command=(name,), capabilities=able, capacity=slots, **given)


@dataclass
class Hands:
    """What the agents do: work until it is said that they are done; ``fail`` lets a task fail."""

    at_work: dict[str, str] = field(default_factory=dict)
    placed: list[tuple[str, str]] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    done: dict[str, asyncio.Event] = field(default_factory=dict)
    child: ChildKind | None = None

    async def execute(self, context: TaskExecutionContext) -> str:
        if self.child is not None:
            child = Child(self.child, context.attempt, f"session of {context.task_def.task_id}")
            await context.keep_child(child.text)
        return await self._work(context)

    async def adopt(self, context: TaskExecutionContext) -> str:
        self.adopted.append(context.task_def.task_id)
        return await self._work(context)

    async def _work(self, context: TaskExecutionContext) -> str:
        name = context.task_def.task_id
        self.at_work[name] = context.agent
        self.placed.append((name, context.agent))
        try:
            await self.done.setdefault(name, asyncio.Event()).wait()
        finally:
            del self.at_work[name]
        if name in self.failing:
            raise ValueError(name)
        return context.agent

    def end(self, *names: str) -> None:
        for name in names or tuple(self.at_work):
            self.done.setdefault(name, asyncio.Event()).set()


@dataclass
class SomeSessions:
    """Sessions that are there because the test says so."""

    found: list[SessionView] = field(default_factory=list)

    def views(self) -> list[SessionView]:
        return self.found


@dataclass
class Crew:
    """A crew with all that is told of it."""

    service: CrewService
    workflows: WorkflowService
    placing: Placing
    desk: AttentionDesk
    layer: CoordinationLayer
    store: MemoryStore
    journal: Journal
    hands: Hands
    sessions: SomeSessions
    answerers: Answerers
    folder: Path
    safety: SafetyService | None = None
    events: list[Event] = field(default_factory=list)

    async def begin(self, text: str) -> WorkflowView:
        path = self.folder / f"{len(list(self.folder.iterdir()))}.yaml"
        path.write_text(text)
        return await self.workflows.create(w.CreateWorkflow(file=str(path)), NOBODY, new_id())

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110  # what is waited for knows nothing of events
                await asyncio.sleep(0.002)

    async def working(self, **agents: str) -> None:
        """Wait until just these tasks are worked on, by these agents."""
        await self.until(lambda: self.hands.at_work == agents)

    async def task(self, view: WorkflowView, name: str) -> TaskView:
        whole = await self.workflows.reading.whole(w.ShowWorkflow(workflow_id=view.id))
        return next(one for one in whole.tasks if one.id == name)

    def told(self, name: str) -> list[TaskView]:
        """What events said of a task."""
        found = [one.payload for one in self.events]
        return [one.task for one in found if isinstance(one, TaskChanged) and one.task.id == name]

    def changes(self) -> int:
        return sum(isinstance(one.payload, CrewChanged) for one in self.events)

    async def answer(self, item: AttentionItem, choice: str, by: str = "") -> Mapping[str, Any]:
        answerer = self.answerers.find(item)
        assert answerer is not None
        return await answerer(item, AnswerItem(item_id=item.item_id, choice=choice), by, NOBODY)


@asynccontextmanager
async def crewed(
    folder: Path,
    *agents: AgentDefinition,
    store: MemoryStore | None = None,
    hands: Hands | None = None,
    there: Callable[[AgentDefinition], bool] = lambda _: True,
    parallel: int = 20,
    rules: Mapping[str, Any] | None = None,
    clock: Clock = SYSTEM_CLOCK,
    **settings: Any,
) -> AsyncIterator[Crew]:
    """A crew that runs, under safety if there are ``rules``; the store stays open behind it if it was given."""
    kept = store or MemoryStore(clock=SYSTEM_CLOCK)
    if store is None:
        await kept.open()
    journal = Journal(kept)
    await journal.open()
    desk = AttentionDesk(Ledger(journal), SYSTEM_CLOCK)
    desk.load(await kept.open_items(), [])
    definitions = {one.name: one for one in agents}
    placing = Placing(CrewSettings(**settings), definitions, there, SYSTEM_CLOCK, Random(7))
    backend, work, sessions = NoBackend(), hands or Hands(), SomeSessions()

    def surroundings(gates: Gates, on_output: Any, _epoch: int) -> Surroundings:
        return Surroundings(
            folder, backend, gates, agents=definitions, on_output=on_output, environment={}
        )

    service = WorkflowService(
        kept,
        journal,
        engine_id="here",
        desk=desk,
        surroundings=surroundings,
        options=WorkflowOptions(max_parallel_tasks=parallel),
        places=placing.places,
    )
    service.executors_ready = lambda: service.orchestrator.register_executor("agent", work)
    layer = CoordinationLayer(store=kept.kept)
    crew = CrewService(
        service,
        cast("Any", sessions),
        layer,
        placing=placing,
        kept=kept.kept,
        journal=journal,
        clock=SYSTEM_CLOCK,
    )
    answerers = Answerers()
    crew.answer_through(answerers)
    rig = Crew(
        crew, service, placing, desk, layer, kept, journal, work, sessions, answerers, folder
    )
    if rules is not None:
        given = settings_for(folder, **rules)
        rig.safety = SafetyService(given, kept.kept, journal, desk=desk, clock=clock)
        rig.safety.guard(service, placing.places)
        rig.safety.answers(answerers)
        crew.safety = rig.safety
        placing.forbidden = rig.safety.gate.forbidden
    hush = [journal.listen(rig.events.append), journal.listen(crew.hear)]
    try:
        await crew.load()
        await service.load(1)
        yield rig
    finally:
        await service.close()
        if rig.safety is not None:
            await rig.safety.close()
        await crew.close()
        await layer.close()
        desk.close()
        await journal.settled()
        for one in hush:
            one()
        if store is None:
            await kept.close()
