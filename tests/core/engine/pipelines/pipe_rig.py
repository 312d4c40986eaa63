"""Pipelines over a store in memory, with executors that start no process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.core.engine.workflows.flow_rig import NOBODY, NoBackend

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.answering import Answerers
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.pipelines.service import PipelineService
from quarterdeck.core.engine.workflows.service import WorkflowOptions, WorkflowService
from quarterdeck.core.pipelines.triggers import Memory
from quarterdeck.core.protocol import pipeline_commands as c
from quarterdeck.core.protocol.attention import AttentionItem
from quarterdeck.core.protocol.commands import AnswerItem
from quarterdeck.core.protocol.events import Event
from quarterdeck.core.protocol.pipeline_views import PayloadStatus, PayloadView, PipelineView
from quarterdeck.core.sessions.desk import AttentionDesk
from quarterdeck.core.sessions.ledger import Ledger
from quarterdeck.core.workflows.context import TaskExecutionContext
from quarterdeck.core.workflows.executors import Surroundings
from quarterdeck.core.workflows.files.executing import command_of, scope_of
from quarterdeck.state.memory import MemoryStore

PATIENCE = 60.0
OVER = {
    PayloadStatus.COMPLETED,
    PayloadStatus.DEAD,
    PayloadStatus.CANCELLED,
    PayloadStatus.EXPIRED,
}


@dataclass
class Crew:
    """What ``run`` and ``agent`` tasks do: give the words of their command, unless it is said by name.

    ``failing`` says how often the task of a name fails, ``held`` are let go by their event.
    """

    held: dict[str, asyncio.Event] = field(default_factory=dict)
    failing: dict[str, int] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    began: list[tuple[str, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    at_once: int = 0
    most: int = 0

    async def __call__(self, context: TaskExecutionContext) -> Any:
        name = context.task_def.task_id
        given = self._given(context)
        self.began.append((name, str(given)))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            if name in self.held:
                await self.held[name].wait()
            await asyncio.sleep(0)
            if self.failing.get(name, 0):
                self.failing[name] -= 1
                raise ValueError(f"{name} was to fail")
            self.ended.append(name)
            return self.answers.get(name, given)
        finally:
            self.at_once -= 1

    @staticmethod
    def _given(context: TaskExecutionContext) -> Any:
        task = context.task_def
        if "command" not in task.metadata:
            return task.metadata.get("agent")
        found = command_of(task, scope_of(context, environment={}))
        return " ".join(found[1:]) if isinstance(found, list) else found


@dataclass
class Rig:
    """A service with what it tells."""

    service: PipelineService
    workflows: WorkflowService
    desk: AttentionDesk
    journal: Journal
    store: Any
    crew: Crew
    folder: Path
    answerers: Answerers
    events: list[Event] = field(default_factory=list)

    async def load(self, text: str, **wish: Any) -> PipelineView:
        path = self.folder / "pipeline.yaml"
        path.write_text(text)
        return await self.service.load_file(c.LoadPipeline(file=str(path), **wish), NOBODY)

    async def propel(
        self, event: str, data: Any = None, name: str = "p", payload_id: str = "", **wish: Any
    ) -> PayloadView:
        told = c.PropelPayload(name=name, event=event, data=data, **wish)
        return await self.service.propel(told, payload_id or new_id(), None)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110  # what is waited for knows nothing of events
                await asyncio.sleep(0.002)

    async def ended(self, *payload_ids: str) -> list[PayloadView]:
        await self.until(lambda: all(self.payload(one).status in OVER for one in payload_ids))
        return [self.payload(one) for one in payload_ids]

    async def quiet(self) -> None:
        """Nothing is under way."""
        await self.until(
            lambda: all(one.ended for one in self.service.running.book.entries.values())
        )

    def payload(self, payload_id: str) -> PayloadView:
        return next(one for one in self.all() if one.id == payload_id)

    def all(self, **wish: Any) -> list[PayloadView]:
        """Payloads, oldest first."""
        return self.service.payloads(c.ListPayloads(limit=10_000, **wish))[::-1]

    async def asked(self) -> AttentionItem:
        await self.until(self.desk.items)
        return self.desk.items()[0]

    async def answer(self, item: AttentionItem, choice: str) -> None:
        answerer = self.answerers.find(item)
        assert answerer is not None
        await answerer(item, AnswerItem(item_id=item.item_id, choice=choice), "Ann", NOBODY)

    def types(self) -> list[str]:
        return [one.type for one in self.events]


@asynccontextmanager
async def rigged(
    folder: Path,
    store: Any = None,
    *,
    crew: Crew | None = None,
    capacity: int = 10,
    tolerated: tuple[type[Exception], ...] = (),
    memory: Memory | None = None,
    options: WorkflowOptions | None = None,
) -> AsyncIterator[Rig]:
    """A service that runs; the store stays open behind it if it was given.

    Its end may raise what is ``tolerated``.
    """
    kept = store or MemoryStore(clock=SYSTEM_CLOCK)
    if store is None:
        await kept.open()
    journal = Journal(kept)
    await journal.open()
    desk = AttentionDesk(Ledger(journal), SYSTEM_CLOCK)
    desk.load(await kept.open_items(), [])
    workflows = WorkflowService(
        kept,
        journal,
        engine_id="here",
        desk=desk,
        surroundings=lambda gates, on_output, _epoch: Surroundings(
            folder, NoBackend(), gates, on_output=on_output, environment={}
        ),
        options=options,
    )
    crew = crew or Crew()

    def ready() -> None:
        for kind in ("run", "agent"):
            workflows.orchestrator.register_executor(kind, crew)

    workflows.executors_ready = ready
    service = PipelineService(
        kept, kept.kept, journal, workflows, desk=desk, capacity=capacity, memory=memory
    )
    rig = Rig(service, workflows, desk, journal, kept, crew, folder, Answerers())
    service.answer_through(rig.answerers)
    unheard = journal.listen(rig.events.append)
    try:
        await workflows.load(1)
        await service.load()
        yield rig
    finally:
        for close in (service.close, workflows.close):
            with suppress(*tolerated):
                await close()
        desk.close()
        await journal.settled()
        unheard()
        if store is None:
            await kept.close()
