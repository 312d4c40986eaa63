"""Slow, crashing and flooding subscribers and handlers, for as many rounds as one has time for."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.chaos.vessel import ROUNDS

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.messaging import Message, MessageBus, MessageBusConfig, QueuePolicy
from quarterdeck.core.propulsion import PropulsionEngine, PropulsionPayload

MESSAGES = 3_000
FLOOD = 5
PAYLOADS = 400


class Fatal(BaseException):
    """What no handler should raise."""


async def some_turns(dice: random.Random, most: int) -> None:
    for _ in range(dice.randrange(most)):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(max(ROUNDS, 2)))
async def test_bad_subscribers_of_a_bus_harm_themselves_alone(seed: int) -> None:  # noqa: C901  # one scene with all who play in it
    dice = random.Random(seed)  # noqa: S311  # a test's dice
    bus = MessageBus(MessageBusConfig(max_retries=1, back_off=RetryPolicy(1, 0.0)))
    got: dict[str, list[int]] = {}
    hangs = asyncio.Event()

    def noting(name: str, before: Callable[[], Awaitable[object]]) -> Callable[[Message], object]:
        mine = got[name] = []

        async def handle(message: Message) -> None:
            await before()
            mine.append(message.payload)

        return handle

    async def nothing() -> None:
        return

    async def crash() -> None:
        if dice.random() < 0.3:
            raise dice.choice([ValueError, asyncio.CancelledError, Fatal, StopAsyncIteration])

    async def flood(message: Message) -> None:
        for number in range(FLOOD):
            await bus.publish(Message(topic="flood.x", payload=message.payload * FLOOD + number))

    kinds: dict[str, tuple[Callable[[], Awaitable[object]], dict[str, Any]]] = {
        "quick": (nothing, {}),
        "slow": (lambda: some_turns(dice, 4), {"max_queue_size": 50}),
        "dropping": (lambda: some_turns(dice, 4), {"max_queue_size": 20, "policy": "drop_oldest"}),
        "latest": (
            lambda: some_turns(dice, 4),
            {"policy": QueuePolicy.COALESCE, "coalesce_by": lambda message: message.payload % 7},
        ),
        "hanging": (hangs.wait, {"max_queue_size": 10}),
        "crashing": (crash, {"max_queue_size": MESSAGES}),
    }
    for name, (before, how) in kinds.items():
        await bus.subscribe("in.*", noting(name, before), name, **how)
    await bus.subscribe("in.*", flood, "flooding")
    await bus.subscribe("flood.#", noting("flooded", nothing), "flooded")

    for number in range(MESSAGES):
        await bus.publish(Message(topic=f"in.{number % 3}", payload=number))
    assert not got["hanging"], "nobody waited for it"
    hangs.set()
    async with asyncio.timeout(120):
        await bus.drained()

    assert got["quick"] == list(range(MESSAGES))
    assert sorted(got["flooded"]) == list(range(MESSAGES * FLOOD))
    for figures in bus.statistics().subscriptions:
        dead = Counter(
            one.reason.value for one in bus.dead_letters(subscriber_id=figures.subscriber_id)
        )
        lost = figures.dropped - dead["queue_full"] + figures.coalesced
        wanted = MESSAGES * (FLOOD if figures.subscriber_id == "flooded" else 1)
        assert figures.delivered + dead.total() + lost == wanted, figures
        assert (figures.waiting, figures.running) == (0, 0)
    for name in ("slow", "dropping", "hanging"):
        assert got[name] == sorted(got[name]), name
    assert bus.statistics().failed > 0
    await bus.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("seed", range(max(ROUNDS, 2)))
async def test_bad_handlers_of_an_engine_harm_themselves_alone(seed: int) -> None:  # noqa: C901  # one scene with all who play in it
    dice = random.Random(seed)  # noqa: S311  # a test's dice
    engine = PropulsionEngine(
        max_concurrent=dice.choice([1, 2, 5]), submit_policy=RetryPolicy(3, 0.0)
    )
    ran: Counter[tuple[str, int]] = Counter()
    succeeded: Counter[tuple[str, int]] = Counter()

    def noted(name: str, work: Callable[[PropulsionPayload], Awaitable[None]]) -> None:
        async def handle(payload: PropulsionPayload) -> None:
            ran[name, payload.data] += 1
            await work(payload)
            succeeded[name, payload.data] += 1

        engine.register_handler(name.partition(":")[0], handle, name=name)

    async def slow(_: PropulsionPayload) -> None:
        await some_turns(dice, 10)

    async def crash(_: PropulsionPayload) -> None:
        if dice.random() < 0.4:
            raise dice.choice([ValueError, asyncio.CancelledError, Fatal, KeyError])

    async def flood(payload: PropulsionPayload) -> None:
        for number in range(FLOOD):
            child = PropulsionPayload(payload.data * FLOOD + number, Priority.BACKGROUND)
            await engine.submit("leaf", child)
        await engine.propel("nested", PropulsionPayload(payload.data, payload.priority))

    async def leaf(_: PropulsionPayload) -> None:
        return

    for name, work in (
        ("in:slow", slow), ("in:crash", crash), ("in:flood", flood), ("leaf", leaf), ("nested", leaf),
    ):  # fmt: skip
        noted(name, work)
    for number in range(PAYLOADS):
        await engine.submit("in", PropulsionPayload(number, dice.choice(list(Priority))))
        if not number % 7:
            await some_turns(dice, 5)
    async with asyncio.timeout(120):
        await engine.drain()

    dead = {one.payload.data for one in engine.dead_letters()}
    for number in range(PAYLOADS):
        assert succeeded["in:slow", number] == succeeded["in:flood", number] == 1
        assert succeeded["in:crash", number] == (number not in dead)
        assert ran["in:crash", number] <= 3
        assert (ran["in:crash", number] == 3) or number not in dead
    assert (
        sum(times for (name, _), times in succeeded.items() if name == "leaf") == PAYLOADS * FLOOD
    )
    assert sum(times for (name, _), times in succeeded.items() if name == "nested") == PAYLOADS
    figures = engine.statistics()
    assert (figures.queued, figures.running, figures.backing_off) == (0, 0, 0)
    assert engine.get_stats()["pending_payloads"] == 0
    assert figures.dead == len(dead) > 0
    await engine.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
