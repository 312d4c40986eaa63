"""Faults that propulsion engines of the first document's kind are known for (SPEC, section 2)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.propulsion import (
    PropulsionEngine,
    PropulsionPayload,
    PropulsionPriority,
    PropulsionResult,
)
from quarterdeck.state.memory import MemoryStore

Handler = Callable[[PropulsionPayload], Awaitable[Any]]


def payload(data: Any = None, **given: Any) -> PropulsionPayload:
    return PropulsionPayload(data=data, **given)


def failing(error: BaseException) -> Handler:
    async def fail(given: PropulsionPayload) -> None:
        raise error

    return fail


async def ok(given: PropulsionPayload) -> Any:
    return given.data


async def test_payload_priority_has_effect() -> None:
    engine, order, free = PropulsionEngine(max_concurrent=1), list[str](), asyncio.Event()

    async def handler(given: PropulsionPayload) -> None:
        order.append(given.priority.name)
        await free.wait()

    engine.register_handler("e", handler)
    first = asyncio.create_task(engine.propel("e", payload(priority=PropulsionPriority.NORMAL)))
    await asyncio.sleep(0.01)
    rest = [
        asyncio.create_task(engine.propel("e", payload(priority=one)))
        for one in reversed(PropulsionPriority)
    ]
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(first, *rest)
    assert order == ["NORMAL", "CRITICAL", "HIGH", "NORMAL", "LOW", "BACKGROUND"]


async def test_an_earlier_deadline_goes_first_within_a_priority() -> None:
    engine, order, free = PropulsionEngine(max_concurrent=1), list[int](), asyncio.Event()

    async def handler(given: PropulsionPayload) -> None:
        await free.wait()
        order.append(given.data)

    engine.register_handler("e", handler)
    now = datetime.now(UTC)
    calls = [asyncio.create_task(engine.propel("e", payload(0)))]
    await asyncio.sleep(0.01)
    for minutes in (None, 30, 20, 40):
        deadline = None if minutes is None else now + timedelta(minutes=minutes)
        one = payload(minutes, deadline=deadline)
        calls.append(asyncio.create_task(engine.propel("e", one)))
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(*calls)
    assert order == [0, 20, 30, 40, None]


async def test_a_retry_does_not_run_again_what_has_succeeded() -> None:
    engine, good, bad = PropulsionEngine(), list[int](), list[int]()

    async def succeeds(given: PropulsionPayload) -> str:
        good.append(given.attempt_count)
        return "done"

    async def fails(given: PropulsionPayload) -> str:
        bad.append(given.attempt_count)
        if len(bad) < 3:
            msg = "not yet"
            raise ValueError(msg)
        return "at last"

    engine.register_handler("e", succeeds, name="good")
    engine.register_handler("e", fails, name="bad")
    results = await engine.propel_with_retry("e", payload(), max_retries=3, backoff_base=0)
    assert [(one.handler_name, one.result) for one in results] == [
        ("good", "done"), ("bad", "at last"),
    ]  # fmt: skip
    assert (good, bad) == ([1], [1, 2, 3])
    assert engine.get_stats()["retried"] == 2


async def test_an_expired_payload_is_not_retried_with_sleeps() -> None:
    engine = PropulsionEngine()
    engine.register_handler("e", ok)
    late = payload(deadline=datetime.now(UTC) - timedelta(seconds=1))
    async with asyncio.timeout(60):
        (result,) = await engine.propel_with_retry("e", late, max_retries=5, backoff_base=60)
    assert (result.handler_name, result.success) == ("deadline_check", False)
    assert result.error_message == "Payload expired before processing"
    assert engine.get_stats()["retried"] == 0


async def test_a_back_off_past_the_deadline_is_not_begun() -> None:
    engine = PropulsionEngine()
    engine.register_handler("e", failing(ValueError("no")))
    soon = payload(deadline=datetime.now(UTC) + timedelta(seconds=30))
    async with asyncio.timeout(60):
        (result,) = await engine.propel_with_retry("e", soon, max_retries=5, backoff_base=60)
    assert result.error_message == "ValueError: no"


async def test_the_deadline_is_checked_before_every_handler() -> None:
    clock = ManualClock()
    engine = PropulsionEngine(clock=clock)

    async def slow(given: PropulsionPayload) -> None:
        clock.advance(60)

    engine.register_handler("e", slow, name="slow")
    engine.register_handler("e", ok, name="late")
    results = await engine.propel("e", payload(deadline=clock.now() + timedelta(seconds=60)))
    assert [one.success for one in results] == [True, True]  # at the deadline is not past it
    results = await engine.propel("e", payload(deadline=clock.now() + timedelta(seconds=59)))
    assert [one.handler_name for one in results] == ["slow", "deadline_check"]


async def test_a_handler_that_propels_under_one_slot_does_not_deadlock() -> None:
    engine, at_work, most = PropulsionEngine(max_concurrent=1), 0, 0

    async def nested(given: PropulsionPayload) -> Any:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1
        if given.data:
            deeper = await engine.propel("e", payload(given.data - 1))
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1
            return [given.data, *deeper[0].result]
        return [0]

    engine.register_handler("e", nested)
    async with asyncio.timeout(60):
        many = await asyncio.gather(*(engine.propel("e", payload(5)) for _ in range(4)))
    assert [one[0].result for one in many] == [[5, 4, 3, 2, 1, 0]] * 4
    assert most == 1


async def test_a_handler_may_broadcast_and_gather_under_one_slot() -> None:
    engine = PropulsionEngine(max_concurrent=1)

    async def fans_out(given: PropulsionPayload) -> int:
        found = await engine.broadcast(["a", "b"], given)
        return sum(len(results) for results in found.values())

    engine.register_handler("e", fans_out)
    engine.register_handler("a", ok)
    engine.register_handler("b", ok)
    async with asyncio.timeout(60):
        (result,) = await engine.propel("e", payload())
    assert result.result == 2


async def test_default_names_are_never_used_again() -> None:
    engine = PropulsionEngine()
    first = engine.register_handler("e", ok)
    engine.register_handler("e", ok)
    first()
    engine.register_handler("e", ok)
    assert engine.handlers() == {"e": ["e_1", "e_2"]}
    with pytest.raises(QuarterdeckError) as refused:
        engine.register_handler("e", ok, name="e_1")
    assert refused.value.code == "handler_exists"
    given = payload()
    await engine.propel("e", given)
    assert engine.get_result(given.id, "e_1") is not engine.get_result(given.id, "e_2")


async def test_a_broadcast_neither_burns_attempts_nor_shares_the_payload() -> None:
    engine, seen = PropulsionEngine(), list[tuple[int, int]]()

    async def changes(given: PropulsionPayload) -> None:
        seen.append((given.attempt_count, len(given.data["list"])))
        given.data["list"].append(1)

    for event in "abc":
        engine.register_handler(event, changes)
    engine.register_handler("d", failing(ValueError("no")))
    one = payload({"list": []})
    found = await engine.broadcast(["a", "b", "c", "d", "none"], one)
    assert seen == [(1, 0)] * 3
    assert one.data == {"list": []}
    assert one.attempt_count == 0
    assert [one.error_message for one in found["d"]] == ["ValueError: no"]
    assert found["none"] == []


async def test_a_raising_filter_does_not_escape_propel() -> None:
    engine = PropulsionEngine()

    def broken(given: PropulsionPayload) -> bool:
        msg = "no data"
        raise KeyError(msg)

    engine.register_handler("e", ok, name="one", filter_fn=broken)
    engine.register_handler("e", ok, name="two")
    one, two = await engine.propel("e", payload())
    assert (one.success, one.error_message) == (False, "KeyError: 'no data'")
    assert two.success


def test_a_naive_deadline_is_refused_at_once() -> None:
    with pytest.raises(QuarterdeckError, match="no time zone") as refused:
        payload(deadline=datetime(2030, 1, 1))  # noqa: DTZ001  # the fault itself
    assert refused.value.code == "payload_invalid"


async def test_a_deadline_made_naive_later_is_refused_before_the_run() -> None:
    engine = PropulsionEngine()
    one = payload()
    one.deadline = datetime(2030, 1, 1)  # noqa: DTZ001  # the fault itself
    with pytest.raises(QuarterdeckError, match="no time zone"):
        await engine.propel("e", one)
    assert engine.get_stats()["pending_payloads"] == 0


async def test_a_sync_handler_does_not_block_the_loop() -> None:
    engine, free = PropulsionEngine(), threading.Event()
    engine.register_handler("e", lambda _: free.wait(10))
    call = asyncio.create_task(engine.propel("e", payload()))
    await asyncio.sleep(0.01)
    free.set()  # the loop came here while the handler waits
    assert (await call)[0].result is True


async def test_kept_results_do_not_grow_without_bound() -> None:
    engine = PropulsionEngine(max_results=10)
    engine.register_handler("e", ok, name="h")
    given = [payload(number) for number in range(25)]
    for one in given:
        await engine.propel("e", one)
    assert engine.statistics().kept_results == 10
    assert engine.get_result(given[14].id, "h") is None
    found = engine.get_result(given[15].id, "h")
    assert found is not None
    assert found.result == 15
    engine.clear_results()
    assert engine.statistics().kept_results == 0


@pytest.mark.parametrize("where", ["queued", "running", "backing off"])
async def test_cancelling_leaves_a_result(where: str) -> None:
    engine, begun = PropulsionEngine(max_concurrent=1), asyncio.Event()

    async def handler(given: PropulsionPayload) -> None:
        begun.set()
        if where == "backing off":
            msg = "no"
            raise ValueError(msg)
        await asyncio.Event().wait()

    engine.register_handler("e", handler, name="h")
    blocker = asyncio.create_task(engine.propel("e", payload())) if where == "queued" else None
    await asyncio.sleep(0)
    one = payload()
    call = asyncio.create_task(engine.propel_with_retry("e", one, backoff_base=600))
    await begun.wait()
    await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    if blocker is not None:
        blocker.cancel()
        await asyncio.wait([blocker])
    async with asyncio.timeout(60):
        await engine.drain()
    name = "cancelled" if where == "queued" else "h"
    found = engine.get_result(one.id, name)
    assert isinstance(found, PropulsionResult)
    assert not found.success
    assert engine.get_stats()["pending_payloads"] == 0
    engine.unregister_handler("e", "h")
    engine.register_handler("e", ok)
    assert (await engine.propel("e", payload(7)))[0].result == 7  # the slot was given back


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), BaseException("x")])
async def test_no_exception_takes_the_dispatcher_down(error: BaseException) -> None:
    engine = PropulsionEngine(max_concurrent=1)
    engine.register_handler("e", failing(error), name="bad")
    engine.register_handler("e", ok, name="good")
    bad, good = await engine.propel("e", payload(1))
    assert (bad.success, good.result) == (False, 1)
    assert bad.error_message is not None
    assert bad.error_message.startswith(type(error).__name__)
    assert (await engine.propel("e", payload(2)))[1].result == 2


def test_pending_work_is_not_lost_when_the_loop_ends() -> None:
    engine, done = PropulsionEngine(max_concurrent=1), list[int]()

    async def slow(given: PropulsionPayload) -> None:
        await asyncio.sleep(0 if ready else 60)
        done.append(given.data)

    async def submit() -> None:
        for number in range(3):
            await engine.submit("e", payload(number))
        await asyncio.sleep(0.01)

    ready = False
    engine.register_handler("e", slow)
    asyncio.run(submit())
    assert engine.get_stats()["pending_payloads"] == 3
    ready = True
    asyncio.run(engine.drain())
    assert sorted(done) == [0, 1, 2]


async def test_kept_work_is_taken_up_by_the_next_engine_before_new_work() -> None:
    store = MemoryStore(clock=ManualClock())
    await store.open()
    first, blocked = PropulsionEngine(max_concurrent=1, store=store), asyncio.Event()

    async def block(given: PropulsionPayload) -> None:
        blocked.set()
        await asyncio.Event().wait()

    first.register_handler("e", ok, name="early")
    first.register_handler("e", block, name="late")
    given = [payload(number) for number in range(3)]
    for one in given:
        await first.submit("e", one)
    await blocked.wait()
    await first.close(drain=False)

    second, calls = PropulsionEngine(max_concurrent=1, store=store), list[tuple[str, int]]()

    def noting(name: str) -> Handler:
        async def handler(one: PropulsionPayload) -> None:
            calls.append((name, one.data))

        return handler

    second.register_handler("e", noting("early"), name="early")
    second.register_handler("e", noting("late"), name="late")
    await second.propel("e", payload(9))
    await second.drain()
    assert calls == [
        ("late", 0), ("early", 1), ("late", 1), ("early", 2), ("late", 2), ("early", 9), ("late", 9),
    ]  # fmt: skip
    await second.close()
    third = PropulsionEngine(store=store)
    assert await third.recover() == 0
    await third.close()
    await store.close()


async def test_a_loop_of_quick_handlers_does_not_starve_others() -> None:
    ticks = count()
    engine = PropulsionEngine(monotonic=lambda: next(ticks) * 0.0002)
    engine.register_handler("e", ok)
    for number in range(1_000):
        await engine.submit("e", payload(number))
    turns = 0
    while engine.get_stats()["pending_payloads"]:
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100  # the loop had its turns all along, by the clock
