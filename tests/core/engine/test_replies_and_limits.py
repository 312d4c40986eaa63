"""Kept replies, the limits of commands, retries and the breakers of agents."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError, ResourceFault, SystemFault
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.engine.faults import AgentUnavailable, RateLimited
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.replies import KeptReplies
from quarterdeck.core.engine.retrying import retried
from quarterdeck.core.engine.safety.limits import CLIENT_BURST, CommandLimits
from quarterdeck.core.engine.safety.starts import AgentBreakers
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.protocol.wire import Reply
from quarterdeck.core.safety.breaker import BreakerState
from quarterdeck.core.sessions.faults import NameTaken, SessionLimit
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore

from .doubles import CountingMetrics, session_view
from .ship import memory_store

# Kept replies


@pytest.fixture
async def store() -> MemoryStore:
    return await memory_store()


@pytest.fixture
def replies(store: MemoryStore) -> KeptReplies:
    return KeptReplies(store, Journal(store), limit=3)


def reply(command_id: str, **result: Any) -> Reply:
    return Reply(command_id=command_id, ok=True, result=result)


async def test_a_command_is_new_once(replies: KeptReplies) -> None:
    got: list[Reply] = []
    first = new_id()
    assert replies.claim(first, got.append)
    answer = reply(first, n=1)
    replies.finish(first, answer)
    assert not replies.claim(first, got.append)
    assert got == [answer, answer]
    figures = replies.statistics()
    assert (figures.held, figures.running, figures.repeated) == (1, 0, 1)


async def test_one_that_is_sent_again_meanwhile_waits_for_the_same_reply(
    replies: KeptReplies,
) -> None:
    got: list[Reply] = []
    first = new_id()
    assert replies.claim(first, got.append)
    assert not replies.claim(first, got.append)
    assert got == []
    assert replies.statistics().running == 1
    replies.finish(first, reply(first))
    assert got == [reply(first)] * 2


async def test_one_that_was_refused_may_come_again(replies: KeptReplies) -> None:
    got: list[Reply] = []
    first = new_id()
    replies.claim(first, got.append)
    replies.finish(first, reply(first), remember=False)
    assert replies.claim(first, got.append)
    assert len(got) == 1


async def test_finishing_twice_answers_once(replies: KeptReplies) -> None:
    got: list[Reply] = []
    first = new_id()
    replies.claim(first, got.append)
    replies.finish(first, reply(first))
    replies.finish(first, reply(first, n=2), remember=False)
    assert got == [reply(first)]


async def test_the_longest_unused_is_forgotten(replies: KeptReplies) -> None:
    ids = [new_id() for _ in range(4)]
    for one in ids[:3]:
        replies.claim(one, lambda _: None)
        replies.finish(one, reply(one))
    replies.claim(ids[0], lambda _: None)
    replies.claim(ids[3], lambda _: None)
    replies.finish(ids[3], reply(ids[3]))
    assert not replies.claim(ids[0], lambda _: None)
    assert replies.claim(ids[1], lambda _: None)


async def test_a_kept_reply_is_there_for_the_next_engine(
    store: MemoryStore, replies: KeptReplies
) -> None:
    first = new_id()
    answer = reply(first, cwd="/tmp/\udcff")
    await replies.keep(answer)
    later = KeptReplies(store, Journal(store))
    assert await later.recall(first) == answer
    assert await later.recall(new_id()) is None
    assert later.statistics().repeated == 1


async def test_a_reply_that_can_not_be_kept_is_given_all_the_same(
    store: MemoryStore, replies: KeptReplies
) -> None:
    store.fail_next(StoreFull("full"))
    await replies.keep(reply(new_id()))
    await replies.keep(Reply(command_id=None, ok=True))


# Limits


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def metrics() -> CountingMetrics:
    return CountingMetrics()


def test_each_session_has_its_own_bucket(clock: ManualClock, metrics: CountingMetrics) -> None:
    limits = CommandLimits(10, 2, metrics, clock=clock)
    for _ in range(2):
        limits.check("s", "c", "session.prompt")
    limits.check("t", "c", "session.prompt")
    with pytest.raises(RateLimited, match=r"session.prompt was refused.*10 a second") as caught:
        limits.check("s", "c", "session.prompt")
    assert caught.value.details == {"retry_after": 0.1, "scope": "session"}
    assert metrics.tags == [("rate_limit_hits", {"scope": "session"})]
    clock.advance(0.1)
    limits.check("s", "c", "session.prompt")


def test_other_commands_have_a_bucket_for_each_client(
    clock: ManualClock, metrics: CountingMetrics
) -> None:
    limits = CommandLimits(10, 2, metrics, clock=clock)
    for _ in range(CLIENT_BURST):
        limits.check(None, "c", "nav.focus")
    limits.check(None, "d", "nav.focus")
    with pytest.raises(RateLimited, match="this client sends commands faster than 100"):
        limits.check(None, "c", "nav.focus")
    assert len(limits) == 2


def test_buckets_of_the_gone_and_of_the_idle_go(
    clock: ManualClock, metrics: CountingMetrics
) -> None:
    limits = CommandLimits(10, 2, metrics, clock=clock)
    limits.check("s", "c", "x")
    limits.check(None, "c", "x")
    limits.forget_session("s")
    limits.forget_client("c")
    assert len(limits) == 0
    limits.check("s", "c", "x")
    clock.advance(10)
    assert limits.evict_idle() == 1
    assert limits.statistics()["session"].evicted == 1


# Trying again


class Passing(ResourceFault):
    """Passes by itself."""

    code = "passing"
    transient = True


def failing(
    times: int, error: QuarterdeckError, result: Any = "done"
) -> Callable[[], Awaitable[Any]]:
    left = [error] * times

    async def operation() -> Any:
        if left:
            raise left.pop()
        return result

    return operation


class Slept:
    """A sleep that takes no time and notes how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


POLICY = RetryPolicy(max_attempts=3, initial_delay=1, jitter=0)


async def test_what_passes_is_tried_again(metrics: CountingMetrics) -> None:
    slept = Slept()
    result = await retried(failing(2, Passing("x")), "open", metrics, policy=POLICY, sleep=slept)
    assert result == "done"
    assert slept.seconds == [1, 2]
    assert metrics.tags == [("retries", {"operation": "open"})] * 2


async def test_what_does_not_pass_is_raised_as_it_is(metrics: CountingMetrics) -> None:
    slept, error = Slept(), Passing("x")
    with pytest.raises(Passing) as caught:
        await retried(failing(3, error), "open", metrics, policy=POLICY, sleep=slept)
    assert caught.value is error
    assert len(slept.seconds) == 2


async def test_other_faults_are_not_tried_again(metrics: CountingMetrics) -> None:
    slept = Slept()
    with pytest.raises(SystemFault):
        await retried(failing(1, SystemFault("x")), "open", metrics, policy=POLICY, sleep=slept)
    assert slept.seconds == []


async def test_a_plain_function_that_gives_a_coroutine_is_awaited(metrics: CountingMetrics) -> None:
    operation = failing(0, Passing("x"), 7)

    def plain() -> Awaitable[Any]:
        return operation()

    assert await retried(plain, "open", metrics) == 7


async def test_the_policy_lengthens_by_chance(metrics: CountingMetrics) -> None:
    slept = Slept()
    policy = RetryPolicy(max_attempts=2, initial_delay=1, jitter=1)
    await retried(
        failing(1, Passing("x")),
        "open",
        metrics,
        policy=policy,
        sleep=slept,
        random=random.Random(1),  # noqa: S311  # no secret hangs on it
    )
    assert 1 < slept.seconds[0] <= 2


# Breakers


class Yard:
    """Starts of agents under breakers."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.metrics = CountingMetrics()
        self.slept = Slept()
        self.breakers = AgentBreakers(
            self.metrics, threshold=2, pause=30, clock=clock, sleep=self.slept
        )
        self.tried = 0

    async def start(
        self, outcome: QuarterdeckError | Lifecycle, agent: str = "claude"
    ) -> SessionView:
        async def begin() -> SessionView:
            self.tried += 1
            if isinstance(outcome, QuarterdeckError):
                raise outcome
            return session_view(lifecycle=outcome)

        return await self.breakers.start(agent, begin)


@pytest.fixture
def yard(clock: ManualClock) -> Yard:
    return Yard(clock)


async def test_an_agent_that_crashes_again_and_again_is_left_alone(yard: Yard) -> None:
    for _ in range(2):
        view = await yard.start(Lifecycle.CRASHED)
        assert view.lifecycle is Lifecycle.CRASHED
    with pytest.raises(
        AgentUnavailable, match=r"claude failed to start 2 times.*in 30 s"
    ) as caught:
        await yard.start(Lifecycle.RUNNING)
    assert caught.value.details == {"agent": "claude", "retry_after": 30.0}
    assert yard.tried == 2
    assert yard.metrics.tags[-1] == ("breaker_refusals", {"agent": "claude"})
    await yard.start(Lifecycle.RUNNING, agent="codex")


async def test_after_a_while_it_is_tried_again(yard: Yard) -> None:
    for _ in range(2):
        await yard.start(Lifecycle.CRASHED)
    yard.clock.advance(30)
    await yard.start(Lifecycle.RUNNING)
    assert yard.breakers.statistics() == {}


async def test_a_wrong_wish_says_nothing_about_the_agent(yard: Yard) -> None:
    for fault in (NameTaken("x"), SessionLimit("x")):
        for _ in range(5):
            with pytest.raises(type(fault)):
                await yard.start(fault)
    assert yard.breakers.statistics() == {}


async def test_faults_of_the_system_speak_against_it(yard: Yard) -> None:
    with pytest.raises(SystemFault):
        await yard.start(SystemFault("x"))
    with pytest.raises(ResourceFault):
        await yard.start(ResourceFault("x"))
    assert yard.breakers.statistics()["claude"].state is BreakerState.OPEN


async def test_a_passing_failure_is_tried_again_and_counts_once(yard: Yard) -> None:
    with pytest.raises(Passing):
        await yard.start(Passing("x"))
    assert yard.tried == 3
    assert len(yard.slept.seconds) == 2
    assert yard.breakers.statistics()["claude"].failures == 1


@settings(deadline=None)
@given(st.lists(st.sampled_from(["crash", "run", "wish", "wait"]), max_size=40))
def test_a_breaker_is_held_only_while_it_remembers_something(steps: list[str]) -> None:
    async def run() -> None:
        yard = Yard(ManualClock())
        for step in steps:
            try:
                if step == "wait":
                    yard.clock.advance(31)
                elif step == "wish":
                    await yard.start(NameTaken("x"))
                else:
                    await yard.start(Lifecycle.CRASHED if step == "crash" else Lifecycle.RUNNING)
            except QuarterdeckError:
                pass
            for figures in yard.breakers.statistics().values():
                assert figures.failures or figures.state is not BreakerState.CLOSED

    asyncio.run(run())
