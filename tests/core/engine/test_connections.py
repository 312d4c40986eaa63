"""Links from within the process: greeting, following, watching, waiting, leaving."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.engine import connections
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
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

from .links import greeted, received, silent
from .ship import sailing, settings_for, settle, until

INFO = e.SystemInfo(code="c", message="m")


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
