"""Workflows under the engine's safety, with agents that do what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.core.engine.ship import settings_for
from tests.core.engine.workflows.flow_rig import NOBODY, PATIENCE, NoBackend

from quarterdeck.core.base.clock import SYSTEM_CLOCK, Clock
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.safety.service import SafetyService
from quarterdeck.core.engine.workflows.service import WorkflowService
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.attention import AttentionItem
from quarterdeck.core.protocol.commands import AnswerItem
from quarterdeck.core.protocol.events import Event
from quarterdeck.core.protocol.workflow_views import TaskView
from quarterdeck.core.safety.budgets import Usage
from quarterdeck.core.sessions.desk import AttentionDesk
from quarterdeck.core.sessions.ledger import Ledger
from quarterdeck.core.workflows.context import TaskExecutionContext
from quarterdeck.core.workflows.executors import Surroundings
from quarterdeck.core.workflows.executors.faults import AgentCrashed
from quarterdeck.state.memory import MemoryStore

ONE = """
name: one
tasks:
  ask: {agent: claude, mode: one-shot, prompt: work, retry: {attempts: 6, initial: 0.001, jitter: 0}}
"""
CHAIN = """
name: chain
tasks:
  first: {agent: claude, mode: one-shot, prompt: work}
  second: {agent: claude, mode: one-shot, prompt: work, needs: first}
"""


@dataclass
class Agents:
    """Agents: each attempt costs ``cost``; the first ``crashes`` of them crash."""

    cost: float = 0.0
    crashes: int = 0
    held: asyncio.Event | None = None
    began: list[str] = field(default_factory=list)

    async def __call__(self, context: TaskExecutionContext) -> str:
        self.began.append(context.task_def.task_id)
        if self.held is not None:
            await self.held.wait()
        if self.crashes:
            self.crashes -= 1
            raise AgentCrashed("claude exited with code 3")
        context.report(Usage(cost=self.cost, tokens=100.0))
        return "done"


@dataclass
class Guarded:
    """A service under safety, and what it tells."""

    safety: SafetyService
    service: WorkflowService
    desk: AttentionDesk
    journal: Journal
    agents: Agents
    folder: Path
    events: list[Event] = field(default_factory=list)

    async def create(self, text: str) -> str:
        path = self.folder / "flow.yaml"
        path.write_text(text)
        made = await self.service.create(w.CreateWorkflow(file=str(path)), NOBODY, new_id())
        return made.id

    async def task(self, workflow_id: str, task_id: str) -> TaskView:
        wish = w.ShowTask(workflow_id=workflow_id, task_id=task_id)
        return (await self.service.reading.task(wish)).task

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110  # what is waited for knows nothing of events
                await asyncio.sleep(0.002)

    def status(self, workflow_id: str) -> str:
        found = (one.status for one in self.service.views() if one.id == workflow_id)
        return str(next(found, ""))

    async def ended(self, workflow_id: str, status: str = "completed") -> None:
        await self.until(lambda: self.status(workflow_id) == status)

    async def asked(self) -> AttentionItem:
        await self.until(self.desk.items)
        (item,) = self.desk.items()
        return item

    async def answer(self, item: AttentionItem, choice: str) -> None:
        prefix = item.about.partition("/")[0]
        answerer = {"budget": self.safety.accounts.answer, "halt": self.safety.halting.answer}
        wish = AnswerItem(item_id=item.item_id, choice=choice)
        await answerer[prefix](item, wish, "Ann", NOBODY)

    def types(self) -> list[str]:
        return [one.type for one in self.events]


@asynccontextmanager
async def guarded(
    folder: Path,
    store: MemoryStore | None = None,
    *,
    agents: Agents | None = None,
    clock: Clock = SYSTEM_CLOCK,
    **sections: Any,
) -> AsyncIterator[Guarded]:
    """An engine's safety with workflows; the store stays open behind it if it was given."""
    kept = store or MemoryStore(clock=SYSTEM_CLOCK)
    if store is None:
        await kept.open()
    journal = Journal(kept)
    await journal.open()
    desk = AttentionDesk(Ledger(journal), SYSTEM_CLOCK)
    backend, work = NoBackend(), agents or Agents()
    service = WorkflowService(
        kept,
        journal,
        engine_id="here",
        desk=desk,
        surroundings=lambda gates, on_output, _epoch: Surroundings(
            folder, backend, gates, on_output=on_output, environment={}
        ),
    )
    settings = settings_for(folder, **sections)
    safety = SafetyService(settings, kept.kept, journal, desk=desk, clock=clock)
    found = Guarded(safety, service, desk, journal, work, folder)
    unheard = [journal.listen(found.events.append), journal.listen(safety.watch.heard)]
    executors = service.orchestrator.register_executor
    service.executors_ready = lambda: executors("agent", work)
    try:
        await safety.restore()
        desk.load(await kept.open_items(), [])
        await safety.begin()
        safety.guard(service)
        await service.load(1)
        await safety.tidy(service)
        yield found
    finally:
        await service.close()
        await safety.close()
        desk.close()
        await journal.settled()
        for one in unheard:
            one()
        if store is None:
            await kept.close()
