"""An engine in the background that another process lets go on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.cli.faults import CliFault
from quarterdeck.cli.place import Place
from quarterdeck.cli.running import detaching
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.client.client import Client
from quarterdeck.core.client.socket import SocketEndpoint
from quarterdeck.core.protocol.commands import Shutdown
from quarterdeck.core.settings import Settings
from quarterdeck.core.settings.model import StateSettings, WorkflowSettings


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    """Those that could not be stopped by a command end here."""
    yield
    while detaching.LEFT:
        engine = detaching.LEFT.pop()
        engine.kill()
        engine.wait()


def given(state_dir: Path, executor: str = "local://") -> tuple[Place, Settings]:
    place = Place(state_dir, str(state_dir), None, None, state_dir)
    workflows = WorkflowSettings(executor=executor)
    return place, Settings(state=StateSettings(dir=state_dir), workflows=workflows)


async def test_it_serves_when_it_is_left(state_dir: Path) -> None:
    place, settings = given(state_dir)
    await detaching.leave_engine(place, settings)
    endpoint = await SocketEndpoint.connect(place.socket)
    client = Client(endpoint, "test")
    await client.start()
    try:
        await client.call(Shutdown())
    finally:
        await client.close()
    (engine,) = detaching.LEFT
    assert await asyncio.to_thread(engine.wait, 60) == 0


async def test_one_that_can_not_start_is_told_with_the_cause(state_dir: Path) -> None:
    """It enters itself in the lock before it looks for its cluster."""
    pytest.importorskip("distributed")
    with pytest.raises(CliFault) as caught:
        await detaching.leave_engine(*given(state_dir, "dask://127.0.0.1:9?timeout=0.5"))
    assert caught.value.code == "detached_alone"
    assert (
        "background: cluster_unreachable: The cluster at tcp://127.0.0.1:9 doesn't"
        in caught.value.message
    )
    log = (state_dir / "quarterdeck.log").read_text()
    assert "it did not start: The cluster at" in log
    assert "a step of the stop failed" not in log


async def test_one_that_takes_its_time_is_told_as_such(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detaching, "PATIENCE", RetryPolicy(max_attempts=1, initial_delay=0.0))
    with pytest.raises(CliFault, match="not up yet; wait for it with: quarterdeck health --wait"):
        await detaching.leave_engine(*given(state_dir, "dask://127.0.0.1:9?timeout=0.5"))
