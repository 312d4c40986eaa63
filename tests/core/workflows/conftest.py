"""An orchestrator over a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.workflows import StateManager, WorkflowOrchestrator
from quarterdeck.state.memory import MemoryStore


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
