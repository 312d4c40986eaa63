"""The propulsion engine: hooks, chains, agents, dead payloads, bounds, loops."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.propulsion import (
    HookManager,
    HookType,
    PropulsionEngine,
    PropulsionPayload,
    PropulsionPriority,
    TeamChooser,
    get_propulsion_engine,
    propulsion_handler,
    reset_propulsion_engine,
)
from quarterdeck.core.propulsion.journal import Journal
from quarterdeck.core.propulsion.machine import Run
from quarterdeck.state.memory import MemoryStore

AT_ONCE = RetryPolicy(1_000_000, 0.0)


async def echo(payload: PropulsionPayload) -> Any:
    return payload.data


async def fail(payload: PropulsionPayload) -> None:
    raise ValueError(payload.data)


def payload(data: Any = None, **given: Any) -> PropulsionPayload:
    return PropulsionPayload(data=data, **given)


@pytest.fixture
async def store() -> Any:
    found = MemoryStore(clock=ManualClock())
    await found.open()
    yield found
    await found.close()


async def test_hooks_are_told_and_their_faults_stay_theirs() -> None:
    hooks, told = HookManager(), list[tuple[str, dict[str, Any]]]()

    def noting(kind: HookType) -> Any:
        async def hook(**given: Any) -> None:
            told.append((kind.value, {name: given[name] for name in given if name != "payload"}))

        return hook

    def broken(**_: Any) -> None:
        raise OSError

    for kind in HookType:
        hooks.register(kind, broken)
        hooks.register(kind.value, noting(kind))
    gone = hooks.register(HookType.ON_PROPEL, noting(HookType.ON_ERROR))
    gone()
    gone()
    engine = PropulsionEngine(hooks)
    engine.register_handler("e", fail, name="h")
    results = await engine.propel_with_retry("e", payload(1, source_stage="s"), 2, 0)
    await engine.propel("e", payload(deadline=datetime.now(UTC) - timedelta(1)))
    assert [name for name, _ in told] == [
        "on_propel", "on_error", "on_retry", "on_error", "on_complete", "on_dead_letter",
        "on_propel", "on_expire",
    ]  # fmt: skip
    assert told[0][1] == {"source_stage": "s", "target_stage": "e"}
    assert told[1][1]["handler_name"] == "h"
    assert told[2][1] == {"attempt": 1, "delay": 0.0}
    assert told[4][1]["results"] == results
    assert told[5][1] == {"error": "ValueError: 1"}


async def test_a_chain_hands_results_on_and_stops_at_a_failure() -> None:
    engine, seen = PropulsionEngine(), list[Any]()

    async def look(given: PropulsionPayload) -> str:
        seen.append((given.source_stage, [one.result for one in given.previous.get("a", [])]))
        return "seen"

    engine.register_handler("a", echo)
    engine.register_handler("b", look)
    engine.register_handler("c", fail)
    stages = [(name, payload(name)) for name in ("a", "b", "none", "c", "b")]
    found = await engine.chain(stages)
    assert [len(one) for one in found] == [1, 1, 0, 1]
    assert seen == [("a", ["a"])]
    found = await engine.chain([(name, payload(name)) for name in "cb"], stop_on_failure=False)
    assert [one[0].success for one in found] == [False, True]
    assert seen[1] == ("c", [])


async def test_handlers_run_in_their_order_and_those_filtered_out_not_at_all() -> None:
    engine, order = PropulsionEngine(), list[str]()

    def noting(name: str) -> Any:
        async def handler(given: PropulsionPayload) -> None:
            order.append(name)

        return handler

    engine.register_handler("e", noting("low"), name="low", priority=PropulsionPriority.LOW)
    engine.register_handler("e", noting("one"), name="one")
    engine.register_handler("e", noting("out"), name="out", filter_fn=lambda _: False)
    engine.register_handler("e", noting("two"), name="two")
    engine.register_handler("e", noting("top"), name="top", priority=PropulsionPriority.CRITICAL)
    results = await engine.propel("e", payload())
    assert order == [one.handler_name for one in results] == ["top", "one", "two", "low"]
    assert engine.unregister_handler("e", "one")
    assert not engine.unregister_handler("e", "one")
    assert not engine.unregister_handler("none", "one")


async def test_affinity_and_routing_choose_the_agent() -> None:
    chooser = TeamChooser({"claude-team": ["opus", "sonnet"], "empty": []})
    engine = PropulsionEngine(chooser=chooser)

    async def agent(given: PropulsionPayload) -> str | None:
        return given.agent_id

    engine.register_handler("e", agent)

    async def chosen(**given: Any) -> Any:
        return (await engine.propel("e", payload(**given)))[0].result

    team = {"routing_key": "claude-team"}
    assert [await chosen(**team) for _ in range(3)] == ["opus", "sonnet", "opus"]
    assert await chosen(agent_affinity="sonnet", **team) == "sonnet"
    assert await chosen(agent_affinity="gemini", **team) == "sonnet"
    assert await chosen(agent_affinity="gemini", routing_key="empty") == "gemini"
    assert await chosen() is None


async def test_a_handler_s_time_is_bounded() -> None:
    engine = PropulsionEngine()

    async def slow(given: PropulsionPayload) -> None:
        await asyncio.Event().wait()

    async def own(given: PropulsionPayload) -> None:
        msg = "its own"
        raise TimeoutError(msg)

    engine.register_handler("e", slow)
    engine.register_handler("e", own)
    one, two = await engine.propel("e", payload(timeout=0.01))
    assert one.error_message == "TimeoutError: the handler took longer than 0.01 s"
    assert two.error_message == "TimeoutError: its own"


async def test_dead_payloads_are_replayed_for_the_handlers_that_failed(store: MemoryStore) -> None:
    broken, calls = True, list[str]()

    async def good(given: PropulsionPayload) -> None:
        calls.append("good")

    async def bad(given: PropulsionPayload) -> None:
        calls.append("bad")
        if broken:
            raise ValueError(given.data)

    def engine() -> PropulsionEngine:
        made = PropulsionEngine(store=store, submit_policy=AT_ONCE)
        made.register_handler("e", good, name="good")
        made.register_handler("e", bad, name="bad")
        return made

    first = engine()
    await first.submit("e", payload(7, max_attempts=2))
    await first.submit("e", payload(8, max_attempts=1))
    await first.drain()
    await first.close()
    second = engine()
    await second.recover()
    seven, eight = second.dead_letters("e")
    assert (seven.payload.data, seven.attempts, seven.error) == (7, 2, "ValueError: 7")
    assert (seven.succeeded, second.dead_letters("other")) == (("good",), [])
    broken = False
    calls.clear()
    assert await second.replay(seven.id) == seven.payload.id
    await second.discard(eight.id)
    await second.drain()
    assert (calls, second.dead_letters()) == (["bad"], [])
    with pytest.raises(QuarterdeckError) as refused:
        await second.replay(seven.id)
    assert refused.value.code == "dead_payload_unknown"
    await second.close()
    third = engine()
    assert await third.recover() == 0
    assert third.dead_letters() == []
    await third.close()


async def test_what_has_no_handler_yet_waits_for_one_after_a_restart(store: MemoryStore) -> None:
    first = PropulsionEngine(store=store)
    gate = asyncio.Event()

    async def wait(given: PropulsionPayload) -> None:
        await gate.wait()

    first.register_handler("late", wait)
    await first.submit("late", payload(1))
    await first.close(drain=False)
    second, got = PropulsionEngine(store=store), list[int]()
    assert await second.recover() == 1
    await second.drain()  # what waits for a handler is not waited for

    async def take(given: PropulsionPayload) -> None:
        got.append(given.data)

    second.register_handler("late", take)
    await second.drain()
    assert got == [1]
    await second.close()


async def test_the_log_is_folded_and_says_the_same(store: MemoryStore) -> None:
    engine = PropulsionEngine(store=store, submit_policy=AT_ONCE, max_concurrent=1)
    engine.register_handler("e", echo)
    engine.register_handler("bad", fail)
    await engine.recover()
    journal = engine._running.journal
    assert isinstance(journal, Journal)
    journal._lines._fold_after = 20
    await engine.submit("bad", payload(0, max_attempts=1))
    for number in range(100):
        await engine.submit("e", payload(number))
    await engine.drain()
    kept = await store.batches("propulsion")
    assert sum(one.body.count("\n") + 1 for one in kept) < 60
    await engine.close()
    again = PropulsionEngine(store=store)
    assert await again.recover() == 0
    assert [one.payload.data for one in again.dead_letters()] == [0]
    await again.close()


async def test_two_engines_on_one_log_are_found_out(store: MemoryStore) -> None:
    engines = [PropulsionEngine(store=store) for _ in range(2)]
    for engine in engines:
        engine.register_handler("e", echo)
        await engine.recover()
    await engines[0].propel("e", payload(1))
    with pytest.raises(QuarterdeckError) as refused:
        await engines[1].propel("e", payload(2))
    assert refused.value.code == "batch_stale"
    await engines[0].close()


async def test_data_that_can_t_be_kept_is_refused_at_once(store: MemoryStore) -> None:
    engine = PropulsionEngine(store=store)
    with pytest.raises(TypeError, match="JSON"):
        await engine.propel("e", payload(object()))
    assert engine.get_stats()["pending_payloads"] == 0
    await engine.close()


async def test_queued_payloads_are_bounded() -> None:
    engine, gate = PropulsionEngine(max_pending=2), asyncio.Event()

    async def wait(given: PropulsionPayload) -> None:
        await gate.wait()

    engine.register_handler("e", wait)
    for _ in range(2):
        await engine.submit("e", payload())
    with pytest.raises(QuarterdeckError) as refused:
        await engine.submit("e", payload())
    assert refused.value.code == "propulsion_full"
    gate.set()
    await engine.close()
    with pytest.raises(QuarterdeckError) as closed:
        await engine.submit("e", payload())
    assert closed.value.code == "propulsion_closed"


async def test_another_loop_is_refused_while_this_one_is_at_work() -> None:
    engine, gate = PropulsionEngine(), asyncio.Event()

    async def wait(given: PropulsionPayload) -> None:
        await gate.wait()

    engine.register_handler("e", wait)
    await engine.submit("e", payload())
    with pytest.raises(QuarterdeckError) as refused:
        await asyncio.to_thread(lambda: asyncio.run(engine.propel("e", payload())))
    assert refused.value.code == "propulsion_elsewhere"
    gate.set()
    await engine.drain()


def test_it_needs_no_start_and_no_loop_of_its_own() -> None:
    engine = PropulsionEngine()
    engine.register_handler("e", echo)
    for number in range(3):
        (result,) = asyncio.run(engine.propel("e", payload(number)))
        assert result.result == number


def test_decorated_handlers_come_back_after_a_reset() -> None:
    event = "test-decorated"

    @propulsion_handler(event, name="mine", priority=PropulsionPriority.HIGH)
    async def handler(given: PropulsionPayload) -> str:
        return "mine"

    for _ in range(2):
        engine = get_propulsion_engine()
        assert engine is get_propulsion_engine()
        (result,) = asyncio.run(engine.propel(event, payload()))
        assert (result.handler_name, result.result) == ("mine", "mine")
        reset_propulsion_engine()


@pytest.mark.parametrize(
    "given",
    [
        {"data": 1, "deadline": "tomorrow"},
        {"data": 1, "colour": 2},
        {},
        {"data": 1, "priority": "X"},
    ],
)
def test_what_is_no_payload_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        PropulsionPayload.from_dict(given)
    assert refused.value.code == "payload_invalid"


def test_a_payload_knows_its_state() -> None:
    now = datetime.now(UTC)
    one = payload(deadline=now, max_attempts=1)
    assert not one.is_expired(now)
    assert one.is_expired(now + timedelta(microseconds=1))
    assert one.can_retry()
    one.attempt_count = 1
    assert not one.can_retry()
    assert not payload().is_expired()
    assert PropulsionPayload.from_dict(one.to_dict()).to_dict() == one.to_dict()


def test_settings_that_can_t_be_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        PropulsionEngine(max_concurrent=0)


async def test_figures_are_true() -> None:
    engine = PropulsionEngine()
    engine.register_handler("e", echo)
    engine.register_handler("e", fail)
    await engine.propel("e", payload())
    await engine.propel("none", payload())
    await engine.propel("e", payload(deadline=datetime.now(UTC) - timedelta(1)))
    stats = engine.get_stats()
    assert (stats["total_propelled"], stats["successful"], stats["failed"]) == (3, 1, 2)
    assert (stats["registered_handlers"], stats["pending_payloads"]) == (2, 0)
    figures = engine.statistics()
    assert (figures.expired, figures.running, figures.queued, figures.dead) == (1, 0, 0, 0)
    assert Run("e", payload()).id != Run("e", payload()).id
