"""Payloads that are submitted without more: no run is made of them unless they need one."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.propulsion import HookManager, PropulsionEngine, PropulsionPayload
from quarterdeck.core.propulsion.faults import PropulsionFull

AT_ONCE = RetryPolicy(1_000_000, 0.0)


async def echo(payload: PropulsionPayload) -> Any:
    return payload.data


@dataclass(frozen=True)
class Job:
    """A payload: to an event with one handler, with two, or with none; how often it fails there."""

    event: str
    priority: Priority
    fails: int
    suspends: bool
    timeout: float | None
    waited_for: bool


jobs = st.lists(
    st.builds(
        Job,
        st.sampled_from(["one", "one", "one", "two", "none"]),
        st.sampled_from(Priority),
        st.sampled_from([0, 0, 0, 1, 4]),
        st.booleans(),
        st.sampled_from([None, None, 60.0]),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(jobs, st.integers(1, 3))
def test_nothing_is_lost_or_counted_twice_whatever_becomes_of_a_payload(
    given: list[Job], limit: int
) -> None:
    asyncio.run(play(given, limit))


async def play(given: list[Job], limit: int) -> None:
    engine = PropulsionEngine(None, limit, submit_policy=AT_ONCE, max_pending=100)
    tried: Counter[tuple[int, str]] = Counter()

    def handler(name: str) -> Any:
        async def handle(payload: PropulsionPayload) -> int:
            at: int = payload.data
            tried[at, name] += 1
            if given[at].suspends:
                await asyncio.sleep(0)
            assert engine.get_stats()["pending_payloads"] > 0
            if name != "b" and tried[at, name] <= given[at].fails:
                raise ValueError(at)
            return at

        return handle

    engine.register_handler("one", handler("a"), name="a")
    engine.register_handler("two", handler("a"), name="a")
    engine.register_handler("two", handler("b"), name="b")
    sent = [
        PropulsionPayload(at, job.priority, timeout=job.timeout) for at, job in enumerate(given)
    ]
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for job, payload in zip(given, sent, strict=True):
            if job.waited_for:
                group.create_task(engine.propel_with_retry(job.event, payload, 3, 0))
            else:
                group.create_task(engine.submit(job.event, payload))
        await asyncio.sleep(0)
        await engine.drain()
    names = {"one": ["a"], "two": ["a", "b"], "none": []}
    wanted = Counter({
        (at, name): min(job.fails + 1, 3) if name == "a" else 1
        for at, job in enumerate(given) for name in names[job.event]
    })  # fmt: skip
    assert tried == wanted
    dead = {at for at, job in enumerate(given) if job.fails == 4 and job.event != "none"}
    assert {one.payload.data for one in engine.dead_letters()} == dead
    stats = engine.get_stats()
    assert stats["total_propelled"] == len(given)
    assert stats["pending_payloads"] == 0
    failed = sum(min(job.fails, 3) for job in given if job.event != "none")
    assert (stats["failed"], stats["successful"]) == (failed, sum(wanted.values()) - failed)
    for (at, name), times in wanted.items():
        result = engine.get_result(sent[at].id, name)
        assert result is not None
        assert result.success == (name == "b" or at not in dead)
        assert sent[at].attempt_count >= times
    await engine.close()


async def test_one_that_fails_is_tried_again_and_dies_with_its_attempts_counted() -> None:
    engine = PropulsionEngine(submit_policy=AT_ONCE)

    async def fail(payload: PropulsionPayload) -> None:
        raise ValueError(payload.data)

    engine.register_handler("e", fail, name="h")
    for max_attempts in (3, 1):
        await engine.submit("e", PropulsionPayload("bad", max_attempts=max_attempts))
    await engine.drain()
    found = {one.payload.max_attempts: one for one in engine.dead_letters()}
    assert {most: one.attempts for most, one in found.items()} == {3: 3, 1: 1}
    assert all(one.error == "ValueError: bad" == one.payload.last_error for one in found.values())
    assert engine.get_stats()["retried"] == 2
    await engine.close()


async def test_what_a_payload_meets_counts_when_it_is_begun_not_when_it_was_queued() -> None:
    hooks, told, seen = HookManager(), list[str](), list[Any]()
    engine = PropulsionEngine(hooks, 1)
    held = asyncio.Event()

    async def wait(_: PropulsionPayload) -> None:
        await held.wait()

    async def look(payload: PropulsionPayload) -> None:
        seen.append(payload.data)

    engine.register_handler("wait", wait)
    engine.register_handler("e", look, name="first")
    await engine.submit("wait", PropulsionPayload(None))
    await asyncio.sleep(0)
    late = PropulsionPayload("late")
    for payload in (late, PropulsionPayload("both")):
        await engine.submit("e", payload)
    late.deadline = datetime.now(UTC) - timedelta(seconds=1)
    engine.register_handler("e", look, name="second")
    hooks.register("on_complete", lambda payload, **_: told.append(payload.data))
    held.set()
    await engine.drain()
    assert seen == ["both", "both"]
    assert told[-1:] == ["both"]
    assert engine.get_stats()["expired"] == 1
    await engine.close()


@pytest.mark.parametrize("cut_at_work", [True, False])
def test_what_a_loop_left_behind_is_begun_in_the_next_one(cut_at_work: bool) -> None:
    engine, stuck, seen = PropulsionEngine(None, 1), True, list[int]()

    async def handle(payload: PropulsionPayload) -> None:
        if stuck and cut_at_work:
            await asyncio.Event().wait()
        seen.append(payload.data)

    engine.register_handler("e", handle, name="h")
    sent = [PropulsionPayload(number) for number in range(4)]

    async def leave() -> None:
        for payload in sent:
            await engine.submit("e", payload)
        if cut_at_work:
            await asyncio.sleep(0)

    asyncio.run(leave())
    assert engine.get_stats()["pending_payloads"] + len(seen) == 4
    stuck = False
    asyncio.run(engine.drain())
    assert sorted(seen) == [0, 1, 2, 3]
    assert [one.attempt_count for one in sent] == [1, 1, 1, 1]
    assert engine.get_stats()["successful"] == 4


async def test_the_bound_holds_however_payloads_come_in() -> None:
    engine = PropulsionEngine(None, 1, max_pending=5)
    engine.register_handler("e", echo)
    for _ in range(4):  # each time as many as there may be, and no more
        waiting = [asyncio.create_task(engine.propel("e", PropulsionPayload(0))) for _ in range(2)]
        await engine.submit("e", PropulsionPayload(1, deadline=datetime.now(UTC) + timedelta(1)))
        await engine.submit("e", PropulsionPayload(2))
        await asyncio.gather(*waiting)
        await engine.drain()
        for number in range(5):
            await engine.submit("e", PropulsionPayload(number))
        with pytest.raises(PropulsionFull):
            await engine.submit("e", PropulsionPayload(5))
        await engine.drain()
    assert engine.get_stats()["total_propelled"] == 4 * 9
    await engine.close()


async def test_a_more_urgent_payload_overtakes_plain_ones_of_every_kind() -> None:
    engine, order = PropulsionEngine(None, 1), list[str]()

    async def note(payload: PropulsionPayload) -> None:
        order.append(payload.data)

    engine.register_handler("e", note)
    soon = datetime.now(UTC) + timedelta(hours=1)
    await engine.submit("e", PropulsionPayload("low", Priority.LOW))
    await engine.submit("e", PropulsionPayload("first"))
    await engine.submit("e", PropulsionPayload("second"))
    await engine.submit("e", PropulsionPayload("due", deadline=soon))
    waited = asyncio.create_task(engine.propel("e", PropulsionPayload("third")))
    await engine.submit("e", PropulsionPayload("top", Priority.CRITICAL))
    await engine.drain()
    await waited
    assert order[:4] == ["top", "due", "first", "second"]
    assert sorted(order[4:]) == ["low", "third"]
    await engine.close()
