"""Stages: engines of workflows one after the other, with everything they leave taken away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.sessions.rig import kill_leftovers
from tests.core.workflows.executors.stage import MemoryGates, Stage

from quarterdeck.core.workflows.backends.local import FOLDER
from quarterdeck.state.memory import MemoryStore

NewStage = Callable[..., Awaitable[Stage]]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory, with sockets of its own, at a path short enough for them."""
    path = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    (path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path / "run"))
    state = path / "state"
    state.mkdir(mode=0o700)
    yield state
    left = [*kill_leftovers(state), *kill_leftovers(state / FOLDER)]
    shutil.rmtree(path, ignore_errors=True)
    assert not left, f"keepers were left running: {left}"


@pytest.fixture
async def gates() -> MemoryGates:
    """Gates that outlive engines."""
    return MemoryGates()


@pytest.fixture
async def new_stage(
    folder: Path, store: MemoryStore, gates: MemoryGates
) -> AsyncIterator[NewStage]:
    """Makes an engine over ``store``; all are closed."""
    made: list[Stage] = []

    async def make(**options: Any) -> Stage:
        stage = Stage(folder, store, gates, **options)
        made.append(stage)
        return await stage.open()

    yield make
    for stage in made:
        await stage.close()


@pytest.fixture
async def stage(new_stage: NewStage) -> Stage:
    """One engine."""
    return await new_stage()
