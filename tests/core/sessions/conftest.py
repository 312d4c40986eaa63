"""Rigs: engines' sessions rooms over a shared store, with everything they leave taken away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig, kill_leftovers

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.state.memory import MemoryStore

NewRig = Callable[..., Awaitable[Rig]]


@pytest.fixture
def state_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory, with sockets of its own, at a path short enough for them."""
    path = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    (path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path / "run"))
    state = path / "state"
    state.mkdir(mode=0o700)
    yield state
    left = kill_leftovers(state)
    shutil.rmtree(path, ignore_errors=True)
    assert not left, f"keepers were left running: {left}"


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """A store in memory, which outlives engines."""
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def new_rig(state_dir: Path, store: MemoryStore) -> AsyncIterator[NewRig]:
    """Makes an engine's sessions room over ``store``; all are closed, their sessions stopped."""
    made: list[Rig] = []

    async def make(**options: object) -> Rig:
        rig = Rig(state_dir, options.pop("store", store), **options)  # type: ignore[arg-type]  # tests pass what they please
        made.append(rig)
        return await rig.open()

    yield make
    for rig in made:
        await rig.close()


@pytest.fixture
async def rig(new_rig: NewRig) -> Rig:
    """One engine's sessions room."""
    return await new_rig()


@pytest.fixture
async def keepers() -> FakeKeepers:
    """Keepers that are no processes, shared by all engines of a test."""
    return FakeKeepers()


@pytest.fixture
async def faked(new_rig: NewRig, keepers: FakeKeepers) -> Rig:
    """One engine's sessions room over ``keepers``."""
    return await new_rig(keepers=keepers)
