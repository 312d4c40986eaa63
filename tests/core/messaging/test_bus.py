"""The message bus: queues and their policies, requests, keeping, dead letters, loops."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.messaging import (
    Event,
    EventBus,
    EventType,
    Message,
    MessageBus,
    MessageBusConfig,
    MessagePriority,
    MessageType,
    Reason,
)
from quarterdeck.state.memory import MemoryStore

AT_ONCE = RetryPolicy(1, 0.0)


class Gate:
    """A handler that notes what it gets and waits at a gate."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.got: list[Any] = []

    async def __call__(self, message: Message) -> None:
        self.got.append(message.payload)
        await self.open.wait()


async def collect(got: list[Any], message: Message) -> None:
    got.append(message.payload)


def collector(got: list[Any]) -> Any:
    async def handler(message: Message) -> None:
        got.append(message.payload)

    return handler


async def test_coalescing_keeps_the_latest_of_each_key() -> None:
    bus, gate = MessageBus(), Gate()
    await bus.subscribe(
        "s.*", gate, policy="coalesce", max_queue_size=2, coalesce_by=lambda one: one.payload[0]
    )
    for payload in ("-0", "a1", "b1", "a2", "b2", "a3", "c1"):
        await bus.publish(Message(topic="s.x", payload=payload))
        await asyncio.sleep(0)
    gate.open.set()
    await bus.drained()
    assert gate.got == ["-0", "b2", "c1"]
    figures = bus.statistics()
    assert (figures.coalesced, figures.dropped) == (3, 1)
    await bus.close()


async def test_who_asks_for_it_makes_publishers_wait() -> None:
    bus, gate, published = MessageBus(), Gate(), list[int]()
    await bus.subscribe("a", gate, policy="wait", max_queue_size=2)

    async def publish() -> None:
        for number in range(6):
            await bus.publish(Message(topic="a", payload=number))
            published.append(number)

    publisher = asyncio.create_task(publish())
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(published) < 5
    gate.open.set()
    await publisher
    await bus.drained()
    assert gate.got == list(range(6))
    await bus.close()


async def test_nobody_waits_for_ever_for_a_subscriber() -> None:
    bus, gate = MessageBus(MessageBusConfig(wait_seconds=0.01, drain_seconds=0)), Gate()
    await bus.subscribe("a", gate, policy="wait", max_queue_size=1)
    async with asyncio.timeout(60):
        for number in range(5):
            await bus.publish(Message(topic="a", payload=number))
    await bus.close()
    assert {one.reason for one in bus.dead_letters()} <= {Reason.QUEUE_FULL, Reason.CLOSED}
    assert len(bus.dead_letters()) == 5


async def test_a_filter_chooses_and_its_fault_is_a_dead_letter() -> None:
    bus, got = MessageBus(), list[Any]()
    await bus.subscribe("a", collector(got), "s", filter_fn=lambda one: 6 / one.payload > 2)
    for number in (0, 1, 2, 3, 6):
        await bus.publish(Message(topic="a", payload=number))
    await bus.drained()
    assert got == [1, 2]
    (letter,) = bus.dead_letters()
    assert letter.error == "filter: ZeroDivisionError: division by zero"
    assert bus.statistics().subscriptions[0].filtered == 2
    await bus.close()


async def test_retries_come_after_their_delay_and_let_others_pass() -> None:
    bus, order = MessageBus(MessageBusConfig(back_off=RetryPolicy(1, 0.02))), list[str]()

    async def handler(message: Message) -> None:
        order.append(message.payload)
        if order == ["bad"]:
            msg = "not yet"
            raise ValueError(msg)

    await bus.subscribe("a", handler)
    for payload in ("bad", "next"):
        await bus.publish(Message(topic="a", payload=payload))
    await bus.drained()
    assert order == ["bad", "next", "bad"]
    assert bus.statistics().retried == 1
    await bus.close()


async def test_a_response_by_hand_and_late_ones() -> None:
    bus, asked = MessageBus(), list[Message]()

    async def handler(message: Message) -> None:
        asked.append(message)

    await bus.subscribe("ask", handler, "one")
    call = asyncio.create_task(bus.request_response(Message(topic="ask", sender_id="me"), 10))
    while not asked:  # noqa: ASYNC110  # the condition is no event's
        await asyncio.sleep(0)
    for payload in ("first", "second"):
        await bus.respond(asked[0], payload, message_type=MessageType.ERROR)
    answer = await call
    assert (answer.payload, answer.recipient_id) == ("first", "me")
    assert answer.message_type is MessageType.ERROR
    await bus.respond(asked[0], "third")
    assert bus.statistics().late_answers == 2
    with pytest.raises(QuarterdeckError) as refused:
        await bus.respond(Message(topic="a"))
    assert refused.value.code == "message_invalid"
    await bus.close()


def test_another_loop_may_use_it_later() -> None:
    bus, got = MessageBus(), list[Any]()
    bus.add_subscription("a", collector(got))

    async def publish(number: int) -> None:
        await bus.publish(Message(topic="a", payload=number))
        await bus.drained()

    for number in range(3):
        asyncio.run(publish(number))
    assert got == [0, 1, 2]


async def test_two_loops_at_once_are_refused() -> None:
    bus, gate = MessageBus(), Gate()
    await bus.subscribe("a", gate)
    await bus.publish(Message(topic="a"))
    with pytest.raises(QuarterdeckError) as refused:
        await asyncio.to_thread(lambda: asyncio.run(bus.request_response(Message(topic="a"))))
    assert refused.value.code == "bus_elsewhere"
    gate.open.set()
    await bus.close()


@pytest.mark.parametrize("given", [{"timestamp": datetime(2030, 1, 1)}, {"ttl_seconds": 0}])  # noqa: DTZ001
def test_a_message_that_can_t_be_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        Message(topic="a", **given)
    assert refused.value.code == "message_invalid"


def test_a_message_survives_its_dict() -> None:
    one = Message(
        sender_id="a", recipient_id="b", message_type=MessageType.QUERY, topic="x.y",
        payload={"n": [1]}, priority=MessagePriority.LOW, correlation_id="c", reply_to="r",
        ttl_seconds=3.5, timestamp=datetime(2030, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    assert Message.from_dict(one.to_dict()).to_dict() == one.to_dict()


@pytest.mark.parametrize(
    "given", [{"max_queue_size": 0}, {"max_retries": -1}, {"wait_seconds": -1}]
)
def test_settings_that_can_t_be_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is at least"):
        MessageBusConfig(**given)


async def test_dead_letters_are_bounded_found_replayed_and_discarded() -> None:
    config = MessageBusConfig(max_retries=0, max_dead_letters=3, back_off=AT_ONCE)
    bus, broken = MessageBus(config), True

    async def handler(message: Message) -> None:
        if broken:
            raise ValueError(message.payload)

    mine = await bus.subscribe("a.*", handler, "s")
    for number in range(5):
        await bus.publish(Message(topic=f"a.{number}", payload=number))
    await bus.drained()
    assert [one.message.payload for one in bus.dead_letters()] == [2, 3, 4]
    assert bus.statistics().dead_letters_lost == 2
    (one,) = bus.dead_letters("a.3")
    assert bus.discard(one.dead_letter_id) is one
    assert bus.dead_letters(subscriber_id="other") == []
    await bus.unsubscribe(mine)
    left = bus.dead_letters()
    with pytest.raises(QuarterdeckError) as refused:
        await bus.replay(left[0].dead_letter_id)
    assert refused.value.code == "subscription_gone"
    assert await bus.replay_all() == 0
    broken = False
    await bus.subscribe("a.*", handler, "s")
    assert await bus.replay_all() == 2
    await bus.drained()
    assert bus.dead_letters() == []
    assert not await bus.unsubscribe("none")
    await bus.close()


async def test_without_dead_letters_failures_are_counted() -> None:
    bus = MessageBus(MessageBusConfig(enable_dead_letter=False, max_retries=0))

    def handler(message: Message) -> None:
        raise ValueError

    await bus.subscribe("a", handler)
    await bus.publish(Message(topic="a"))
    await bus.drained()
    assert (bus.statistics().failed, bus.dead_letters()) == (1, [])
    await bus.close()


async def test_chosen_topics_are_kept_until_everybody_had_them() -> None:
    store = MemoryStore(clock=ManualClock())
    await store.open()
    config = MessageBusConfig(
        persist=("orders.#",), drain_seconds=0, max_retries=0, back_off=AT_ONCE
    )
    got: list[Any] = []
    broken = True

    async def fails(message: Message) -> None:
        if broken:
            raise ValueError(message.payload)

    gate = Gate()
    async with MessageBus(config, store=store) as first:
        await first.subscribe("orders.*", collector(got), "quick")
        await first.subscribe("orders.*", gate, "slow")
        await first.subscribe("orders.*", fails, "bad")
        await first.subscribe("other", gate, "slow")
        for topic in ("orders.1", "orders.2", "other"):
            await first.publish(Message(topic=topic, payload=topic))
        while len(first.dead_letters()) < 2 or len(got) < 2:  # noqa: ASYNC110  # the condition is no event's
            await asyncio.sleep(0)
    assert got == ["orders.1", "orders.2"]

    late: list[Any] = []
    second = MessageBus(config, store=store)
    await second.subscribe("orders.*", collector(late), "quick")
    await second.start()
    again: list[Any] = []
    await second.subscribe("orders.*", collector(again), "slow")
    await second.subscribe("orders.*", fails, "bad")
    await second.drained()
    assert (late, again) == ([], ["orders.1", "orders.2"])
    assert [one.subscriber_id for one in second.dead_letters()] == ["bad", "bad"]
    broken = False
    assert await second.replay_all() == 2
    await second.drained()
    await second.close()

    third = MessageBus(config, store=store)
    await third.start()
    await third.subscribe("orders.*", collector(late), "slow")
    await third.drained()
    assert (late, third.dead_letters()) == ([], [])
    await third.close()
    await store.close()


async def test_events_have_names_history_and_figures() -> None:
    bus, got = EventBus(history=3), list[Event]()

    async def note(event: Event) -> None:
        got.append(event)

    mine = bus.subscribe("task.*", note, filter=lambda event: event.source != "noise")
    await bus.emit(EventType.TASK_STARTED, {"n": 1}, source="engine")
    await bus.emit("task.failed", source="noise")
    bus.emit_nowait("workflow.started", source="engine")
    await bus.emit("task.completed", source="engine")
    await bus.drained()
    assert [one.name for one in got] == ["task.started", "task.completed"]
    assert got[0].data == {"n": 1}
    assert [one.name for one in bus.get_history()] == [
        "task.failed", "workflow.started", "task.completed",
    ]  # fmt: skip
    assert [one.name for one in bus.get_history("task.*", source="engine")] == ["task.completed"]
    assert len(bus.get_history(limit=2)) == 2
    assert bus.get_history(limit=0) == []
    stats = bus.get_stats()
    assert (stats["total_emitted"], stats["by_kind"]) == (4, {"task": 3, "workflow": 1})
    assert bus.unsubscribe(mine)
    bus.clear_history()
    assert bus.get_history() == []
    with pytest.raises(QuarterdeckError):
        await bus.emit("task.*")
    await bus.close()


async def test_events_travel_on_a_shared_bus() -> None:
    bus, messages, events = MessageBus(), list[Any](), list[Event]()

    async def note(event: Event) -> None:
        events.append(event)

    front = EventBus(bus)
    front.subscribe("#", note)
    await bus.subscribe("task.*", collector(messages))
    await bus.publish(Message(topic="task.x", payload="plain"))
    await front.emit("task.started", source="me")
    await front.close()
    await bus.drained()
    assert [one.name for one in events] == ["task.started"]
    assert messages[0] == "plain"
    assert messages[1] is events[0]
    await bus.close()
