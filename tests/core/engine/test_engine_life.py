"""The engine starts in order, and unwinds what half started."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError, ResourceFault
from quarterdeck.core.engine.engine import Phase
from quarterdeck.core.engine.faults import EngineNotRunning, EngineRunning, StateDirUnusable
from quarterdeck.core.engine.lock import read_holder
from quarterdeck.core.engine.records import StoreNotice
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.events import Event
from quarterdeck.core.telemetry.http import PortTaken
from quarterdeck.core.telemetry.prometheus import PrometheusMetrics
from quarterdeck.state.memory import MemoryStore

from .ship import RawClient, build, free_port, infos, sailing, settings_for, settle, stopped

# Starting


async def test_the_start_up_is_told_in_its_order(place: Path) -> None:
    told: list[Event] = []
    ship = build(place, listen=True)
    ship.store.notices.append(StoreNotice("store_moved", "It was damaged.", {"path": "x"}))
    ship.journal.listen(told.append)
    async with ship.engine as engine:
        assert engine.phase is Phase.RUNNING
        assert [event.type for event in told] == [
            "system.warning",
            "system.info",
            "system.health_status",
            "system.state_snapshot",
        ]
        warning = told[0].payload
        assert isinstance(warning, e.SystemWarning)
        assert (warning.code, warning.details) == ("store_moved", {"path": "x"})
        assert infos(told) == ["engine_started"]
        assert ship.sessions.loaded == [1]
        holder = read_holder(place)
        assert holder is not None
        assert (holder.pid, holder.engine_id) == (os.getpid(), engine.engine_id)
        assert holder.socket == str(engine.socket)


async def test_the_state_directory_is_made_for_its_user_alone(place: Path) -> None:
    async with sailing(place / "a" / "b") as ship:
        assert stat.S_IMODE(ship.state_dir.stat().st_mode) == 0o700


async def test_sessions_are_taken_up_before_anyone_is_served(place: Path) -> None:
    ship = build(place, listen=True)
    gate = ship.sessions.gate("load")
    starting = asyncio.create_task(ship.engine.start())
    await settle()
    assert ship.engine.socket is None
    assert not (place / "engine.sock").exists()
    with pytest.raises(EngineNotRunning, match="is starting"):
        ship.engine.local_endpoint()
    gate.set()
    await starting
    assert ship.engine.socket is not None
    await ship.engine.shutdown()


async def test_preferences_of_before_are_in_force(place: Path) -> None:
    first = build(place)
    async with first.engine:
        client = await first.client()
        await client.call(c.SetPreference(key="keymap", value="vim"))
        await client.close()
    async with sailing(place, store=first.store) as ship:
        client = await ship.client()
        await settle()
        assert client.view.preferences["keymap"] == "vim"
        await client.close()


async def test_a_second_engine_is_refused_with_the_first_ones_address(place: Path) -> None:
    async with sailing(place, listen=True) as first:
        second = build(place, listen=True)
        with pytest.raises(EngineRunning) as caught:
            await second.engine.start()
        assert caught.value.details["engine_id"] == first.engine.engine_id
        assert caught.value.details["socket"] == str(first.engine.socket)
        assert second.engine.phase is Phase.STOPPED
        client = await RawClient.open(first.engine.socket or Path())
        await client.close()


async def test_an_engine_starts_once(place: Path) -> None:
    async with sailing(place) as ship:
        with pytest.raises(EngineNotRunning, match="is running; an engine starts once"):
            await ship.engine.start()
    with pytest.raises(EngineNotRunning, match="is stopped"):
        await ship.engine.start()
    with pytest.raises(EngineNotRunning, match="is stopped"):
        ship.engine.local_endpoint()


class Passing(ResourceFault):
    """Passes by itself."""

    code = "passing"
    transient = True


async def test_a_store_that_is_busy_for_a_moment_is_tried_again(place: Path) -> None:
    async def at_once(_: float) -> None: ...

    ship = build(place, sleep=at_once, intervals=None)
    real, busy = ship.store.open, [Passing("busy"), Passing("busy")]

    async def open_() -> None:
        if busy:
            raise busy.pop()
        await real()

    ship.store.open = open_  # type: ignore[method-assign]  # a busy store
    ship.engine._parts.background._periodic.clear()
    async with ship.engine:
        assert ship.metrics.counters["retries"] == 2


FAILING = ["open", "begin", "last_sequence", "preferences", "load", "socket", "port"]


@pytest.mark.parametrize("step", FAILING)
async def test_a_start_that_fails_anywhere_leaves_nothing_behind(place: Path, step: str) -> None:
    port = free_port()
    config = settings_for(place, prometheus={"enabled": True, "port": port})
    ship = build(place, listen=True, settings=config, metrics=PrometheusMetrics())
    taken = None
    if step == "load":
        ship.sessions.fail("load", ResourceFault("no"))
    elif step == "socket":
        (place / "engine.sock").write_text("precious")
    elif step == "port":
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    else:

        async def refuse(*_: Any) -> Any:
            raise ResourceFault("no")

        setattr(ship.store, step, refuse)
    with pytest.raises(QuarterdeckError) as caught:
        await ship.engine.start()
    if taken is not None:
        assert isinstance(caught.value, PortTaken)
        assert str(port) in caught.value.message
        taken.close()
    if step == "socket":
        (place / "engine.sock").unlink()
    await ship.engine.wait_stopped()
    await stopped(ship)
    fresh = MemoryStore(clock=ManualClock())
    again = build(place, listen=True, store=fresh, settings=config, metrics=PrometheusMetrics())
    async with again.engine:
        pass


async def test_a_start_that_is_cancelled_leaves_nothing_behind(place: Path) -> None:
    ship = build(place, listen=True)
    ship.sessions.gate("load")
    starting = asyncio.create_task(ship.engine.start())
    await settle()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await stopped(ship)


async def test_a_start_that_is_cancelled_twice_still_saves_and_leaves_nothing_behind(
    place: Path,
) -> None:
    ship = build(place, listen=True)
    ship.sessions.gate("load")
    gate = ship.sessions.gate("close")
    starting = asyncio.create_task(ship.engine.start())
    await settle()
    for _ in range(2):
        starting.cancel()
        await settle()
    assert starting.done()
    gate.set()
    await ship.engine.wait_stopped()
    assert ship.sessions.closed == [False]
    await stopped(ship)


async def test_a_state_directory_that_can_not_be_made_is_named(place: Path) -> None:
    (place / "file").write_text("x")
    ship = build(place / "file" / "s")
    with pytest.raises(StateDirUnusable, match="--state-dir"):
        await ship.engine.start()


async def test_another_users_state_directory_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    with pytest.raises(StateDirUnusable, match="another user"):
        await build(place).engine.start()


async def test_without_a_socket_of_its_own_it_has_the_users(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    ship = build(place / "s", listen=True, socket=None)
    async with ship.engine:
        assert ship.engine.socket is not None
        assert ship.engine.socket.parent == place / "quarterdeck"
