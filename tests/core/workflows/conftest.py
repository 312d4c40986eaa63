"""An orchestrator over a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.core.workflows.state_rig import START, task

from quarterdeck.core.base.clock import SYSTEM_CLOCK, ManualClock
from quarterdeck.core.workflows import StateManager, WorkflowOrchestrator
from quarterdeck.state.memory import MemoryStore
from quarterdeck.state.sqlite.store import SqliteStore


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    kept = MemoryStore(clock=SYSTEM_CLOCK)
    await kept.open()
    yield kept
    await kept.close()


@pytest.fixture
def states(store: MemoryStore) -> StateManager:
    return StateManager(store=store)


@pytest.fixture
async def engine(states: StateManager) -> AsyncIterator[WorkflowOrchestrator]:
    async with WorkflowOrchestrator(states, stop_grace=0.05) as engine:
        yield engine


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def memory(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture(params=["memory", "sqlite"])
async def manager(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, memory: MemoryStore
) -> AsyncIterator[StateManager]:
    store = memory if request.param == "memory" else SqliteStore(tmp_path / "s.db", clock=clock)
    await store.open()
    yield StateManager(store=store, clock=clock)
    await store.close()


@pytest.fixture
async def three(manager: StateManager) -> str:
    """A workflow of three tasks."""
    state = await manager.create_workflow([task("a"), task("b", "a"), task("c", "a", "b")])
    return state.workflow_id
