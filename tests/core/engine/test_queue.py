"""The command queue: bounded, in order, and nobody left waiting."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.engine.queue import CommandQueue, QueueClosed

from .ship import settle


async def test_items_come_out_in_order() -> None:
    queue: CommandQueue[int] = CommandQueue(5)
    for number in range(3):
        await queue.put(number)
    assert len(queue) == 3
    assert [await queue.get() for _ in range(3)] == [0, 1, 2]


async def test_whoever_puts_into_a_full_queue_waits_for_room() -> None:
    queue: CommandQueue[int] = CommandQueue(2)
    await queue.put(1)
    await queue.put(2)
    assert queue.full
    waiting = [asyncio.create_task(queue.put(number)) for number in (3, 4)]
    await settle()
    assert queue.statistics().waiting == 2
    assert [await queue.get(), await queue.get()] == [1, 2]
    await asyncio.gather(*waiting)
    assert [await queue.get(), await queue.get()] == [3, 4]
    assert queue.statistics().taken == 4


async def test_whoever_takes_from_an_empty_queue_waits_for_an_item() -> None:
    queue: CommandQueue[int] = CommandQueue(2)
    takers = [asyncio.create_task(queue.get()) for _ in range(2)]
    await settle()
    await queue.put(1)
    await queue.put(2)
    assert await asyncio.gather(*takers) == [1, 2]


async def test_a_closed_queue_takes_nothing_and_gives_what_is_left() -> None:
    queue: CommandQueue[int] = CommandQueue(1)
    await queue.put(1)
    waiting = asyncio.create_task(queue.put(2))
    await settle()
    queue.close()
    with pytest.raises(QueueClosed):
        await waiting
    with pytest.raises(QueueClosed):
        await queue.put(3)
    assert await queue.get() == 1
    with pytest.raises(QueueClosed):
        await queue.get()


async def test_closing_wakes_those_who_wait_for_items() -> None:
    queue: CommandQueue[int] = CommandQueue(1)
    taker = asyncio.create_task(queue.get())
    await settle()
    queue.close()
    with pytest.raises(QueueClosed):
        await taker


async def test_draining_makes_room_for_those_who_wait() -> None:
    queue: CommandQueue[int] = CommandQueue(2)
    await queue.put(1)
    await queue.put(2)
    waiting = asyncio.create_task(queue.put(3))
    await settle()
    assert queue.drain() == [1, 2]
    await waiting
    assert queue.drain() == [3]


async def test_a_taker_that_gives_up_as_its_turn_comes_passes_it_on() -> None:
    queue: CommandQueue[int] = CommandQueue(2)
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await settle()
    await queue.put(7)
    first.cancel()
    assert await second == 7
    await asyncio.gather(first, return_exceptions=True)


async def test_a_putter_that_gives_up_leaves_the_line() -> None:
    queue: CommandQueue[int] = CommandQueue(1)
    await queue.put(1)
    first, second = (asyncio.create_task(queue.put(number)) for number in (2, 3))
    await settle()
    first.cancel()
    await settle()
    assert await queue.get() == 1
    await second
    assert await queue.get() == 3
    await asyncio.gather(first, return_exceptions=True)


async def test_a_putter_that_gives_up_as_its_turn_comes_passes_it_on() -> None:
    queue: CommandQueue[int] = CommandQueue(1)
    await queue.put(1)
    first, second = (asyncio.create_task(queue.put(number)) for number in (2, 3))
    await settle()
    await queue.get()
    first.cancel()
    await second
    assert await queue.get() == 3
    await asyncio.gather(first, return_exceptions=True)


def test_a_queue_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 item"):
        CommandQueue(0)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3),
    st.lists(st.sampled_from(["put", "get", "turn", "cancel put", "cancel get"]), max_size=60),
)
def test_nothing_is_lost_doubled_or_over_the_limit(limit: int, steps: list[str]) -> None:
    async def run() -> None:
        queue: CommandQueue[int] = CommandQueue(limit)
        putters: list[asyncio.Task[None]] = []
        getters: list[asyncio.Task[int]] = []
        for number, step in enumerate(steps):
            if step == "put":
                putters.append(asyncio.create_task(queue.put(number)))
            elif step == "get":
                getters.append(asyncio.create_task(queue.get()))
            elif step == "turn":
                await asyncio.sleep(0)
            elif step == "cancel put" and putters:
                putters[-1].cancel()
            elif step == "cancel get" and getters:
                getters[-1].cancel()
            assert len(queue) <= limit
        await settle()
        waiting = sum(not task.done() for task in putters)
        hungry = sum(not task.done() for task in getters)
        assert not (hungry and len(queue))
        assert not (waiting and not queue.full)
        queue.close()
        await settle()
        put = sum(not t.cancelled() and t.exception() is None for t in putters)
        got = [t.result() for t in getters if not t.cancelled() and t.exception() is None]
        assert len(got) + len(queue) == put
        assert len(set(got)) == len(got)

    asyncio.run(run())
