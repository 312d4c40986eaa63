"""Links from within the process: what a follower gets, from when on, and once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.wire import (
    Follow,
)

from .links import greeted, numbers, received, silent
from .ship import sailing, settings_for, settle

INFO = e.SystemInfo(code="c", message="m")


async def test_nothing_comes_unasked(place: Path) -> None:
    async with sailing(place) as ship:
        endpoint = await greeted(ship)
        await ship.journal.record([], [INFO])
        assert await silent(endpoint)
        await endpoint.close()


async def test_following_begins_with_a_snapshot_of_now(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        endpoint = await greeted(ship)
        await endpoint.send(Follow())
        (snapshot,) = await received(endpoint, 1)
        assert isinstance(snapshot.payload, e.StateSnapshot)
        state = snapshot.payload.state
        assert state.sequence == snapshot.metadata.sequence == ship.journal.delivered
        assert state.sessions == (view,)
        assert [agent.name for agent in state.agents] == ["shell"]
        assert state.health is not None
        await ship.journal.record([], [INFO])
        assert numbers(await received(endpoint, 1)) == [state.sequence + 1]
        await endpoint.close()


async def test_topics_and_no_snapshot(place: Path) -> None:
    async with sailing(place) as ship:
        endpoint = await greeted(ship)
        await endpoint.send(Follow(topics=("status.*",), snapshot=False))
        await ship.journal.record([], [INFO])
        ship.journal.announce(e.StatusProgress(session_id=new_id(), progress=3))
        (only,) = await received(endpoint, 1)
        assert only.type == "status.progress"
        await endpoint.close()


async def test_kept_events_come_first_then_the_snapshot_then_what_happens(place: Path) -> None:
    async with sailing(place) as ship:
        for _ in range(4):
            await ship.journal.record([], [INFO])
        endpoint = await greeted(ship)
        await endpoint.send(Follow(since=2))
        await ship.journal.record([], [INFO])
        messages = await received(endpoint, 5)
        assert numbers(messages) == [3, 4, 5, 5, 6]
        assert [m.type for m in messages][3] == "system.state_snapshot"
        await endpoint.close()


async def test_what_happens_while_history_is_read_comes_after_it_and_once(place: Path) -> None:
    async with sailing(place) as ship:
        for _ in range(3):
            await ship.journal.record([], [INFO])
        endpoint = await greeted(ship)
        gate, real = asyncio.Event(), ship.store.events

        async def slowly(**wish: Any) -> Any:
            await gate.wait()
            return await real(**wish)

        ship.store.events = slowly  # type: ignore[method-assign]  # to hold it
        following = asyncio.create_task(endpoint.send(Follow(since=1, snapshot=False)))
        await settle()
        await ship.journal.record([], [INFO])
        gate.set()
        await following
        assert numbers(await received(endpoint, 4)) == [2, 3, 4, 5]
        assert await silent(endpoint)
        await endpoint.close()


async def test_a_number_that_was_never_kept_brings_nothing_twice(place: Path) -> None:
    """A commit failed, so its number is missing; as many rows as numbers reach too far then."""
    async with sailing(place) as ship:
        for _ in range(4):
            await ship.journal.record([], [INFO])
        endpoint = await greeted(ship)
        gate, real = asyncio.Event(), ship.store.events

        async def slowly(*, after: int, limit: int) -> Any:
            await gate.wait()
            rows = await real(after=after, limit=limit + 1)
            return [row for row in rows if row.sequence != 4][:limit]

        ship.store.events = slowly  # type: ignore[method-assign,assignment]  # to hold it
        following = asyncio.create_task(endpoint.send(Follow(since=1, snapshot=False)))
        await settle()
        await ship.journal.record([], [INFO])
        gate.set()
        await following
        assert numbers(await received(endpoint, 4)) == [2, 3, 5, 6]
        assert await silent(endpoint)
        await endpoint.close()


@pytest.mark.parametrize("since", [99, 0])
async def test_a_client_that_can_not_be_brought_up_to_date_by_events_gets_a_snapshot(
    place: Path, since: int
) -> None:
    """It saw what this engine never kept, or what it missed is more than may wait for it."""
    config = settings_for(place, engine={"event_buffer_size": 3})
    async with sailing(place, settings=config) as ship:
        for _ in range(5):
            await ship.journal.record([], [INFO])
        endpoint = await greeted(ship)
        await endpoint.send(Follow(since=since, snapshot=False))
        (snapshot,) = await received(endpoint, 1)
        assert isinstance(snapshot.payload, e.StateSnapshot)
        assert await silent(endpoint)
        await endpoint.close()


async def test_events_that_were_pruned_are_a_gap(place: Path) -> None:
    async with sailing(place) as ship:
        for _ in range(3):
            await ship.journal.record([], [INFO])
        real = ship.store.events

        async def pruned(**wish: Any) -> Any:
            return [row for row in await real(**wish) if row.sequence > 3]

        ship.store.events = pruned  # type: ignore[method-assign]  # a store that pruned
        endpoint = await greeted(ship)
        await endpoint.send(Follow(since=1, snapshot=False))
        assert isinstance((await received(endpoint, 1))[0].payload, e.StateSnapshot)
        await endpoint.close()


async def test_an_up_to_date_client_misses_nothing_and_gets_nothing_twice(place: Path) -> None:
    async with sailing(place) as ship:
        endpoint = await greeted(ship)
        await endpoint.send(Follow(since=ship.journal.delivered, snapshot=False))
        assert await silent(endpoint)
        await endpoint.close()


async def test_history_that_can_not_be_read_becomes_a_snapshot(place: Path) -> None:
    async with sailing(place) as ship:
        await ship.journal.record([], [INFO])

        async def unreadable(**_: Any) -> Any:
            raise ResourceFault("no")

        ship.store.events = unreadable  # type: ignore[method-assign]  # the fault under test
        endpoint = await greeted(ship)
        await endpoint.send(Follow(since=0, snapshot=False))
        assert isinstance((await received(endpoint, 1))[0].payload, e.StateSnapshot)
        await endpoint.close()


async def test_a_long_history_is_read_in_turns(place: Path) -> None:
    async with sailing(place) as ship:
        for _ in range(250):
            ship.journal.record([], [INFO])
        await ship.journal.settled()
        endpoint = await greeted(ship)
        await endpoint.send(Follow(since=1, snapshot=False))
        assert numbers(await received(endpoint, 250)) == list(range(2, 252))
        await endpoint.close()


async def test_a_slow_client_gets_a_snapshot_and_all_are_told(place: Path) -> None:
    config = settings_for(place, engine={"event_buffer_size": 2})
    async with sailing(place, settings=config) as ship:
        slow = await greeted(ship, client="sloth")
        await slow.send(Follow(snapshot=False))
        quick = await ship.client(follow=("system.*",))
        for _ in range(10):
            await ship.journal.record([], [INFO])
            await settle()
        (snapshot,) = await received(slow, 1)
        assert isinstance(snapshot.payload, e.StateSnapshot)
        assert snapshot.payload.state.sequence == ship.journal.delivered
        warnings = [x.payload for x in quick.view.events if x.type == "system.warning"]
        assert [w.code for w in warnings if isinstance(w, e.SystemWarning)] == ["client_behind"]
        assert "sloth" in str(warnings[0])
        assert ship.metrics.counters["events_dropped"] >= 8
        assert (await ship.engine.health()).events_dropped >= 8
        await ship.journal.record([], [INFO])
        assert numbers(await received(slow, 1)) == [ship.journal.delivered]
        await slow.close()
        await quick.close()
