"""The memory store's hooks for tests of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.state.faults import StoreBusy, StoreFull
from quarterdeck.state.memory import MemoryStore

if TYPE_CHECKING:
    from tests.state.conftest import Plain

FULL = StoreFull("The disk is full.")


@pytest.fixture
async def memory(clock: ManualClock) -> AsyncIterator[MemoryStore]:
    store = MemoryStore(clock=clock)
    await store.open()
    yield store
    await store.close()


async def test_the_next_transactions_fail_as_planned(memory: MemoryStore, plain: Plain) -> None:
    memory.fail_next(FULL, StoreBusy("Too much."))
    futures = [memory.commit([plain.event(number)]) for number in (1, 2, 3)]
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(result) for result in results] == [StoreFull, StoreBusy, type(None)]
    assert [event.sequence for event in await memory.events()] == [3]


async def test_a_planned_failure_may_meet_a_cancelled_caller(
    memory: MemoryStore, plain: Plain
) -> None:
    memory.fail_next(FULL)
    memory.commit([plain.event(1)]).cancel()
    await memory.commit([plain.event(2)])
    assert await memory.last_sequence() == 2


async def test_held_commits_wait_for_the_end_of_the_block(
    memory: MemoryStore, plain: Plain
) -> None:
    with memory.held():
        futures = [memory.commit([plain.event(number)]) for number in (1, 2)]
        with memory.held():
            futures.append(memory.commit([plain.event(3)]))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not any(future.done() for future in futures)
        assert await memory.events() == []
        assert memory.statistics().pending == 3
    await asyncio.gather(*futures)
    assert await memory.last_sequence() == 3


async def test_a_hold_takes_effect_on_what_was_committed_before_in_the_same_turn(
    memory: MemoryStore, plain: Plain
) -> None:
    future = memory.commit([plain.event(1)])
    with memory.held():
        await asyncio.sleep(0)
        assert not future.done()
    await future


async def test_closing_writes_what_is_held(memory: MemoryStore, plain: Plain) -> None:
    with memory.held():
        future = memory.commit([plain.event(1)])
        await memory.close()
        assert future.done()
    await memory.open()
    assert await memory.last_sequence() == 1
