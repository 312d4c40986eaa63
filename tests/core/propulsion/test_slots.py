"""Slots: held by workers, lent while a handler waits, never lost and never one too many."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from tests.eager import begin_tasks_at_once

from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.propulsion import PropulsionEngine, PropulsionPayload
from quarterdeck.core.propulsion.dispatcher import Dispatcher, Worker
from quarterdeck.core.propulsion.machine import Machine


def dispatcher(limit: int) -> tuple[Machine, Dispatcher, Worker]:
    """One whose only worker holds a slot."""
    machine = Machine(limit)
    found = Dispatcher(machine, None, time.monotonic)  # type: ignore[arg-type]  # nothing is carried out
    worker = Worker()
    worker.holds = machine.hold()
    return machine, found, worker


async def test_a_slot_that_was_lent_is_taken_again_at_once_where_one_is_free() -> None:
    machine, found, worker = dispatcher(2)
    found.lend(worker)
    assert (machine.running, worker.holds) == (0, False)
    await found.take_back(worker)
    assert (machine.running, worker.holds) == (1, True)


async def test_who_waits_for_a_slot_and_is_cancelled_leaves_the_line() -> None:
    machine, found, worker = dispatcher(1)
    found.lend(worker)
    assert machine.hold()
    waiting = asyncio.create_task(found.take_back(worker))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (len(found.returning), machine.running, worker.holds) == (0, 1, False)


async def test_a_slot_given_to_one_that_was_cancelled_goes_on_to_the_next() -> None:
    machine, found, worker = dispatcher(1)
    found.lend(worker)
    assert machine.hold()
    other = Worker()
    waiting = [asyncio.create_task(found.take_back(one)) for one in (worker, other)]
    await asyncio.sleep(0)
    machine.leave()
    found.changed()  # the first has it now, and does not know yet
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    await waiting[1]
    assert (machine.running, worker.holds, other.holds) == (1, False, True)


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_never_more_handlers_at_work_than_slots(limit: int) -> None:
    engine = PropulsionEngine(max_concurrent=limit, submit_policy=RetryPolicy(2, 0.0))
    at_work = most = 0

    async def turns(number: int) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        for _ in range(number % 3):
            await asyncio.sleep(0)
        at_work -= 1

    async def outer(payload: PropulsionPayload) -> None:
        await turns(payload.data)
        await engine.propel("inner", PropulsionPayload(payload.data))
        await turns(payload.data + 1)
        if payload.data % 5 == 0:
            raise ValueError

    async def inner(payload: PropulsionPayload) -> None:
        await turns(payload.data + 2)

    engine.register_handler("outer", outer)
    engine.register_handler("inner", inner)
    for number in range(60):
        await engine.submit("outer", PropulsionPayload(number, max_attempts=2))
    async with asyncio.timeout(60):
        await engine.drain()
    assert most == limit
    figures = engine.statistics()
    assert (figures.running, figures.queued, figures.dead) == (0, 0, 12)
    await engine.close()


async def test_cancelling_one_propel_among_many_ends_that_one_alone() -> None:
    engine = PropulsionEngine(max_concurrent=2)
    gates = [asyncio.Event() for _ in range(4)]
    begun: list[int] = []

    async def handle(payload: PropulsionPayload) -> int:
        begun.append(payload.data)
        await gates[payload.data].wait()
        return int(payload.data)

    engine.register_handler("e", handle, name="h")
    payloads = [PropulsionPayload(number) for number in range(4)]
    calls = [asyncio.create_task(engine.propel("e", one)) for one in payloads]
    while len(begun) < 2:  # noqa: ASYNC110  # the condition is no event's
        await asyncio.sleep(0)
    calls[0].cancel()  # at work
    calls[3].cancel()  # still queued
    for gate in gates:
        gate.set()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in ended] == [
        asyncio.CancelledError, list, list, asyncio.CancelledError,
    ]  # fmt: skip
    await engine.drain()
    assert begun == [0, 1, 2]
    result = engine.get_result(payloads[0].id, "h")
    assert result is not None
    assert not result.success
    assert engine.statistics().cancelled == 2
    assert engine.get_stats()["pending_payloads"] == 0
    await engine.close()


async def test_closing_without_draining_ends_what_waits_as_cancelled() -> None:
    engine = PropulsionEngine(max_concurrent=1)
    begun = asyncio.Event()

    async def hang(_: PropulsionPayload) -> None:
        begun.set()
        await asyncio.Event().wait()

    engine.register_handler("e", hang, name="h")
    ids = [await engine.submit("e", PropulsionPayload(number)) for number in range(3)]
    await begun.wait()
    await engine.close(drain=False)
    assert engine.get_stats()["pending_payloads"] == 0
    found: list[Any] = [engine.get_result(one, "cancelled") for one in ids[1:]]
    assert [one.error_message for one in found] == ["CancelledError: the payload was cancelled"] * 2
    with pytest.raises(Exception, match="closed"):
        await engine.submit("e", PropulsionPayload(9))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_results_are_those_that_were_whenever_they_are_asked_for() -> None:
    engine = PropulsionEngine(max_results=5)

    async def echo(payload: PropulsionPayload) -> int:
        return int(payload.data)

    engine.register_handler("e", echo, name="h")
    ids = [await engine.submit("e", PropulsionPayload(number)) for number in range(33)]
    await engine.drain()
    assert engine.statistics().kept_results == 5
    found: list[Any] = [engine.get_result(one, "h") for one in ids]
    assert [one.result for one in found if one is not None] == [28, 29, 30, 31, 32]
    assert all(one.timestamp.tzinfo is not None and one.duration_ms >= 0 for one in found[-5:])
    assert engine.get_result(ids[-1], "h") is found[-1]
    engine.clear_results()
    assert engine.get_result(ids[-1], "h") is None
    await engine.close()


async def test_a_handler_may_propel_in_the_dashboards_loop_too() -> None:
    """That begins tasks within ``create_task``: a worker is known as such before it begins."""
    begin_tasks_at_once()
    engine = PropulsionEngine(max_concurrent=1)

    async def inner(payload: PropulsionPayload) -> Any:
        return payload.data

    async def outer(payload: PropulsionPayload) -> Any:
        (result,) = await engine.propel("inner", PropulsionPayload(payload.data))
        return result.result

    engine.register_handler("inner", inner)
    engine.register_handler("outer", outer)
    async with asyncio.timeout(60):
        (result,) = await engine.propel("outer", PropulsionPayload(7))
        assert result.result == 7
        await engine.close()
    assert engine.statistics().running == 0
