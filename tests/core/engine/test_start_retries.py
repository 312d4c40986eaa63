"""Starts that fail for a passing reason are tried again, with the faults that really occur."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import QuarterdeckError, known_errors
from quarterdeck.core.client.client import CommandRefused
from quarterdeck.core.engine.retrying import is_transient
from quarterdeck.core.engine.safety.starts import AgentBreakers
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.sessions.keeper.faults import (
    KeeperGone,
    KeeperStartFailed,
    KeeperTimeout,
    SystemExhausted,
)
from quarterdeck.core.workflows.backends.dask.faults import ClusterUnreachable
from quarterdeck.state.faults import StoreBusy, StoreLocked
from quarterdeck.state.memory import MemoryStore

from .doubles import CountingMetrics
from .ship import sailing

PASSING = [StoreLocked, StoreBusy, KeeperGone, KeeperTimeout, SystemExhausted, ClusterUnreachable]


async def at_once(seconds: float) -> None:
    """Waits between tries take no time; the periodic tasks never come to their first round."""
    if seconds >= 30:
        await asyncio.Event().wait()


def test_which_faults_pass_by_themselves() -> None:
    ours = {kind for kind in known_errors() if kind.__module__.startswith("quarterdeck.")}
    assert {kind.code for kind in ours if kind.transient} == {kind.code for kind in PASSING}
    assert all(is_transient(kind("x")) for kind in PASSING)


@pytest.mark.parametrize("fault", PASSING)
async def test_a_start_succeeds_on_the_second_try(
    place: Path, fault: type[QuarterdeckError]
) -> None:
    async with sailing(place, sleep=at_once) as ship:
        view = ship.sessions.add(lifecycle=Lifecycle.CREATED)
        ship.sessions.fail("start", fault("passing"))
        client = await ship.client()
        reply = await client.call(c.StartAgent(session_id=view.id))
        assert reply["session"]["lifecycle"] == "running"
        assert ship.metrics.tags.count(("retries", {"operation": "start"})) == 1
        assert ship.engine.statistics().breakers == {}
        await client.close()


async def test_a_creation_whose_start_fails_for_a_moment_gives_one_session_that_runs(
    place: Path,
) -> None:
    async with sailing(place, sleep=at_once) as ship:
        ship.sessions.fail("start", KeeperGone("passing"), KeeperGone("passing"))
        client = await ship.client()
        reply = await client.call(c.CreateSession(name="one", agent="shell"))
        assert reply["session"]["lifecycle"] == "running"
        assert [view.name for view in ship.sessions.views()] == ["one"]
        assert ship.sessions.calls.count(("create", "one")) == 1
        await client.close()


async def test_a_creation_that_never_starts_says_why_and_the_session_stays(place: Path) -> None:
    async with sailing(place, sleep=at_once) as ship:
        ship.sessions.fail("start", *(KeeperTimeout("it hangs") for _ in range(3)))
        client = await ship.client()
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.CreateSession(name="one", agent="shell"))
        assert caught.value.code == "keeper_timeout"
        assert [view.name for view in ship.sessions.views()] == ["one"]
        await client.close()


async def test_what_does_not_pass_is_not_tried_again(place: Path) -> None:
    async with sailing(place, sleep=at_once) as ship:
        ship.sessions.fail("start", KeeperStartFailed("no"))
        client = await ship.client()
        with pytest.raises(CommandRefused):
            await client.call(c.CreateSession(name="one", agent="shell"))
        assert ship.metrics.counters.get("retries", 0) == 0
        await client.close()


async def test_a_session_whose_keeper_is_out_of_reach_starts_with_the_next_one(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real sessions room under the engine's retries."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    keepers, metrics = FakeKeepers(), CountingMetrics()
    rig = await Rig(place, store, keepers=keepers).open()
    await rig.create(start=False)
    keepers.unreachable = KeeperGone("it died at once")

    async def start() -> SessionView:
        wish = c.StartAgent(session_id=rig.session("one").id)
        return await rig.manager.start(wish, CAUSE)

    view = await AgentBreakers(metrics, sleep=at_once).start("shell", start)
    assert view.lifecycle is Lifecycle.RUNNING
    assert metrics.counters["retries"] == 1
    assert len(keepers.living()) == 1, "the first keeper was not left behind"
    assert rig.items() == [], "nothing of the first try still asks for a person"
    await rig.close()
    await store.close()
