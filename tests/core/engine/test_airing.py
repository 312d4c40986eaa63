"""The engine's events on its bus, and by topic over links: live ones and kept ones."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine import past
from quarterdeck.core.engine.past import kept_events
from quarterdeck.core.engine.records import AddEvent, EventRecord
from quarterdeck.core.messaging import Message
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.events import Event

from .doubles import NOW, attention_item, session_view, status_changed
from .ship import RawClient, Ship, memory_store, sailing, settle, until


def info(code: str) -> e.SystemInfo:
    return e.SystemInfo(code=code, message="m")


def warning(code: str) -> e.SystemWarning:
    return e.SystemWarning(code=code, message="m")


# ---- in process, over the bus ---------------------------------------------------------------


async def test_events_are_published_under_their_topics(tmp_path: Path) -> None:
    async with sailing(tmp_path) as ship:
        heard: list[Message] = []

        async def hear(message: Message) -> None:
            heard.append(message)

        await ship.engine.bus.subscribe("session.*.status", hear, "mine")
        await ship.engine.bus.subscribe("attention.#", hear, "mine")
        view = session_view()
        item = attention_item(view.id)
        await ship.journal.record([], [status_changed(view), info("other")])
        ship.journal.announce(e.AttentionRaised(item=item))
        await ship.engine.bus.drained()
        assert [message.topic for message in heard] == [
            f"session.{view.id}.status", f"attention.{item.item_id}.raised",
        ]  # fmt: skip
        first = heard[0].payload
        assert isinstance(first, Event)
        assert first.metadata.sequence == ship.journal.delivered - 1
        assert heard[0].message_id == first.metadata.event_id


async def test_a_bus_that_nobody_listens_to_takes_nothing_in(tmp_path: Path) -> None:
    async with sailing(tmp_path) as ship:
        await ship.journal.record([], [info("a")] * 3)
        figures = ship.engine.statistics().bus
        assert (figures.published, figures.subscriptions) == (0, ())


async def test_a_subscriber_that_hangs_or_fails_holds_up_no_command_and_no_link(
    tmp_path: Path,
) -> None:
    async with sailing(tmp_path) as ship:
        stuck, failed = asyncio.Event(), []

        async def hang(_: Message) -> None:
            await stuck.wait()

        async def fail(message: Message) -> None:
            failed.append(message.topic)
            raise ValueError("mine")

        ship.engine.bus.add_subscription("#", hang, "hangs", max_queue_size=2)
        ship.engine.bus.add_subscription("engine.info.#", fail, "fails", max_retries=0)
        client = await ship.client(follow=("engine.info.*",))
        got: list[str] = []
        client.on_event = lambda event: got.append(event.topic)
        for number in range(10):
            await ship.journal.record([], [info(f"n{number}")])
        await until(lambda: len(got) == 11)  # a snapshot before them
        assert (await client.call(c.GetState()))["state"]
        await until(lambda: len(failed) == 10)
        lost = ship.engine.bus.dead_letters(subscriber_id="hangs")
        assert len(lost) >= 7
        assert {one.reason.value for one in lost} == {"queue_full"}
        stuck.set()
        await client.close()


async def test_the_bus_ends_with_the_engine_and_its_handlers_with_it(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def hang(_: Message) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with sailing(tmp_path) as ship:
        ship.engine.bus.config = type(ship.engine.bus.config)(drain_seconds=0)
        await ship.engine.bus.subscribe("engine.#", hang)
        await ship.journal.record([], [info("a")])
        await settle()
    assert ended.is_set()


# ---- over links ------------------------------------------------------------------------------


async def test_only_what_a_pattern_covers_travels(tmp_path: Path) -> None:
    async with sailing(tmp_path, listen=True) as ship:
        assert ship.engine.socket is not None
        client = await RawClient.open(ship.engine.socket)
        await client.send(
            {"kind": "follow", "topics": ["engine.*.wanted", "status.*"], "snapshot": False}
        )
        await client.send({"kind": "follow", "topics": ["engine.*.wanted", "x..y"]})
        refusal = await client.receive()
        assert refusal["error"]["code"] == "malformed"
        assert "topics.1" in refusal["error"]["message"]
        assert "empty level" in refusal["error"]["message"]
        await ship.journal.record([], [info("not"), warning("wanted"), info("wanted")])
        ship.journal.announce(e.StatusProgress(session_id=new_id(), progress=1))
        got = [await client.receive() for _ in range(3)]
        assert [one["topic"].split(".")[-1] for one in got] == ["wanted", "wanted", "progress"]
        await client.close()


# ---- kept ones -------------------------------------------------------------------------------


async def listed(ship: Ship, **wish: Any) -> list[str]:
    client = await ship.client(follow=None)
    try:
        found = await client.call(c.ListEvents(**wish))
    finally:
        await client.close()
    return [one["topic"] for one in found["events"]]


async def test_kept_events_by_topic_are_the_newest_or_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PAGE", 3)
    async with sailing(tmp_path) as ship:
        for number in range(12):
            await ship.journal.record([], [info("odd" if number % 2 else f"even{number}")])
        odd, start = "engine.info.odd", ship.journal.delivered - 12
        assert await listed(ship, topic="engine.*.odd", limit=4) == [odd] * 4
        assert await listed(ship, topic="engine.*.odd") == [odd] * 6
        assert await listed(ship, topic="engine.info.*", after=start, limit=3) == [
            "engine.info.even0", odd, "engine.info.even2",
        ]  # fmt: skip
        assert await listed(ship, topic="engine.info.even4") == ["engine.info.even4"]
        assert await listed(ship, topic="session.#") == []
        assert await listed(ship, topic="no.such") == []


async def test_a_list_says_up_to_where_it_looked(tmp_path: Path) -> None:
    async with sailing(tmp_path) as ship:
        await ship.journal.record([], [info("a"), warning("b")])
        client = await ship.client(follow=None)
        found = await client.call(c.ListEvents(topic="engine.info.a"))
        assert (
            found["sequence"]
            == ship.journal.delivered
            > found["events"][-1]["metadata"]["sequence"]
        )
        await client.close()


async def test_events_kept_before_they_told_their_topic_are_found_all_the_same() -> None:
    store = await memory_store()
    old = {"type": "system.info", "metadata": {}, "payload": {"code": "up", "message": "m"}}
    bad = {"type": "system.info", "metadata": {}, "payload": {}}
    rows = [
        AddEvent(EventRecord(number, "system.info", NOW, None, json.dumps(body)))
        for number, body in enumerate((old, bad), 1)
    ]
    await store.commit(rows)

    async def found(topic: str) -> list[str]:
        raws = await kept_events(store, topic, after=None, upto=2, session_id=None, limit=5)
        return [raw["topic"] for raw in raws]

    assert await found("engine.info.up") == ["engine.info.up"]
    assert await found("system.*") == ["engine.info.up", "system.info"]
    await store.close()
