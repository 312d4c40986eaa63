"""Topics that are published to again and again: counted once a message, and still told apart."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.messaging import Message, MessageBus, MessageBusConfig
from quarterdeck.core.messaging.routes import MOST, Routes
from quarterdeck.core.messaging.subscription import Subscription

TOPICS = ["a.one", "a.two", "b.one"]
PATTERNS = ["a.one", "a.*", "a.#", "a.one", "b.*"]
DEEDS = ["return"] * 6 + ["raise", "sleep", "ask", "leave", "join", "publish"]


class World:
    """Subscriptions whose handlers do what the message's script says, and note what they did."""

    def __init__(self, script: list[tuple[str, int, str]]) -> None:
        self.script = script
        self.bus = MessageBus(MessageBusConfig(max_retries=0))
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.seen: dict[str, list[int]] = {}
        self.ids: dict[str, str] = {}
        self.published = 0
        for pattern in PATTERNS:
            self.join(pattern)

    def join(self, pattern: str) -> None:
        name = f"s{len(self.seen)}"
        self.seen[name] = []

        async def handle(message: Message) -> None:
            await self.act(name, message.payload)
            self.done[name] += 1

        self.ids[name] = self.bus.add_subscription(pattern, handle, name)

    async def act(self, name: str, number: int) -> None:
        self.seen[name].append(number)
        _, whose, deed = self.script[number % len(self.script)]
        if name != f"s{whose}":
            return
        match deed:
            case "raise":
                self.failed[name] += 1
                raise ValueError(number)
            case "sleep":
                await asyncio.sleep(0)
            case "ask":
                self.check()
            case "leave":
                other = f"s{(whose + 1) % len(PATTERNS)}"
                self.bus.remove_subscription(self.ids[other])
            case "join" if len(self.seen) < 9:
                self.join("a.#")
            case "publish":
                self.bus.publish_nowait(Message(topic="elsewhere", payload=number))
                self.published += 1

    def check(self) -> None:
        figures = self.bus.statistics()
        for one in figures.subscriptions:
            name = one.subscriber_id
            assert (one.delivered, one.failed) == (self.done[name], self.failed[name]), name
        assert figures.published == self.published + figures.dead_letters  # each is told of
        assert (figures.delivered, figures.failed) == (self.done.total(), self.failed.total())

    async def play(self) -> None:
        for number in range(3 * len(self.script)):
            topic, _, _ = self.script[number % len(self.script)]
            self.published += 1
            await self.bus.publish(Message(topic=topic, payload=number))
            if number % 7 == 6:
                await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await self.bus.drained()
        self.check()
        for seen in self.seen.values():
            assert seen == sorted(seen)
        await self.bus.close()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(TOPICS), st.integers(0, 5), st.sampled_from(DEEDS)),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_every_delivery_is_counted_whatever_handlers_do(script: list[tuple[str, int, str]]) -> None:
    async def main() -> None:
        await World(script).play()

    asyncio.run(main())


async def test_what_the_bus_leaves_behind_was_not_delivered() -> None:
    bus, seen = MessageBus(), list[Any]()

    async def handle(message: Message) -> None:
        seen.append(message.payload)

    bus.add_subscription("t", handle, "one")
    bus.add_subscription("#", handle, "two")
    for number in range(5):
        await bus.publish(Message(topic="t", payload=number))
    await bus.close(drain=False)
    figures = bus.statistics()
    assert figures.published == 5
    assert figures.delivered == len(seen) == 10 - figures.dead_letters


def test_routes_are_bounded_and_lose_no_count() -> None:
    async def nothing(_: Message) -> None:
        return None

    routes = Routes()
    sub = Subscription("1", "one", "#", nothing, bound=1, max_retries=0)
    routes.add("#", sub)
    for number in range(MOST + 10):
        topic = f"t.{number}"
        routes.route(topic, routes.find(topic)).sent += 1
        assert routes.find(topic) == [sub]
    routes.settle()
    assert sub.delivered == routes.sent == MOST + 10
    routes.remove("#", sub)
    assert routes.find("t.1") == []
