"""Sagas: every crash point ends finished, compensated or COMPENSATION_FAILED, never half."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.kept import Kept, MemoryKept
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.coordination import (
    CALL,
    CoordinationConfig,
    CoordinationLayer,
    Saga,
    SagaInvalid,
    SagaResult,
    SagaStatus,
    SagaStep,
)
from quarterdeck.core.coordination.faults import SagaTaken, SagaUnknown
from quarterdeck.core.messaging.bus import MessageBus
from quarterdeck.core.messaging.messages import Message, MessageType

AT_ONCE = CoordinationConfig(saga_retry_policy=RetryPolicy(1, 0.0))


class World:
    """What agents act on: each action sets a mark, each compensation takes it away."""

    def __init__(self) -> None:
        self.marks: set[str] = set()
        self.calls: list[str] = []
        self.keys: dict[str, set[str]] = {}
        self.failures: dict[str, int] = {}
        self.before: Callable[[str], None] = lambda _: None

    async def act(self, action: str) -> str:
        context = CALL.get()
        assert context is not None
        self.keys.setdefault(action, set()).add(context.idempotency_key)
        self.calls.append(action)
        self.before(action)
        if self.failures.get(action, 0) > 0:
            self.failures[action] -= 1
            raise RuntimeError(f"{action} failed")
        verb, _, mark = action.partition(" ")
        (self.marks.add if verb == "do" else self.marks.discard)(mark)
        return f"{action} done"


def saga(count: int = 3, retries: int = 0) -> Saga:
    steps = [SagaStep(f"s{at}", "a", f"do {at}", f"undo {at}", retries) for at in range(count)]
    return Saga("test", steps)


def layer(world: World, store: Any = None, **more: Any) -> CoordinationLayer:
    found = CoordinationLayer(AT_ONCE, store=store, **more)
    found.register_agent("a", world.act)
    return found


async def test_every_step_is_done_in_order() -> None:
    world = World()
    result = await layer(world).run_saga(saga())
    assert (result.success, result.status) == (True, SagaStatus.COMPLETED)
    assert world.calls == ["do 0", "do 1", "do 2"]
    assert result.results == {"s0": "do 0 done", "s1": "do 1 done", "s2": "do 2 done"}


async def test_a_failed_step_undoes_what_was_done_in_reverse() -> None:
    world = World()
    world.failures["do 2"] = 9
    result = await layer(world).run_saga(saga(4))
    assert world.calls == ["do 0", "do 1", "do 2", "undo 1", "undo 0"]
    assert (result.status, result.failed_step) == (SagaStatus.COMPENSATED, "s2")
    assert result.error == "RuntimeError: do 2 failed"
    assert result.compensated == ("s1", "s0")
    assert world.marks == set()


async def test_retries_are_extra_attempts_of_actions_and_of_compensations() -> None:
    world = World()
    world.failures = {"do 0": 2, "do 2": 9, "undo 1": 2}
    result = await layer(world).run_saga(saga(3, retries=2))
    assert world.calls.count("do 0") == 3
    assert world.calls.count("do 2") == 3
    assert world.calls.count("undo 1") == 3
    assert all(len(keys) == 1 for keys in world.keys.values())  # one key for all repetitions
    assert result.status is SagaStatus.COMPENSATED


async def test_a_compensation_that_fails_is_told_and_can_be_tried_again() -> None:
    world, alarms = World(), []
    world.failures = {"do 2": 1, "undo 1": 1}

    def alarm(result: SagaResult) -> None:
        alarms.append(result)
        raise RuntimeError("nobody at the desk")

    found = layer(world, alarm=alarm)
    result = await found.run_saga(saga())
    assert result.status is SagaStatus.COMPENSATION_FAILED
    assert result.compensation_errors == {"s1": "RuntimeError: undo 1 failed"}
    assert result.compensated == ("s0",)  # the others are undone all the same
    assert alarms == [result]
    assert [run.saga.saga_id for run in await found.list_sagas(open_only=True)] == [result.saga_id]
    again = await found.sagas.compensate_again(result.saga_id)
    assert again.status is SagaStatus.COMPENSATED
    assert (await found.sagas.compensate_again(result.saga_id)) == again
    assert await found.list_sagas(open_only=True) == []
    await found.sagas.forget(result.saga_id)
    with pytest.raises(SagaUnknown):
        await found.sagas.result(result.saga_id)


async def test_without_executor_and_bus_it_is_no_executor_and_undone() -> None:
    world = World()
    steps = [SagaStep("here", "a", "do 0", "undo 0"), SagaStep("there", "far", "do 1", "undo 1")]
    result = await layer(world).run_saga(Saga("test", steps))
    assert (result.status, result.error_code) == (SagaStatus.COMPENSATED, "no_executor")
    assert world.calls == ["do 0", "undo 0"]


async def test_agents_without_executor_are_asked_by_a_command_on_the_bus() -> None:
    heard: list[tuple[Any, MessageType]] = []

    async def far(message: Message) -> Any:
        heard.append((message.payload["action"], message.message_type))
        return {"ok": message.payload["idempotency_key"]}

    async with MessageBus() as bus:
        await bus.subscribe("agent.far", far, "far")
        found = CoordinationLayer(AT_ONCE, bus=bus)
        given = Saga("test", [SagaStep("there", "far", {"command": "go"})])
        result = await found.run_saga(given)
    assert result.results == {"there": {"ok": f"{given.saga_id}/0/do"}}
    assert heard == [({"command": "go"}, MessageType.COMMAND)]


async def test_an_agent_that_answers_with_an_error_has_failed() -> None:
    async def far(message: Message) -> None:
        await bus.respond(message, "broken", message_type=MessageType.ERROR)

    async with MessageBus() as bus:
        await bus.subscribe("agent.far", far, "far")
        found = CoordinationLayer(AT_ONCE, bus=bus)
        result = await found.run_saga(Saga("test", [SagaStep("there", "far", "go", retries=0)]))
    assert result.error_code == "agent_refused"


async def test_what_took_too_long_may_have_been_done_and_is_undone() -> None:
    world = World()
    found = layer(world)

    async def slow(action: str) -> None:
        if action == "go":
            await asyncio.Event().wait()
        world.calls.append(action)

    found.register_agent("slow", slow)
    steps = [SagaStep("s", "slow", "go", "come back", retries=0, timeout_seconds=0.01)]
    result = await found.run_saga(Saga("test", steps))
    assert (result.status, world.calls) == (SagaStatus.COMPENSATED, ["come back"])


async def test_an_action_that_cancels_itself_has_failed() -> None:
    async def strange(action: str) -> None:
        raise asyncio.CancelledError

    found = CoordinationLayer(AT_ONCE)
    found.register_agent("a", strange)
    result = await found.run_saga(Saga("test", [SagaStep("s", "a", "go", retries=0)]))
    assert result.status is SagaStatus.COMPENSATED


async def test_a_sync_executor_and_a_step_without_compensation() -> None:
    found = CoordinationLayer(AT_ONCE)
    found.register_agent("a", lambda action: 1 // action)
    steps = [SagaStep("one", "a", 1), SagaStep("zero", "a", 0, retries=0)]
    result = await found.run_saga(Saga("test", steps))
    assert (result.status, result.compensated) == (SagaStatus.COMPENSATED, ("one",))
    await found.close()


async def test_abort_undoes_even_what_is_being_done() -> None:
    world, gate, begun = World(), asyncio.Event(), asyncio.Event()
    found = layer(world)

    async def slow(action: str) -> Any:
        begun.set()
        await gate.wait()
        return await world.act(action)

    found.register_agent("a", slow)
    given = saga(2)
    running = asyncio.create_task(found.run_saga(given))
    await begun.wait()
    assert found.sagas.abort(given.saga_id, "a person said so")
    assert not found.sagas.abort(given.saga_id, "again")
    gate.set()
    result = await running
    assert (result.status, world.calls) == (SagaStatus.COMPENSATED, ["do 0", "undo 0"])
    assert result.error == "a person said so"


async def test_it_goes_on_when_whoever_waits_is_cancelled() -> None:
    world, gate, begun = World(), asyncio.Event(), asyncio.Event()
    found = layer(world)

    async def slow(action: str) -> Any:
        begun.set()
        await gate.wait()
        return await world.act(action)

    found.register_agent("a", slow)
    given = saga(1)
    running = asyncio.create_task(found.run_saga(given))
    await begun.wait()
    running.cancel()
    again = asyncio.create_task(found.run_saga(given))  # the same one, not a second run
    gate.set()
    assert (await again).success
    assert world.calls == ["do 0"]


async def test_of_two_engines_one_stands_back() -> None:
    store, world = MemoryKept(), World()
    one, other = layer(world, store, engine_id="one"), layer(world, store, engine_id="other")
    given = saga(2)
    world.before = lambda _: None
    gate, begun = asyncio.Event(), asyncio.Event()

    async def slow(action: str) -> Any:
        begun.set()
        await gate.wait()
        return await world.act(action)

    one.register_agent("a", slow)
    running = asyncio.create_task(one.run_saga(given))
    await begun.wait()
    assert await other.resume_sagas(former={"somebody else"}) == []
    (taken,) = await other.resume_sagas()
    gate.set()
    with pytest.raises(SagaTaken):
        await running
    assert taken.success
    assert world.calls == ["do 0", "do 1", "do 0"]


@pytest.mark.parametrize(
    "wrong",
    [
        Saga("none", []),
        Saga("twice", [SagaStep("s", "a", 1), SagaStep("s", "a", 1)]),
        Saga("less", [SagaStep("s", "a", 1, retries=-1)]),
        Saga("no json", [SagaStep("s", "a", object())]),
    ],
)
async def test_what_can_not_be_run_is_refused(wrong: Saga) -> None:
    with pytest.raises(SagaInvalid):
        await layer(World()).run_saga(wrong)


# ---- crashes -------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here."""


class Crashing(MemoryKept):
    """A store whose process ends at the n-th write: before it, or just after."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self.left, self.after = at, after

    async def put_kept(self, record: Kept) -> bool:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise OSError("crash")
        done = await super().put_kept(record)
        if self.left == 0:
            raise OSError("crash")
        return done


def check_whole(world: World, result: SagaResult, count: int) -> None:
    """Never half: all marks, or none but those whose compensation failed."""
    if result.status is SagaStatus.COMPLETED:
        assert world.marks == {str(at) for at in range(count)}
    elif result.status is SagaStatus.COMPENSATED:
        assert world.marks == set()
    else:
        assert result.status is SagaStatus.COMPENSATION_FAILED
        failed = {name.removeprefix("s") for name in result.compensation_errors}
        assert world.marks <= failed


@settings(max_examples=80)
@given(
    count=st.integers(1, 4),
    crash=st.integers(1, 12),
    after=st.booleans(),
    again=st.integers(0, 6),
    failing=st.dictionaries(
        st.builds(lambda verb, at: f"{verb} {at}", st.sampled_from(["do", "undo"]), st.integers(0, 3)),
        st.integers(1, 3),
        max_size=3,
    ),
    retries=st.integers(0, 2),
)  # fmt: skip
def test_every_crash_point_ends_whole(
    count: int, crash: int, again: int, failing: dict[str, int], retries: int, *, after: bool
) -> None:
    async def go() -> None:
        world, store = World(), Crashing(crash, after=after)
        world.failures = dict(failing)
        given = saga(count, retries)
        try:
            result = await layer(world, store).run_saga(given)
        except OSError:
            result = None
        store.left = again  # it may crash once more
        for _ in range(3):
            if result is not None:
                break
            try:
                ended = await layer(world, store).resume_sagas()
                result = ended[0] if ended else None
            except OSError:
                continue
            if result is None:
                break
        if result is None:  # it crashed before the first record, or after the last one
            kept = await store.all_kept("saga")
            if not kept:
                assert world.calls == []
                return
            result = await layer(world, store).sagas.result(given.saga_id)
        check_whole(world, result, count)
        assert all(len(keys) == 1 for keys in world.keys.values())

    asyncio.run(go())
