"""Whatever happens, and however slowly a client reads: in the end it knows what the engine knows."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.core.client.view import View
from quarterdeck.core.engine.connections import LocalEndpoint
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import Cause, Event
from quarterdeck.core.protocol.wire import Follow, Hello, Welcome
from quarterdeck.state.faults import StoreFull

from .ship import Ship, sailing, settings_for, settle

CAUSE = Cause()


class Reader:
    """A client that reads when it is told to."""

    def __init__(self, endpoint: LocalEndpoint) -> None:
        self.endpoint = endpoint
        self.view = View()
        self.taken: list[Event] = []

    @classmethod
    async def attach(cls, ship: Ship, since: int | None = None) -> Reader:
        endpoint = ship.engine.local_endpoint()
        await endpoint.send(Hello())
        assert isinstance(await endpoint.receive(), Welcome)
        await endpoint.send(Follow(since=since))
        return cls(endpoint)

    async def read(self, count: int) -> None:
        """Take up to ``count`` messages that are there."""
        for _ in range(count):
            receiving = asyncio.ensure_future(self.endpoint.receive())
            await settle(3)
            if not receiving.done():
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
                return
            message = receiving.result()
            if isinstance(message, Event):
                self.taken.append(message)
                self.view.apply(message)


class World:
    """Something happens to the sessions, as the steps say."""

    def __init__(self, ship: Ship) -> None:
        self.ship = ship
        self.made = 0
        self.acts: dict[str, Callable[[int], Awaitable[object]]] = {
            "create": self.create,
            "delete": self.delete,
            "rename": self.rename,
            "stop": self.stop,
            "start": self.start,
            "ask": self.ask,
            "resolve": self.resolve,
        }

    def pick(self, number: int) -> str | None:
        known = list(self.ship.sessions.known)
        return known[number % len(known)] if known else None

    async def create(self, _: int) -> None:
        self.made += 1
        await self.ship.sessions.create(
            c.CreateSession(name=f"s{self.made}", agent="shell", start=False), CAUSE
        )

    async def delete(self, number: int) -> None:
        if session_id := self.pick(number):
            await self.ship.sessions.delete(c.DeleteSession(session_id=session_id), CAUSE)

    async def rename(self, number: int) -> None:
        if session_id := self.pick(number):
            updates = c.SessionUpdates(name=f"n{number}")
            await self.ship.sessions.update(
                c.UpdateSession(session_id=session_id, updates=updates), CAUSE
            )

    async def stop(self, number: int) -> None:
        if session_id := self.pick(number):
            await self.ship.sessions.stop(c.StopAgent(session_id=session_id), CAUSE)

    async def start(self, number: int) -> None:
        if session_id := self.pick(number):
            await self.ship.sessions.start(c.StartAgent(session_id=session_id), CAUSE)

    async def ask(self, number: int) -> None:
        if session_id := self.pick(number):
            self.ship.sessions.raise_item(session_id)

    async def resolve(self, number: int) -> None:
        items = list(self.ship.sessions.open_items)
        if items:
            wish = c.AnswerItem(item_id=items[number % len(items)], choice="1")
            await self.ship.sessions.answer_item(wish, CAUSE)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["create", "create", "delete", "rename", "stop", "start", "ask", "resolve"]
        ),
        st.integers(0, 20),
        st.integers(0, 4),
        st.integers(0, 4),
    ),
    max_size=25,
)


async def play(place: Path, limit: int, steps: list[tuple[str, int, int, int]]) -> None:
    config = settings_for(place, engine={"event_buffer_size": limit})
    async with sailing(place, settings=config) as ship:
        world = World(ship)
        readers = [await Reader.attach(ship), await Reader.attach(ship)]
        for act, number, *counts in steps:
            await world.acts[act](number)
            for reader, count in zip(readers, counts, strict=True):
                await reader.read(count)
        readers.append(await Reader.attach(ship, since=1))
        await ship.journal.settled()
        for reader in readers:
            await reader.read(200)
            assert list(reader.view.sessions.values()) == ship.sessions.views()
            assert reader.view.attention == ship.sessions.open_items
            assert reader.view.sequence == ship.journal.delivered
        for reader in readers[:2]:
            numbers = [x.metadata.sequence for x in reader.taken if x.metadata.sequence]
            assert numbers == sorted(set(numbers))
        for reader in readers:
            await reader.endpoint.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([1, 2, 5, 100]), STEPS)
def test_every_client_converges_on_the_state_however_it_reads(
    limit: int, steps: list[tuple[str, int, int, int]]
) -> None:
    place = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    try:
        asyncio.run(play(place, limit, steps))
    finally:
        shutil.rmtree(place)


async def test_a_client_that_comes_back_continues_where_it_was(place: Path) -> None:
    async with sailing(place) as ship:
        world = World(ship)
        first = await Reader.attach(ship)
        await world.create(0)
        await first.read(10)
        await first.endpoint.close()
        for _ in range(3):
            await world.create(0)
        endpoint = ship.engine.local_endpoint()
        await endpoint.send(Hello())
        await endpoint.receive()
        await endpoint.send(Follow(since=first.view.sequence, snapshot=False))
        again = Reader(endpoint)
        again.view = first.view
        await again.read(10)
        assert [event.type for event in again.taken] == ["session.created"] * 3
        assert list(again.view.sessions.values()) == ship.sessions.views()
        await endpoint.close()


async def test_a_change_that_was_not_kept_is_told_to_nobody(place: Path) -> None:
    async with sailing(place) as ship:
        reader = await Reader.attach(ship)
        await reader.read(5)
        ship.store.fail_next(StoreFull("full"))
        with pytest.raises(StoreFull):
            await World(ship).create(0)
        await reader.read(5)
        assert [event.type for event in reader.taken[1:]] == ["system.error"]
        await reader.endpoint.close()
