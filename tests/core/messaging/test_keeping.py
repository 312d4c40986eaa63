"""What a store keeps of messages over restarts: dead letters, replays, and logs that grow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quarterdeck.core.base import batches
from quarterdeck.core.base.batches import AddBatch, Batch
from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.messaging import Message, MessageBus, MessageBusConfig, Reason
from quarterdeck.state.memory import MemoryStore

CONFIG = MessageBusConfig(
    persist=("kept.#",), drain_seconds=0, max_retries=0, back_off=RetryPolicy(1, 0.0)
)


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    found = MemoryStore(clock=ManualClock())
    await found.open()
    yield found
    await found.close()


async def fail(message: Message) -> None:
    raise ValueError(message.payload)


def collector(got: list[Any]) -> Any:
    async def handler(message: Message) -> None:
        got.append(message.payload)

    return handler


async def with_a_dead_letter(store: MemoryStore, payload: Any = 1) -> str:
    """A bus's life that leaves one; its id."""
    async with MessageBus(CONFIG, store=store) as bus:
        await bus.subscribe("kept.*", fail, "agent")
        await bus.publish(Message(topic="kept.a", payload=payload))
        await bus.drained()
        (letter,) = bus.dead_letters()
        return letter.dead_letter_id


async def test_a_dead_letter_comes_back_whole_and_can_be_replayed_then(store: MemoryStore) -> None:
    dead_letter_id = await with_a_dead_letter(store, {"n": 1})
    got: list[Any] = []
    async with MessageBus(CONFIG, store=store) as bus:
        (letter,) = bus.dead_letters("kept.#", "agent")
        assert letter.dead_letter_id == dead_letter_id
        assert (letter.reason, letter.error, letter.attempts) == (
            Reason.FAILED, "ValueError: {'n': 1}", 1,
        )  # fmt: skip
        assert letter.at.tzinfo is not None
        await bus.subscribe("kept.*", collector(got), "agent")
        await bus.replay(dead_letter_id)
        await bus.drained()
        assert got == [{"n": 1}]
    async with MessageBus(CONFIG, store=store) as bus:
        await bus.subscribe("kept.*", collector(got), "agent")
        await bus.drained()
        assert bus.dead_letters() == []
        assert got == [{"n": 1}], "neither the letter nor the message comes again"


async def test_a_replay_that_was_cut_off_comes_again(store: MemoryStore) -> None:
    dead_letter_id = await with_a_dead_letter(store)
    begun = asyncio.Event()

    async def hang(_: Message) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with MessageBus(CONFIG, store=store) as bus:
        await bus.subscribe("kept.*", hang, "agent")
        await bus.replay(dead_letter_id)
        await begun.wait()
    got: list[Any] = []
    async with MessageBus(CONFIG, store=store) as bus:
        assert bus.dead_letters() == []
        await bus.subscribe("kept.*", collector(got), "agent")
        await bus.drained()
    assert got == [1]


async def test_a_discarded_letter_stays_away(store: MemoryStore) -> None:
    dead_letter_id = await with_a_dead_letter(store)
    async with MessageBus(CONFIG, store=store) as bus:
        assert bus.discard(dead_letter_id).message.payload == 1
    async with MessageBus(CONFIG, store=store) as bus:
        assert bus.dead_letters() == []


async def test_each_subscriber_is_owed_what_it_has_not_had(store: MemoryStore) -> None:
    quick: list[Any] = []

    async def hang(_: Message) -> None:
        await asyncio.Event().wait()

    async with MessageBus(CONFIG, store=store) as bus:
        await bus.subscribe("kept.*", collector(quick), "quick")
        await bus.subscribe("kept.*", hang, "slow")
        for number in (1, 2):
            await bus.publish(Message(topic="kept.a", payload=number))
        await bus.publish(Message(topic="kept", payload=3))
    late: list[Any] = []
    async with MessageBus(CONFIG, store=store) as bus:
        await bus.subscribe("kept.*", collector(quick), "quick")
        await bus.subscribe("kept.*", collector(late), "slow")
        await bus.subscribe("kept.a", collector(late), "another")
        await bus.drained()
    assert (quick, late) == ([1, 2], [1, 2])


async def test_a_log_that_has_grown_is_folded_and_says_the_same(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches.BatchLog.__init__, "__kwdefaults__", {"fold_after": 20})
    await with_a_dead_letter(store)
    got: list[Any] = []
    async with MessageBus(CONFIG, store=store) as bus:
        await bus.subscribe("kept.*", collector(got), "agent")
        for number in range(60):
            await bus.publish(Message(topic="kept.a", payload=number))
            await bus.drained()
    rows = await store.batches("messages")
    assert len(rows) < 60
    assert sum(row.body.count("\n") + 1 for row in rows) < 60
    async with MessageBus(CONFIG, store=store) as bus:
        await bus.subscribe("kept.*", collector(got), "agent")
        await bus.drained()
        assert len(bus.dead_letters()) == 1
    assert got == list(range(60))


async def test_a_log_of_another_version_is_refused(store: MemoryStore) -> None:
    await store.commit([AddBatch(Batch("messages", 1, json.dumps(["z", 1])))])
    with pytest.raises(ValueError, match="another version"):
        await MessageBus(CONFIG, store=store).start()


async def test_a_payload_that_is_no_json_is_refused_and_nobody_gets_it(store: MemoryStore) -> None:
    got: list[Any] = []
    async with MessageBus(CONFIG, store=store) as bus:
        await bus.subscribe("kept.*", collector(got), "agent")
        with pytest.raises(TypeError):
            await bus.publish(Message(topic="kept.a", payload=object()))
        await bus.drained()
    assert got == []
