"""An orchestrator over a store that is slow to read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.core.workflows.crash_rig import SlowToRead

from quarterdeck.core.workflows import StateManager, WorkflowOrchestrator


@pytest.fixture
async def store() -> AsyncIterator[SlowToRead]:
    kept = SlowToRead()
    await kept.open()
    yield kept
    await kept.close()


@pytest.fixture
def states(store: SlowToRead) -> StateManager:
    return StateManager(store=store)


@pytest.fixture
async def engine(states: StateManager) -> AsyncIterator[WorkflowOrchestrator]:
    async with WorkflowOrchestrator(states) as engine:
        yield engine
