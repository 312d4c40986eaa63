"""Links from within the process: greeting, following, watching, waiting, leaving."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.engine import connections
from quarterdeck.core.engine.connections import LocalEndpoint
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.events import Event
from quarterdeck.core.protocol.wire import (
    PROTOCOL,
    Bye,
    Follow,
    Frame,
    Goodbye,
    Hello,
    Input,
    KeyInput,
    Output,
    PasteInput,
    Reply,
    SizeInput,
    Unwatch,
    Watch,
    Welcome,
)

from .ship import Ship, sailing, settings_for, settle, until

INFO = e.SystemInfo(code="c", message="m")


async def greeted(ship: Ship, **hello: Any) -> LocalEndpoint:
    endpoint = ship.engine.local_endpoint()
    await endpoint.send(Hello(**hello))
    assert isinstance(await endpoint.receive(), Welcome)
    return endpoint


async def received(endpoint: LocalEndpoint, count: int) -> list[Any]:
    async with asyncio.timeout(60):
        return [await endpoint.receive() for _ in range(count)]


def numbers(messages: list[Any]) -> list[int]:
    return [m.metadata.sequence for m in messages if isinstance(m, Event)]


async def silent(endpoint: LocalEndpoint) -> bool:
    """Whether nothing comes."""
    receiving = asyncio.create_task(endpoint.receive())
    await settle()
    quiet = not receiving.done()
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
    return quiet


# Greeting


async def test_a_greeting_is_answered_with_who_is_who(place: Path) -> None:
    async with sailing(place, headless=True) as ship:
        endpoint = ship.engine.local_endpoint()
        await endpoint.send(Hello(client="deck", pid=7))
        welcome = await endpoint.receive()
        assert isinstance(welcome, Welcome)
        engine = welcome.engine
        assert engine.engine_id == ship.engine.engine_id
        assert engine.state_dir == str(place)
        assert (engine.headless, engine.protocol) == (True, PROTOCOL)
        assert welcome.client_id
        await endpoint.close()


async def test_a_newer_client_is_told_the_protocol_that_is_spoken(place: Path) -> None:
    async with sailing(place) as ship:
        endpoint = ship.engine.local_endpoint()
        await endpoint.send(Hello(protocol=PROTOCOL + 5))
        welcome = await endpoint.receive()
        assert isinstance(welcome, Welcome)
        assert welcome.engine.protocol == PROTOCOL
        await endpoint.close()


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (Hello(protocol=0), "speaks the protocols 1 to 1, not 0"),
        (Follow(), "begins with Hello"),
        (c.command(c.ListSessions()), "begins with Hello"),
    ],
)
async def test_a_link_that_begins_wrongly_is_ended_with_the_reason(
    place: Path, first: Any, reason: str
) -> None:
    async with sailing(place) as ship:
        endpoint = ship.engine.local_endpoint()
        await endpoint.send(first)
        goodbye = await endpoint.receive()
        assert isinstance(goodbye, Goodbye)
        assert reason in goodbye.reason
        with pytest.raises(LinkClosed):
            await endpoint.receive()
        with pytest.raises(LinkClosed):
            await endpoint.send(Hello())
        assert ship.metrics.counters["links_refused"] == 1


async def test_a_second_hello_ends_the_link(place: Path) -> None:
    async with sailing(place) as ship:
        endpoint = await greeted(ship)
        await endpoint.send(Hello())
        assert isinstance(await endpoint.receive(), Goodbye)


async def test_leaving_takes_the_client_off_the_list(place: Path) -> None:
    async with sailing(place) as ship:
        first, second = await greeted(ship), await greeted(ship)
        assert ship.engine.statistics().hub.clients == 2
        await first.send(c.command(c.ToggleMinimal()))
        await first.receive()
        assert ship.engine.statistics().limits["client"].size == 1
        await first.send(Bye())
        assert ship.engine.statistics().limits["client"].size == 0
        await second.close()
        await second.close()
        assert ship.engine.statistics().hub.clients == 0
        for endpoint in (first, second):
            with pytest.raises(LinkClosed):
                await endpoint.receive()


# Following


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


# Watching


async def test_a_watched_screen_comes_whole_and_then_by_its_changes(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        source = ship.sessions.screen_source(view.id)
        endpoint = await greeted(ship)
        await endpoint.send(Watch(session_id=view.id))
        (first,) = await received(endpoint, 1)
        assert isinstance(first, Frame)
        assert first.frame.full
        source.write("x")
        source.write("y")
        (second,) = await received(endpoint, 1)
        assert (second.frame.base, second.frame.generation) == (1, 3)
        await endpoint.send(Unwatch(session_id=view.id))
        assert source.watched == 0
        await endpoint.close()


async def test_watched_bytes_come_as_they_are(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        source = ship.sessions.screen_source(view.id)
        endpoint = await greeted(ship)
        await endpoint.send(Watch(session_id=view.id, mode="bytes"))
        (first,) = await received(endpoint, 1)
        assert first == Output(session_id=view.id, data=b"<repaint ready>")
        source.output(b"\x1b[31m")
        assert (await received(endpoint, 1))[0].data == b"\x1b[31m"
        await endpoint.close()
        assert source.watched == 0


async def test_watching_nothing_is_answered_with_an_error(place: Path) -> None:
    async with sailing(place) as ship:
        endpoint = await greeted(ship)
        await endpoint.send(Watch(session_id=new_id()))
        (reply,) = await received(endpoint, 1)
        assert isinstance(reply, Reply)
        assert reply.command_id is None
        assert reply.error is not None
        assert reply.error.code == "session_unknown"
        await endpoint.close()


async def test_a_flood_of_output_does_not_hold_up_events(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        source = ship.sessions.screen_source(view.id)
        endpoint = await greeted(ship)
        await endpoint.send(Watch(session_id=view.id, mode="bytes"))
        await endpoint.send(Follow(snapshot=False))
        await ship.journal.record([], [INFO])
        kinds = []
        for _ in range(6):
            source.output(b"x")
            kinds.append((await received(endpoint, 1))[0].kind)
        assert "event" in kinds[:2]
        await endpoint.close()


async def test_a_flood_of_events_does_not_hold_up_the_screen(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        endpoint = await greeted(ship)
        await endpoint.send(Follow(snapshot=False))
        for _ in range(20):
            await ship.journal.record([], [INFO])
        await endpoint.send(Watch(session_id=view.id))
        kinds = [m.kind for m in await received(endpoint, 2)]
        assert "frame" in kinds
        await endpoint.close()


# Input


async def test_input_goes_to_the_sessions_in_order_and_past_the_queue(place: Path) -> None:
    config = settings_for(place, engine={"worker_count": 1, "command_buffer_size": 1})
    async with sailing(place, settings=config) as ship:
        view = ship.sessions.add()
        ship.sessions.screens[view.id] = ship.sessions.screen_source(view.id)
        gate = ship.sessions.gate("screen")
        endpoint = await greeted(ship)
        await endpoint.send(c.command(c.ReadScreen(session_id=view.id)))
        messages: list[Input] = [
            KeyInput(session_id=view.id, keys=("a",)),
            PasteInput(session_id=view.id, text="b"),
            SizeInput(session_id=view.id, cols=90, lines=20),
            KeyInput(session_id=view.id, keys=("c",)),
        ]
        for message in messages:
            await endpoint.send(message)
        assert ship.sessions.inputs == messages
        gate.set()
        await endpoint.close()


async def test_input_for_nobody_is_counted(place: Path) -> None:
    async with sailing(place) as ship:
        endpoint = await greeted(ship)
        await endpoint.send(KeyInput(session_id=new_id(), keys=("a",)))
        assert ship.metrics.counters["input_dropped"] == 1
        assert await silent(endpoint)
        await endpoint.close()


# Waiting


async def test_a_sender_waits_while_the_command_queue_is_full(place: Path) -> None:
    config = settings_for(place, engine={"worker_count": 1, "command_buffer_size": 2})
    async with sailing(place, settings=config) as ship:
        view = ship.sessions.add()
        ship.sessions.screens[view.id] = ship.sessions.screen_source(view.id)
        gate = ship.sessions.gate("screen")
        endpoint = await greeted(ship)
        sent: list[int] = []

        async def send_all() -> None:
            for number in range(6):
                await endpoint.send(c.command(c.ReadScreen(session_id=view.id)))
                sent.append(number)

        sending = asyncio.create_task(send_all())
        await settle()
        assert sent == [0, 1, 2]
        gate.set()
        await sending
        replies = await received(endpoint, 6)
        assert all(isinstance(reply, Reply) and reply.ok for reply in replies)
        await endpoint.close()


async def test_a_client_that_does_not_take_its_replies_waits(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REPLY_WINDOW", 3)
    async with sailing(place) as ship:
        endpoint = await greeted(ship)
        sent: list[int] = []

        async def send_all() -> None:
            for number in range(5):
                await endpoint.send(c.command(c.ToggleMinimal()))
                sent.append(number)

        sending = asyncio.create_task(send_all())
        await settle()
        assert sent == [0, 1, 2]
        await received(endpoint, 2)
        await settle()
        assert sent == [0, 1, 2, 3, 4]
        await sending
        await endpoint.close()


async def test_a_client_that_leaves_while_it_waits_is_let_go(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REPLY_WINDOW", 1)
    async with sailing(place) as ship:
        endpoint = await greeted(ship)
        await endpoint.send(c.command(c.ToggleMinimal()))
        waiting = asyncio.create_task(endpoint.send(c.command(c.ToggleMinimal())))
        await settle()
        await endpoint.close()
        with pytest.raises(LinkClosed):
            await waiting


async def test_a_client_that_is_gone_is_sent_nothing(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        gate = ship.sessions.gate("start")
        endpoint = await greeted(ship)
        await endpoint.send(c.command(c.StartAgent(session_id=view.id)))
        await settle()
        await endpoint.close()
        gate.set()
        await until(lambda: ("start", view.id) in ship.sessions.done)
        with pytest.raises(LinkClosed):
            await endpoint.receive()


async def test_a_name_that_is_too_long_is_cut(place: Path) -> None:
    async with sailing(place) as ship:
        endpoint = await greeted(ship, client="x" * 1000)
        (link,) = ship.engine._parts.hub
        assert len(link.client.name) == 100
        await endpoint.close()
