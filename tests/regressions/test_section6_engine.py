"""Faults that engines of this kind are known for (section 6 of the contract): each must stay out."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.engine.doubles import session_view, status_changed
from tests.core.engine.ship import build, sailing, settings_for, settle, until

from quarterdeck.core.base.clock import SYSTEM_CLOCK, ManualClock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.client import CommandRefused
from quarterdeck.core.engine.engine import Phase
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.protocol.views import HealthStatus
from quarterdeck.core.protocol.wire import Follow, Hello, Watch
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore
from quarterdeck.state.sqlite.store import open_store


@pytest.fixture
def place() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def on_disk(place: Path) -> Any:
    return open_store(f"sqlite://{place / 'state.db'}", clock=SYSTEM_CLOCK)


# Loaded sessions are not re-created and the next save erases them


async def test_loaded_sessions_are_not_re_created_and_the_next_save_erases_them(
    place: Path,
) -> None:
    first = build(place, store=on_disk(place))
    async with first.engine:
        client = await first.client()
        for name in ("a", "b"):
            await client.call(c.CreateSession(name=name, agent="shell"))
        await client.close()
    for _ in range(3):
        again = build(place, store=on_disk(place))
        async with again.engine:
            assert [view.name for view in again.sessions.views()] == ["a", "b"]
            await again.engine._parts.upkeep.checkpoint()
            assert len(await again.store.sessions()) == 2


async def test_loaded_sessions_can_be_commanded_and_are_in_the_first_snapshot(
    place: Path,
) -> None:
    first = build(place, store=on_disk(place))
    async with first.engine:
        client = await first.client()
        made = (await client.call(c.CreateSession(name="a", agent="shell")))["session"]
        await client.close()
    again = build(place, store=on_disk(place))
    async with again.engine:
        client = await again.client()
        await until(lambda: made["id"] in client.view.sessions)
        started = await client.call(c.StartAgent(session_id=made["id"]))
        assert started["session"]["lifecycle"] == "running"
        await client.close()


# Every error is CMD_ERROR


async def test_every_error_is_cmd_error(place: Path) -> None:
    """Fourteen causes, fourteen codes."""
    clock = ManualClock()
    config = settings_for(place, engine={"rate_limit_burst": 3})
    async with sailing(place, settings=config, clock=clock) as ship:
        view, other = ship.sessions.add("a"), ship.sessions.add("b")
        ship.sessions.fail("update", StoreFull("The disk is full."), KeyError("x"))
        client = await ship.client(follow=None)
        new = {"name": "a", "agent": "shell"}
        cases: list[tuple[str, dict[str, Any], str]] = [
            ("session.lst", {}, "unknown_type"),
            ("session.create", {**new, "name": ""}, "name_empty"),
            ("session.create", {**new, "name": "x" * 51}, "name_too_long"),
            ("session.create", {**new, "name": "a/b"}, "name_invalid"),
            ("session.create", {**new, "env": {"k" * 101: ""}}, "env_key_too_long"),
            ("session.create", {**new, "env": {"k": "v" * 1001}}, "env_value_too_long"),
            ("session.update", {"session_id": view.id, "updates": {}}, "updates_empty"),
            ("agent.start", {"session_id": "x"}, "bad_id"),
            ("agent.start", {"session_id": new_id()}, "session_unknown"),
            ("attention.answer", {"item_id": new_id(), "choice": "1"}, "item_unknown"),
            ("ui.set_preference", {"key": "thme", "value": 1}, "unknown_preference"),
            ("ui.set_preference", {"key": "theme", "value": 1}, "invalid_preference"),
            ("session.update", {"session_id": view.id, "updates": {"name": "n"}}, "store_full"),
            ("session.update", {"session_id": view.id, "updates": {"name": "n"}}, "internal"),
        ]
        codes, texts = [], set()
        for kind, payload, _ in cases:
            sent = c.Command(id=new_id(), type=kind, timestamp=clock.now(), payload=payload)
            with pytest.raises(CommandRefused) as caught:
                await client.call_command(sent)
            codes.append(caught.value.code)
            texts.add(caught.value.message)
        assert codes == [code for _, _, code in cases]
        assert len(set(codes)) == len(cases) == len(texts)
        for _ in range(3):
            await client.call(c.StopAgent(session_id=other.id))
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.StopAgent(session_id=other.id))
        assert caught.value.code == "rate_limited"
        await client.close()


# status.changed always claims the same old status


async def test_status_changed_always_claims_the_same_old_status(place: Path) -> None:
    """Also where a slow client gets several changes as one: it is told from what it last saw."""
    async with sailing(place) as ship:
        view = session_view()
        client = await ship.client(follow=("status.changed",))
        told: list[e.StatusChanged] = []

        def hear(event: e.Event) -> None:
            if isinstance(event.payload, e.StatusChanged):
                told.append(event.payload)

        client.on_event = hear

        def change(old: Activity, new: Activity) -> e.StatusChanged:
            base = view.model_copy(
                update={"status": view.status.model_copy(update={"activity": old})}
            )
            return status_changed(base, new)

        await ship.journal.record([], [change(Activity.IDLE, Activity.WORKING)])
        await settle()
        with ship.store.held():
            ship.journal.record([], [change(Activity.WORKING, Activity.LIMITED)])
            ship.journal.record([], [change(Activity.LIMITED, Activity.NEEDS_APPROVAL)])
        await ship.journal.settled()
        await settle()
        moves = [(x.old_activity, x.status.activity) for x in told]
        assert moves[0] == (Activity.IDLE, Activity.WORKING)
        assert moves[1:] in (
            [(Activity.WORKING, Activity.NEEDS_APPROVAL)],
            [
                (Activity.WORKING, Activity.LIMITED),
                (Activity.LIMITED, Activity.NEEDS_APPROVAL),
            ],
        )
        await client.close()


# Commands of one session reorder across workers


class Uneven(MemoryStore):
    """Takes its time with every second look-up of a kept reply."""

    looked = 0

    async def reply(self, command_id: str) -> str | None:
        self.looked += 1
        for _ in range(20 if self.looked % 2 else 0):
            await asyncio.sleep(0)
        return await super().reply(command_id)


async def test_commands_of_one_session_reorder_across_workers(place: Path) -> None:
    config = settings_for(place, engine={"worker_count": 8, "rate_limit_burst": 1000})
    async with sailing(place, store=Uneven(clock=ManualClock()), settings=config) as ship:
        views = [ship.sessions.add(name) for name in "abc"]
        items = {view.id: ship.sessions.raise_item(view.id) for view in views}
        client = await ship.client(follow=None)
        wishes: list[c.Payload] = []
        for number in range(20):
            wishes += [c.Prompt(session_id=v.id, text=f"{v.name} {number}") for v in views]
        await asyncio.gather(*(client.call(wish) for wish in wishes))
        for view in views:
            texts = [text for _, text in ship.sessions.done if text.startswith(view.name)]
            assert texts == [f"{view.name} {number}" for number in range(20)]
        first = views[0].id
        await asyncio.gather(
            client.call(c.SnoozeItem(item_id=items[first].item_id)),
            client.call(c.Prompt(session_id=first, text="between")),
            client.call(c.ResolveItem(item_id=items[first].item_id)),
        )
        assert [name for name, _ in ship.sessions.calls][-3:] == ["snooze", "prompt", "resolve"]
        await client.close()


async def test_commands_for_a_session_overtake_the_one_that_creates_it(place: Path) -> None:
    async with sailing(place) as ship:
        gate = ship.sessions.gate("start")
        client = await ship.client()
        creating = asyncio.create_task(client.call(c.CreateSession(name="a", agent="shell")))
        await until(lambda: bool(client.view.sessions))
        (session_id,) = client.view.sessions
        stopping = asyncio.create_task(client.call(c.StopAgent(session_id=session_id)))
        await settle()
        assert [name for name, _ in ship.sessions.calls][-1] == "start"
        gate.set()
        assert (await creating)["session"]["lifecycle"] == "running"
        assert (await stopping)["session"]["lifecycle"] == "exited"
        await client.close()


async def test_three_slow_starts_hold_up_everybody(place: Path) -> None:
    async with sailing(place) as ship:
        gate = ship.sessions.gate("start")
        client = await ship.client()
        slow = [
            asyncio.create_task(client.call(c.CreateSession(name=f"s{n}", agent="shell")))
            for n in range(5)
        ]
        await until(lambda: len(client.view.sessions) == 5)
        other = ship.sessions.add("other")
        assert await client.call(c.Prompt(session_id=other.id, text="x")) == {
            "delivery": "verified"
        }
        assert len((await client.call(c.ListSessions()))["sessions"]) == 6
        gate.set()
        assert len(await asyncio.gather(*slow)) == 5
        await client.close()


# Toggling minimal blocks a worker


async def test_toggling_minimal_blocks_a_worker(place: Path) -> None:
    config = settings_for(place, engine={"worker_count": 1})
    async with sailing(place, settings=config) as ship:
        client = await ship.client(follow=None)
        with ship.store.held():
            for number in range(50):
                found = await client.call(c.ToggleMinimal())
                assert found == {"minimal": number % 2 == 0}
        await client.close()


# A set preference is not stored


async def test_a_set_preference_is_not_stored(place: Path) -> None:
    first = build(place, store=on_disk(place))
    async with first.engine:
        client = await first.client()
        await client.call(c.SetPreference(key="keymap", value="vim"))
        # No orderly stop is needed: another connection sees what was acknowledged.
        other = on_disk(place)
        await other.open()
        assert await other.preferences() == {"keymap": "vim"}
        await other.close()
        await client.close()
    again = build(place, store=on_disk(place))
    async with again.engine:
        client = await again.client(follow=None)
        found = await client.call(c.GetPreferences())
        assert found["preferences"]["keymap"] == "vim"
        await client.close()


async def test_a_preference_is_acknowledged_before_it_is_stored(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        with ship.store.held():
            setting = asyncio.create_task(client.call(c.SetPreference(key="theme", value="x")))
            await settle()
            assert not setting.done()
            assert client.view.preferences["theme"] != "x"
        await setting
        await client.close()


# The last save runs under a cancelled context


async def test_the_last_save_runs_under_a_cancelled_context(place: Path) -> None:
    ship = build(place, store=on_disk(place))
    saved: list[bool] = []
    real = ship.sessions.close

    async def close(*, stop_sessions: bool) -> None:
        await asyncio.sleep(0.01)
        await ship.journal.record([], [e.SystemInfo(code="last_words", message="m")])
        task = asyncio.current_task()
        saved.append(task is not None and not task.cancelling())
        await real(stop_sessions=stop_sessions)

    ship.sessions.close = close  # type: ignore[method-assign]  # to see it

    async def program() -> None:
        async with ship.engine:
            await asyncio.Event().wait()

    running = asyncio.create_task(program())
    await until(lambda: ship.engine.phase is Phase.RUNNING)
    running.cancel()
    await settle()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await ship.engine.wait_stopped()
    assert saved == [True]
    later = on_disk(place)
    await later.open()
    bodies = [row.body for row in await later.events()]
    assert any("last_words" in body for body in bodies)
    await later.close()


async def test_a_last_save_is_lost_when_the_stop_is_forced(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        ship.sessions.gate("start")
        client = await ship.client()
        call = asyncio.create_task(client.call(c.StartAgent(session_id=view.id)))
        await settle()
        ship.engine.request_stop()
        await settle()
        ship.engine.force_stop()
        await ship.engine.wait_stopped()
        assert ship.sessions.closed == [False]
        await asyncio.gather(call, return_exceptions=True)


# Queued commands vanish at shutdown


async def test_queued_commands_vanish_at_shutdown(place: Path) -> None:
    config = settings_for(
        place,
        engine={
            "worker_count": 1,
            "command_buffer_size": 2,
            "shutdown_timeout": 0.2,
            "rate_limit_burst": 1000,
        },
    )
    async with sailing(place, settings=config) as ship:
        view, other = ship.sessions.add("a"), ship.sessions.add("b")
        for one in (view, other):
            ship.sessions.screens[one.id] = ship.sessions.screen_source(one.id)
        ship.sessions.gate("screen")
        ship.sessions.gate("start")
        client = await ship.client()
        wishes: list[c.Payload] = [c.StartAgent(session_id=view.id) for _ in range(3)]
        wishes += [c.ReadScreen(session_id=other.id) for _ in range(8)]
        calls = [asyncio.create_task(client.call(wish)) for wish in wishes]
        await settle()
        await ship.engine.shutdown()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        codes = [getattr(one, "code", "ok") for one in ended]
        assert len(codes) == 11
        assert set(codes) == {"shutting_down"}


# A slow dashboard stalls the engine


async def test_a_slow_dashboard_stalls_the_engine(place: Path) -> None:
    """It takes nothing at all, and asks for everything."""
    config = settings_for(place, engine={"event_buffer_size": 10, "rate_limit_burst": 10_000})
    async with sailing(place, settings=config) as ship:
        views = [ship.sessions.add(name) for name in "abc"]
        slow = ship.engine.local_endpoint()
        await slow.send(Hello(client="slow"))
        await slow.send(Follow())
        for view in views:
            await slow.send(Watch(session_id=view.id, mode="bytes"))
        quick = await ship.client()
        for number in range(300):
            ship.sessions.screen_source(views[0].id).output(b"x" * 10_000)
            name = f"n{number}"
            wish = c.UpdateSession(session_id=views[0].id, updates=c.SessionUpdates(name=name))
            await quick.call(wish)
            await ship.journal.record([], [e.SystemInfo(code="c", message="m")])
        assert quick.view.sessions[views[0].id].name == "n299"
        figures = ship.engine.statistics().hub
        assert figures.fullest <= 10
        assert figures.dropped > 0
        await slow.close()
        await quick.close()


# Uptime 0, health always true


async def test_uptime_is_0_and_health_always_true(place: Path) -> None:
    clock = ManualClock()
    async with sailing(place, clock=clock) as ship:
        clock.advance(3600)
        view = await ship.engine.health()
        assert (view.uptime_seconds, view.status) == (3600, HealthStatus.HEALTHY)
        ship.store.fail_next(StoreFull("full"))
        with pytest.raises(QuarterdeckError):
            await ship.journal.record([], [e.SystemInfo(code="c", message="m")])
        assert (await ship.engine.health()).status is HealthStatus.UNHEALTHY


# The session limit is checked, then used: the sessions' own tests; here, that nothing widens it


async def test_a_repeated_create_makes_a_second_session(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        sent = c.command(c.CreateSession(name="a", agent="shell"))
        replies = await asyncio.gather(*(client.call_command(sent) for _ in range(5)))
        assert len(ship.sessions.known) == 1
        assert [name for name, _ in ship.sessions.calls].count("create") == 1
        assert replies == replies[:1] * 5
        await client.close()
