"""What former engines left of attempts, as the engine that comes tells of it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest
from tests.core.engine.workflows import flow_rig
from tests.core.engine.workflows.flow_rig import NoBackend, rigged

from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.protocol.events import SystemWarning
from quarterdeck.core.workflows.backends.ports import Left


class Finding(NoBackend):
    """Finds processes of a workflow that is not kept."""

    async def left(self) -> Collection[Left]:
        return [Left("a place", "nowhere", 77), Left("another", "", 78)]


class Failing(NoBackend):
    """Can't look."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.asked = False

    async def left(self) -> Collection[Left]:
        self.asked = True
        raise self.error


async def test_processes_that_only_another_store_knows_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_rig, "NoBackend", Finding)
    async with rigged(tmp_path) as rig:
        await rig.until(lambda: "system.warning" in rig.types())
        (told,) = [one.payload for one in rig.events if isinstance(one.payload, SystemWarning)]
    assert (told.code, told.details) == ("attempts_unknown", {"pids": [77, 78]})
    assert "77, 78" in told.message


@pytest.mark.parametrize("error", [ResourceFault("no room"), PermissionError("not yours")])
async def test_an_engine_that_can_not_look_for_them_starts_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    backend = Failing(error)
    monkeypatch.setattr(flow_rig, "NoBackend", lambda: backend)
    async with rigged(tmp_path) as rig:
        await rig.until(lambda: backend.asked)
        view = await rig.create("name: one\ntasks: {a: {run: [x]}}\n")
        await rig.ended(view.id)
