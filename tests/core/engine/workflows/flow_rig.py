"""Workflows over a store in memory, with executors that start no process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.workflows.service import WorkflowOptions, WorkflowService
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.attention import AttentionItem
from quarterdeck.core.protocol.commands import AnswerItem
from quarterdeck.core.protocol.events import Cause, Event
from quarterdeck.core.protocol.workflow_events import TaskChanged, WorkflowChanged
from quarterdeck.core.protocol.workflow_views import WorkflowView
from quarterdeck.core.sessions.desk import AttentionDesk
from quarterdeck.core.sessions.ledger import Ledger
from quarterdeck.core.workflows.backends.ports import Leaf, LeafEvent, Standing
from quarterdeck.core.workflows.context import TaskExecutionContext
from quarterdeck.core.workflows.executors import Surroundings
from quarterdeck.state.memory import MemoryStore

NOBODY = Cause()
PATIENCE = 60.0


class NoBackend:
    """A back end that is never asked for anything."""

    def __init__(self) -> None:
        self.open_now = False

    async def open(self) -> None:
        self.open_now = True

    async def close(self) -> None:
        self.open_now = False

    def place_of(self, leaf: Leaf) -> str:
        raise NotImplementedError

    async def submit(self, leaf: Leaf, place: str) -> None:
        raise NotImplementedError

    def events(self, place: str) -> AsyncIterator[LeafEvent]:
        raise NotImplementedError

    async def cancel(self, place: str, grace: float) -> None:
        raise NotImplementedError

    async def reconcile(self, places: Collection[str]) -> Mapping[str, Standing]:
        raise NotImplementedError

    async def forget(self, place: str) -> None:
        raise NotImplementedError


@dataclass
class Work:
    """What the ``run`` tasks do: nothing, unless it is said by name."""

    held: dict[str, asyncio.Event] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    began: list[str] = field(default_factory=list)

    async def __call__(self, context: TaskExecutionContext) -> Any:
        name = context.task_def.task_id
        self.began.append(name)
        if name in self.held:
            await self.held[name].wait()
        if name in self.failing:
            raise ValueError(name)
        return name


@dataclass
class Rig:
    """A service with what it tells."""

    service: WorkflowService
    desk: AttentionDesk
    journal: Journal
    store: MemoryStore
    work: Work
    folder: Path
    events: list[Event] = field(default_factory=list)

    async def create(self, text: str, workflow_id: str = "", **wish: Any) -> WorkflowView:
        path = self.folder / "flow.yaml"
        path.write_text(text)
        return await self.service.create(
            w.CreateWorkflow(file=str(path), **wish), NOBODY, workflow_id or new_id()
        )

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110  # what is waited for knows nothing of events
                await asyncio.sleep(0.002)

    async def ended(self, workflow_id: str, status: str = "completed") -> None:
        await self.until(lambda: self.status(workflow_id) == status)

    def status(self, workflow_id: str) -> str:
        view = next((one for one in self.service.views() if one.id == workflow_id), None)
        return "" if view is None else str(view.status)

    async def asked(self) -> AttentionItem:
        await self.until(self.desk.items)
        return self.desk.items()[0]

    async def answer(self, item: AttentionItem, choice: str) -> None:
        wish = AnswerItem(item_id=item.item_id, choice=choice)
        await self.service.answer(item, wish, "Ann", NOBODY)

    def moves(self) -> list[tuple[str, str]]:
        found = (one.payload for one in self.events)
        return [
            (str(one.old_status), str(one.workflow.status))
            for one in found
            if isinstance(one, WorkflowChanged)
        ]

    def tasks(self) -> list[tuple[str, str]]:
        found = (one.payload for one in self.events)
        return [
            (one.task.id, str(one.task.status)) for one in found if isinstance(one, TaskChanged)
        ]

    def types(self) -> list[str]:
        return [one.type for one in self.events]


@asynccontextmanager
async def rigged(
    folder: Path, store: MemoryStore | None = None, *, epoch: int = 1, **options: Any
) -> AsyncIterator[Rig]:
    """A service that runs; the store stays open behind it if it was given."""
    kept = store or MemoryStore(clock=SYSTEM_CLOCK)
    if store is None:
        await kept.open()
    journal = Journal(kept)
    await journal.open()
    desk = AttentionDesk(Ledger(journal), SYSTEM_CLOCK)
    desk.load(await kept.open_items(), [])
    backend, work = NoBackend(), Work()
    service = WorkflowService(
        kept,
        journal,
        engine_id="here",
        desk=desk,
        surroundings=lambda gates, on_output, _epoch: Surroundings(
            folder, backend, gates, on_output=on_output, environment={}
        ),
        options=WorkflowOptions(**options),
    )
    rig = Rig(service, desk, journal, kept, work, folder)
    unheard = journal.listen(rig.events.append)
    executors = service.orchestrator.register_executor
    service.executors_ready = lambda: executors("run", work)
    try:
        await service.load(epoch)
        assert backend.open_now
        yield rig
    finally:
        await service.close()
        desk.close()
        await journal.settled()
        unheard()
        assert not backend.open_now
        if store is None:
            await kept.close()
