"""Health is true: each check turns when its thing breaks, and turns back when it is mended."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import namedtuple
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine import health as rules
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import SystemInfo
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.protocol.views import Check, HealthStatus
from quarterdeck.state.faults import StoreFull

from .ship import Ship, ToldSleep, sailing, settings_for, settle

HEALTHY, DEGRADED, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY
INFO = SystemInfo(code="c", message="m")
Disk = namedtuple("Disk", ["total", "used", "free"])  # noqa: PYI024  # as shutil gives it


async def check(ship: Ship, name: str) -> Check:
    view = await ship.engine.health()
    return next(one for one in view.checks if one.name == name)


async def test_a_sound_engine_is_healthy_and_says_its_figures(place: Path) -> None:
    clock = ManualClock()
    async with sailing(place, clock=clock) as ship:
        ship.sessions.add("a")
        ship.sessions.add("b", lifecycle=Lifecycle.EXITED)
        client = await ship.client()
        await client.call(c.ToggleMinimal())
        clock.advance(3600)
        view = await ship.engine.health()
        assert view.status is HEALTHY
        assert {one.name for one in view.checks} == {
            "store", "loop", "workers", "queues", "background", "engine", "disk", "sessions",
        }  # fmt: skip
        assert all(one.message for one in view.checks)
        assert view.active_sessions == 1
        assert (view.rate_limiters, view.worker_count, view.max_sessions) == (1, 3, 10)
        assert view.uptime_seconds == 3600
        assert (view.clients, view.command_queue, view.durability) == (1, 0, "normal")
        await client.close()


async def test_the_uptime_counts_from_the_start(place: Path) -> None:
    clock = ManualClock()
    async with sailing(place, clock=clock) as ship:
        assert (await ship.engine.health()).uptime_seconds == 0
        clock.advance(5)
        clock.jump(1000)
        assert (await ship.engine.health()).uptime_seconds == 5


async def test_a_store_that_refuses_is_unhealthy_until_it_takes_again(place: Path) -> None:
    async with sailing(place) as ship:
        ship.store.fail_next(StoreFull("full"))
        with pytest.raises(QuarterdeckError):
            await ship.journal.record([], [INFO])
        found = await check(ship, "store")
        assert (found.status, (await ship.engine.health()).status) == (UNHEALTHY, UNHEALTHY)
        assert "store_full" in found.message
        await ship.journal.record([], [INFO])
        assert (await check(ship, "store")).status is HEALTHY


async def test_a_store_that_hangs_is_unhealthy(place: Path) -> None:
    clock = ManualClock()
    async with sailing(place, clock=clock) as ship:
        with ship.store.held():
            ship.journal.record([], [INFO])
            clock.advance(rules.COMMIT_STUCK + 1)
            found = await check(ship, "store")
            assert found.status is UNHEALTHY
            assert "waited for 11 s" in found.message
        await ship.journal.settled()
        assert (await check(ship, "store")).status is HEALTHY


async def test_a_store_that_is_slow_or_far_behind_is_degraded(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sailing(place) as ship:
        figures = ship.store.statistics()

        def told(**changes: Any) -> Any:
            values = {name: getattr(figures, name) for name in figures.__slots__}
            return lambda: type(figures)(**{**values, **changes})

        monkeypatch.setattr(ship.store, "statistics", told(last_commit_ms=5000.0))
        assert (await check(ship, "store")).status is DEGRADED
        monkeypatch.setattr(ship.store, "statistics", told(pending=5000))
        assert "5000 changes wait" in (await check(ship, "store")).message


async def test_a_loop_that_is_held_up_is_degraded(place: Path) -> None:
    async with sailing(place) as ship:

        async def hog() -> None:
            time.sleep(rules.LAG_DEGRADED + 0.05)  # noqa: ASYNC251  # the fault under test

        looking = asyncio.create_task(check(ship, "loop"))
        await asyncio.sleep(0)
        await hog()
        found = await looking
        assert found.status is DEGRADED
        assert (await check(ship, "loop")).status is HEALTHY


async def test_without_workers_it_is_unhealthy(place: Path) -> None:
    async with sailing(place) as ship:
        pool = ship.engine._parts.workers
        await pool.finish(0)
        found = await check(ship, "workers")
        assert found.status is UNHEALTHY
        assert (await ship.engine.health()).worker_count == 0


async def test_a_full_queue_and_a_full_mailbox_are_degraded(place: Path) -> None:
    clock = ManualClock()
    config = settings_for(place, engine={"command_buffer_size": 1, "worker_count": 1})
    async with sailing(place, settings=config, clock=clock) as ship:
        view = ship.sessions.add()
        ship.sessions.gate("start")
        ship.sessions.gate("screen")
        client = await ship.client(follow=None)
        starting = asyncio.create_task(client.call(c.StartAgent(session_id=view.id)))
        await settle()
        clock.advance(rules.STUCK_AFTER + 1)
        assert "has run for 121 s" in (await check(ship, "queues")).message
        ship.sessions.screens[view.id] = ship.sessions.screen_source(view.id)
        reading = [
            asyncio.create_task(client.call(c.ReadScreen(session_id=view.id))) for _ in range(3)
        ]
        await settle()
        found = await check(ship, "queues")
        assert found.status is DEGRADED
        assert "the command queue is full" in found.message
        for gate in ship.sessions.gates.values():
            gate.set()
        await asyncio.gather(starting, *reading)
        assert (await check(ship, "queues")).status is HEALTHY
        await client.close()


async def test_a_failing_background_task_is_degraded(place: Path) -> None:
    sleep = ToldSleep()
    async with sailing(place, sleep=sleep) as ship:
        await settle()
        ship.sessions.fail("checkpoint", ValueError("x"))
        await sleep.wake(30)
        found = await check(ship, "background")
        assert found.status is DEGRADED
        assert "checkpoint fails (ValueError)" in found.message
        await sleep.wake(30)
        assert (await check(ship, "background")).status is HEALTHY


async def test_a_state_directory_that_is_taken_away_is_unhealthy(place: Path) -> None:
    async with sailing(place) as ship:
        shutil.rmtree(place)
        found = await check(ship, "engine")
        assert found.status is UNHEALTHY
        assert "removed" in found.message
        assert (await check(ship, "disk")).status is UNHEALTHY
        os.mkdir(place)  # noqa: PTH102  # for the end of the engine


async def test_a_socket_that_is_removed_is_degraded(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        os.unlink(place / "engine.sock")  # noqa: PTH108  # quick, and under test
        found = await check(ship, "engine")
        assert found.status is DEGRADED
        assert "socket" in found.message
        assert ship.engine.socket is None


@pytest.mark.parametrize(
    ("free", "status"),
    [(10**12, HEALTHY), (100 * 1024 * 1024, DEGRADED), (1024, UNHEALTHY)],
)
async def test_disk_space_is_looked_at(
    place: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: HealthStatus
) -> None:
    async with sailing(place) as ship:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**12, 0, free))
        assert (await check(ship, "disk")).status is status


async def test_what_the_sessions_find_counts(place: Path) -> None:
    async with sailing(place) as ship:
        ship.sessions.found = [Check(name="keepers", status=DEGRADED, message="one is silent")]
        view = await ship.engine.health()
        assert view.status is DEGRADED
        assert view.checks[-1].name == "keepers"


async def test_a_check_that_fails_or_hangs_is_a_finding(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "PATIENCE", 0.01)
    async with sailing(place) as ship:
        ship.sessions.fail("checks", ValueError("x"))
        assert (await check(ship, "sessions")).status is UNHEALTHY
        gate = ship.sessions.gate("checks")
        found = await check(ship, "sessions")
        assert found.status is UNHEALTHY
        assert "TimeoutError" in found.message
        gate.set()


async def test_a_stopping_engine_is_unhealthy(place: Path) -> None:
    async with sailing(place) as ship:
        gate = ship.sessions.gate("close")
        stopping = asyncio.create_task(ship.engine.shutdown())
        await settle()
        assert (await check(ship, "engine")).message == "it is stopping"
        gate.set()
        await stopping


async def test_looking_sets_the_gauges(place: Path) -> None:
    clock = ManualClock()
    async with sailing(place, clock=clock) as ship:
        view = ship.sessions.add()
        ship.sessions.raise_item(view.id, created_at=clock.now())
        later = clock.now() + timedelta(hours=1)
        ship.sessions.raise_item(view.id, created_at=clock.now(), snoozed_until=later)
        await ship.journal.settled()
        clock.advance(90)
        await ship.engine.health()
        gauges = ship.metrics.gauges
        assert gauges["human_waiting"] == 1
        assert gauges["human_wait_seconds"] == 90
        assert gauges["sessions_active"] == 1
        assert gauges["health"] == 0
        assert gauges["workers_alive"] == 3
        assert {"loop_lag_seconds", "command_queue_depth", "mailbox_depth", "outbox_depth"} <= set(
            gauges
        )
