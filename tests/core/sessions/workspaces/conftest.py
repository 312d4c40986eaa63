"""Repositories and rigs for worktrees; processes are not started unless a test is about them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.core.sessions.conftest import NewRig
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig
from tests.core.sessions.workspaces.gitrepo import GitRepo

from quarterdeck.core.coordination.layer import CoordinationLayer
from quarterdeck.state.memory import MemoryStore


@pytest.fixture
def repo(state_dir: Path) -> GitRepo:
    """A repository beside the state directory."""
    return GitRepo(state_dir.parent / "shop")


@pytest.fixture
async def deck(new_rig: NewRig, store: MemoryStore, keepers: FakeKeepers) -> Rig:
    """One engine's sessions over keepers that are no processes, with durable sagas and locks."""
    return await new_rig(
        keepers=keepers, layer=CoordinationLayer(store=store.kept, engine_id="home")
    )
