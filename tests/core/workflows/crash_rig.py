"""Engines that are gone, and what they leave: executors and stores for tests of crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.core.workflows.orchestrator_bench import Context, task

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.workflows import (
    FanOut,
    StateManager,
    TaskDefinition,
    WorkflowOrchestrator,
)
from quarterdeck.core.workflows.executors.ports import Gate as Question
from quarterdeck.core.workflows.executors.ports import GateAnswer
from quarterdeck.core.workflows.records import WorkflowRecord
from quarterdeck.state.memory import MemoryStore

DEADLINE = 60


class SlowToRead(MemoryStore):
    """A store whose answers take a turn of the loop, as those of a disk do."""

    def __init__(self) -> None:
        super().__init__(clock=SYSTEM_CLOCK)
        self.asked = asyncio.Event()

    async def workflow(self, workflow_id: str) -> WorkflowRecord | None:
        self.asked.set()
        await asyncio.sleep(0)
        return await super().workflow(workflow_id)


class Kept:
    """Children that outlive engines; each ends when it is let go, or is asked to and ``yields``."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.adopted: list[str] = []
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()
        self.yields = asyncio.Event()
        self.engine: WorkflowOrchestrator | None = None

    async def execute(self, context: Context) -> str:
        self.begun.append(context.idempotency_key)
        await context.keep_child(context.idempotency_key)
        return await self._follow(context)

    async def adopt(self, context: Context) -> str:
        self.adopted.append(context.idempotency_key)
        assert context.child == context.idempotency_key, "that is another attempt's child"
        return await self._follow(context)

    async def _follow(self, context: Context) -> str:
        self.arrived.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            await self.yields.wait()
            assert self.engine is not None
            if self.engine.drives(context.workflow_id, context.task_def.task_id):
                self.ended.append(context.idempotency_key)
            raise
        return "through"


def old_engine(states: StateManager, **executors: Any) -> WorkflowOrchestrator:
    """An engine that will be gone."""
    return with_executors(WorkflowOrchestrator(states, engine_id="old"), executors)


def with_executors(engine: WorkflowOrchestrator, executors: dict[str, Any]) -> WorkflowOrchestrator:
    for kind, executor in executors.items():
        engine.register_executor(kind, executor)
        if isinstance(executor, Kept):
            executor.engine = engine
    return engine


@asynccontextmanager
async def taken_up(
    states: StateManager, old: WorkflowOrchestrator, **executors: Any
) -> AsyncIterator[WorkflowOrchestrator]:
    """The next engine, as if ``old`` had crashed this moment: no more of it is kept."""
    async with WorkflowOrchestrator(states) as new:
        with_executors(new, executors)
        await new.recover(former=["old"])
        yield new
    for executor in executors.values():
        if isinstance(executor, Kept):
            executor.yields.set()
    await old._leases.renew()
    await old.close()


def with_kept(engine: WorkflowOrchestrator) -> Kept:
    kept = Kept()
    with_executors(engine, {"x": kept})
    return kept


def waits(task_id: str, *needs: str, signal: str) -> TaskDefinition:
    return task(task_id, *needs, kind="wait_for", slotless=True, metadata={"signal": signal})


class Each:
    """A fan-out that finds so many parts; another number each time."""

    def __init__(self, *counts: int, kind: str = "x") -> None:
        self._counts = list(counts)
        self._kind = kind

    async def __call__(self, context: Context) -> FanOut:
        count = self._counts.pop(0)
        return FanOut([task(f"each[{at}]", kind=self._kind) for at in range(count)])


EACH = task("each", kind="each", slotless=True)


async def version_before(states: StateManager, workflow_id: str, task_id: str, nth: int) -> int:
    """The version before the nth change of a task."""
    history = await states.get_history(workflow_id)
    return [one.version for one in history if one.task_id == task_id][nth] - 1


class Questions:
    """An attention queue; nobody answers."""

    def __init__(self) -> None:
        self.standing: set[str] = set()
        self.asked = asyncio.Event()

    async def ask(self, gate: Question) -> GateAnswer:
        self.standing.add(gate.key)
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def withdraw(self, gate: Question) -> None:
        self.standing.discard(gate.key)
