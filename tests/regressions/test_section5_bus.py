"""Faults that message buses of the fourth document's kind are known for (SPEC, section 5)."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.messaging import (
    EventBus,
    Message,
    MessageBus,
    MessageBusConfig,
    MessagePriority,
    MessageType,
    QueuePolicy,
    Reason,
    RequestTimeout,
)

AT_ONCE = RetryPolicy(1, 0.0)


def bus_with(**given: Any) -> MessageBus:
    return MessageBus(MessageBusConfig(**{"back_off": AT_ONCE, **given}))


class Stuck:
    """A handler that does not end before it is told to."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.got: list[Any] = []

    async def __call__(self, message: Message) -> None:
        self.got.append(message.payload)
        await self.free.wait()


async def test_a_publisher_never_blocks_on_a_full_queue() -> None:
    bus, stuck, got = bus_with(max_queue_size=5), Stuck(), list[int]()

    async def quick(message: Message) -> None:
        got.append(message.payload)

    await bus.subscribe("a", stuck, "stuck")
    await bus.subscribe("a", quick, "quick")
    async with asyncio.timeout(60):
        for number in range(1_000):
            await bus.publish(Message(topic="a", payload=number))
            await asyncio.sleep(0)
        while len(got) < 1_000:  # noqa: ASYNC110  # the condition is no event's
            await asyncio.sleep(0)
    assert got == list(range(1_000))
    letters = bus.dead_letters(subscriber_id="stuck")
    assert len(letters) == 1_000 - 6
    assert {one.reason for one in letters} == {Reason.QUEUE_FULL}
    stuck.free.set()
    await bus.drained()
    assert stuck.got == list(range(6))
    await bus.close()


@pytest.mark.parametrize("same", [True, False])
async def test_equal_priority_and_time_raise_nothing(same: bool) -> None:
    bus, stuck = bus_with(), Stuck()
    await bus.subscribe("a", stuck, "s")
    stamp = datetime.now(UTC)
    one = Message(topic="a", payload={}, timestamp=stamp)
    for _ in range(50):
        again = one if same else Message(topic="a", payload={}, timestamp=stamp)
        await bus.publish(again)
    stuck.free.set()
    await bus.drained()
    assert len(stuck.got) == 50
    await bus.close()


async def test_a_request_works_from_inside_a_handler() -> None:
    bus = bus_with()

    async def adder(message: Message) -> int:
        return int(message.payload) + 1

    async def asker(message: Message) -> int:
        answer = await bus.request_response(Message(topic="add", payload=message.payload), 5)
        return int(answer.payload) * 10

    await bus.subscribe("add", adder, "adder")
    await bus.subscribe("ask", asker, "asker")
    answer = await bus.request_response(Message(topic="ask", payload=1), 5)
    assert answer.payload == 20
    assert answer.message_type is MessageType.RESPONSE
    await bus.close()


async def test_two_agents_that_ask_each_other_don_t_wait_for_ever() -> None:
    bus = bus_with()

    def agent(other: str) -> Any:
        async def handler(message: Message) -> Any:
            if not message.payload:
                return []
            asked = Message(topic=other, payload=message.payload - 1)
            return [message.payload, *(await bus.request_response(asked, 5)).payload]

        return handler

    await bus.subscribe("a", agent("b"), "a")
    await bus.subscribe("b", agent("a"), "b")
    async with asyncio.timeout(60):
        answer = await bus.request_response(Message(topic="a", payload=5), 5)
    assert answer.payload == [5, 4, 3, 2, 1]
    assert all(one.running == 0 for one in bus.statistics().subscriptions)
    await bus.close()


async def test_a_dead_letter_is_replayed_to_the_failed_subscriber_alone() -> None:
    bus, good, bad = bus_with(max_retries=2), list[str](), list[str]()
    broken = True

    async def succeeds(message: Message) -> None:
        good.append(message.payload)

    async def fails(message: Message) -> None:
        bad.append(message.payload)
        if broken:
            msg = "no"
            raise ValueError(msg)

    await bus.subscribe("a.*", succeeds, "good")
    await bus.subscribe("a.#", fails, "bad")
    await bus.publish(Message(topic="a.b", payload="x"))
    await bus.drained()
    assert (good, bad) == (["x"], ["x"] * 3)
    (letter,) = bus.dead_letters("a.*")
    assert (letter.subscriber_id, letter.attempts, letter.error) == ("bad", 3, "ValueError: no")
    broken = False
    await bus.replay(letter.dead_letter_id)
    await bus.drained()
    assert (good, len(bad), bus.dead_letters()) == (["x"], 4, [])
    with pytest.raises(QuarterdeckError) as refused:
        await bus.replay(letter.dead_letter_id)
    assert refused.value.code == "dead_letter_unknown"
    await bus.close()


async def test_a_slow_subscriber_delays_neither_publisher_nor_others() -> None:
    bus, stuck, got = EventBus(), Stuck(), list[Any]()

    async def quick(event: Any) -> None:
        got.append(event.data)

    def asleep(event: Any) -> None:
        assert free.wait(10)

    free = threading.Event()
    bus.subscribe("task.*", cast("Any", stuck))
    bus.subscribe("task.#", asleep)
    bus.subscribe("task.done", quick)
    async with asyncio.timeout(60):
        for number in range(100):
            await bus.emit("task.done", number)
        while len(got) < 100:  # noqa: ASYNC110  # the condition is no event's
            await asyncio.sleep(0)
    free.set()
    stuck.free.set()
    await bus.close()
    assert got == list(range(100))


async def test_a_star_is_a_level_not_a_raw_prefix() -> None:
    bus, got = EventBus(), list[str]()

    async def note(event: Any) -> None:
        got.append(event.name)

    bus.subscribe("task*", note)
    bus.subscribe("agent.*", note)
    for name in ("task.started", "tasks", "agent.started", "agents.started", "agent.a.started"):
        await bus.emit(name)
    await bus.drained()
    assert got == ["agent.started"]
    assert [one.name for one in bus.get_history("task*")] == []
    await bus.close()


async def test_nothing_is_dropped_unseen() -> None:
    bus, stuck, told = bus_with(), Stuck(), list[Any]()

    async def tell(message: Message) -> None:
        told.append((message.topic, message.payload["subscriber_id"]))

    await bus.subscribe("bus.#", tell, "watcher")
    await bus.subscribe("a", stuck, "s", policy=QueuePolicy.DROP_OLDEST, max_queue_size=3)
    for number in range(10):
        await bus.publish(Message(topic="a", payload=number))
        await asyncio.sleep(0)
    stuck.free.set()
    await bus.drained()
    assert stuck.got == [0, 7, 8, 9]
    assert told == [("bus.overflow", "s")]
    assert bus.statistics().dropped == 6
    await bus.close()


async def test_the_more_urgent_go_first() -> None:
    bus, stuck = bus_with(), Stuck()
    await bus.subscribe("a", stuck, "s")
    await bus.publish(Message(topic="a", payload="first"))
    await asyncio.sleep(0.01)
    for priority in reversed(MessagePriority):
        await bus.publish(Message(topic="a", payload=priority.name, priority=priority))
    await asyncio.sleep(0.01)
    stuck.free.set()
    await bus.drained()
    assert stuck.got == ["first", *(one.name for one in MessagePriority)]
    await bus.close()


async def test_an_expired_message_is_not_delivered() -> None:
    now = 0.0
    bus, stuck = MessageBus(monotonic=lambda: now), Stuck()
    await bus.subscribe("a", stuck, "s")
    await bus.publish(Message(topic="a", payload=1))
    await asyncio.sleep(0.01)
    await bus.publish(Message(topic="a", payload=2, ttl_seconds=5))
    await bus.publish(Message(topic="a", payload=3, ttl_seconds=50))
    await asyncio.sleep(0.01)
    now = 6.0
    stuck.free.set()
    await bus.drained()
    assert stuck.got == [1, 3]
    assert [one.reason for one in bus.dead_letters()] == [Reason.EXPIRED]
    await bus.close()


async def test_a_request_that_nobody_can_answer_does_not_wait() -> None:
    bus = bus_with(max_retries=0)

    async def fails(message: Message) -> None:
        msg = "no"
        raise ValueError(msg)

    async def silent(message: Message) -> None:
        return None

    with pytest.raises(QuarterdeckError) as refused:
        await bus.request_response(Message(topic="a"), 60)
    assert refused.value.code == "no_responder"
    sub = await bus.subscribe("a", fails, "s")
    with pytest.raises(QuarterdeckError, match="ValueError: no") as failed:
        await bus.request_response(Message(topic="a"), 60)
    assert failed.value.code == "request_failed"
    await bus.unsubscribe(sub)
    await bus.subscribe("a", silent, "s")
    with pytest.raises(RequestTimeout):
        await bus.request_response(Message(topic="a"), 0.01)
    assert bus.statistics().open_requests == 0
    await bus.close()


async def test_close_drains() -> None:
    bus, got = bus_with(), list[int]()

    async def slow(message: Message) -> None:
        await asyncio.sleep(0)
        got.append(message.payload)

    await bus.subscribe("a", slow, "s")
    for number in range(100):
        await bus.publish(Message(topic="a", payload=number))
    await bus.close()
    assert got == list(range(100))
    with pytest.raises(QuarterdeckError) as refused:
        await bus.publish(Message(topic="a"))
    assert refused.value.code == "bus_closed"


async def test_what_close_can_t_deliver_is_a_dead_letter() -> None:
    bus, stuck = bus_with(drain_seconds=0.01), Stuck()
    await bus.subscribe("a", stuck, "s")
    for number in range(3):
        await bus.publish(Message(topic="a", payload=number))
    await bus.close()
    assert sorted(one.message.payload for one in bus.dead_letters()) == [0, 1, 2]
    assert {one.reason for one in bus.dead_letters()} == {Reason.CLOSED}


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), BaseException("x")])
async def test_no_exception_ends_the_deliveries(error: BaseException) -> None:
    bus, got = bus_with(max_retries=0), list[int]()

    async def fails(message: Message) -> None:
        raise error

    async def good(message: Message) -> None:
        got.append(message.payload)

    await bus.subscribe("a", fails, "bad")
    await bus.subscribe("a", good, "good")
    for number in range(3):
        await bus.publish(Message(topic="a", payload=number))
    await bus.drained()
    assert got == [0, 1, 2]
    assert len(bus.dead_letters(subscriber_id="bad")) == 3
    await bus.close()


async def test_max_handlers_per_topic_holds() -> None:
    bus, stuck = bus_with(max_handlers_per_topic=2), Stuck()
    await bus.subscribe("a", stuck)
    again = await bus.subscribe("a", stuck)
    with pytest.raises(QuarterdeckError) as refused:
        await bus.subscribe("a", stuck)
    assert refused.value.code == "too_many_handlers"
    assert await bus.unsubscribe(again)
    await bus.subscribe("a", stuck)
    await bus.close()
