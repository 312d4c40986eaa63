"""The circuit breaker, held against a model through any sequence of calls and time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.safety.breaker import (
    TRIAL,
    BreakerOpen,
    BreakerState,
    CircuitBreaker,
    Permit,
)

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def breaker(clock: ManualClock) -> CircuitBreaker:
    return CircuitBreaker("Starting x", threshold=3, timeout=10, clock=clock)


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.admit().failure()


def test_it_opens_after_so_many_failures_in_a_row(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    breaker.admit().success()
    fail(breaker, 2)
    assert breaker.state is CLOSED
    fail(breaker)
    assert breaker.state is OPEN


def test_open_it_refuses_and_says_for_how_long(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker, 3)
    clock.advance(4)
    with pytest.raises(BreakerOpen, match=r"failed 3 times in a row.*in 6.0 s") as caught:
        breaker.admit()
    assert caught.value.details["retry_after"] == pytest.approx(6)
    assert breaker.statistics().refused == 1


def test_after_the_time_it_tries_one_call(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker, 3)
    clock.advance(10)
    assert breaker.state is HALF_OPEN
    permit = breaker.admit()
    with pytest.raises(BreakerOpen) as caught:
        breaker.admit()
    assert caught.value.details["retry_after"] == TRIAL
    permit.success()
    assert breaker.state is CLOSED
    assert breaker.statistics().failures == 0


def test_a_failed_trial_opens_it_anew(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker, 3)
    clock.advance(10)
    fail(breaker)
    assert breaker.state is OPEN
    assert breaker.retry_after == pytest.approx(10)
    assert breaker.statistics().opened == 2


def test_a_trial_that_is_given_up_makes_room_for_another(
    breaker: CircuitBreaker, clock: ManualClock
) -> None:
    fail(breaker, 3)
    clock.advance(10)
    breaker.admit().release()
    breaker.admit().success()
    assert breaker.state is CLOSED


def test_several_trials_at_once_and_several_successes(clock: ManualClock) -> None:
    breaker = CircuitBreaker("x", threshold=1, timeout=1, probes=2, successes=3, clock=clock)
    fail(breaker)
    clock.advance(1)
    first, second = breaker.admit(), breaker.admit()
    with pytest.raises(BreakerOpen):
        breaker.admit()
    first.success()
    second.success()
    assert breaker.state is HALF_OPEN
    breaker.admit().success()
    assert breaker.state is CLOSED


def test_a_call_from_before_the_change_no_longer_counts(
    breaker: CircuitBreaker, clock: ManualClock
) -> None:
    late_failure, late_success = breaker.admit(), breaker.admit()
    fail(breaker, 3)
    late_success.success()
    assert breaker.state is OPEN
    clock.advance(10)
    breaker.admit().success()
    late_failure.failure()
    assert breaker.statistics().failures == 0


def test_a_permit_counts_once(breaker: CircuitBreaker) -> None:
    permit = breaker.admit()
    for _ in range(5):
        permit.failure()
    permit.success()
    assert breaker.statistics().failures == 1


def test_the_wall_clock_has_no_say(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker, 3)
    clock.jump(3600)
    assert breaker.state is OPEN


@pytest.mark.parametrize(
    "wrong", [{"threshold": 0}, {"probes": 0}, {"successes": 0}, {"timeout": 0}]
)
def test_an_impossible_breaker_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        CircuitBreaker("x", **wrong)  # type: ignore[arg-type]  # one field at a time


# The guard


async def test_a_guarded_call_that_raises_is_a_failure(breaker: CircuitBreaker) -> None:
    async def call() -> None:
        with breaker.guard():
            await asyncio.sleep(0)
            raise ValueError("no")

    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            await call()
    with pytest.raises(BreakerOpen), breaker.guard():
        pytest.fail("it was admitted")


def test_a_guarded_call_that_goes_well_clears_the_failures(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    with breaker.guard():
        pass
    assert breaker.statistics().failures == 0


def test_only_what_counts_is_a_failure(breaker: CircuitBreaker) -> None:
    def counts(error: Exception) -> bool:
        return not isinstance(error, KeyError)

    for _ in range(5):
        with pytest.raises(KeyError), breaker.guard(counts=counts):
            raise KeyError
    assert breaker.statistics().failures == 0


def test_the_body_may_call_itself_a_failure(breaker: CircuitBreaker) -> None:
    with breaker.guard() as permit:
        permit.failure()
    assert breaker.statistics().failures == 1


async def test_a_cancelled_trial_does_not_keep_the_door_shut(
    breaker: CircuitBreaker, clock: ManualClock
) -> None:
    fail(breaker, 3)
    clock.advance(10)

    async def call() -> None:
        with breaker.guard():
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert breaker.state is HALF_OPEN
    breaker.admit().success()
    assert breaker.state is CLOSED


# Against a model

THRESHOLD, TIMEOUT, PROBES, SUCCESSES = 3, 10.0, 2, 2


class BreakerMachine(RuleBasedStateMachine):
    """The same sequence through the breaker and through the plainest model of it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.breaker = CircuitBreaker(
            "x",
            threshold=THRESHOLD,
            timeout=TIMEOUT,
            probes=PROBES,
            successes=SUCCESSES,
            clock=self.clock,
        )
        self.state = CLOSED
        self.failures = self.good = self.era = 0
        self.open_until = 0.0
        self.trials: set[int] = set()
        self.eras: dict[int, int] = {}

    permits = Bundle("permits")

    def enter(self, state: BreakerState) -> None:
        self.state = state
        self.era += 1
        self.good = 0
        self.trials.clear()
        if state is CLOSED:
            self.failures = 0
        if state is OPEN:
            self.open_until = self.clock.monotonic() + TIMEOUT

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        if self.state is OPEN and self.clock.monotonic() >= self.open_until:
            self.enter(HALF_OPEN)

    @rule(target=permits)
    def ask(self) -> Permit | None:
        admitted = self.state is CLOSED or (self.state is HALF_OPEN and len(self.trials) < PROBES)
        if not admitted:
            with pytest.raises(BreakerOpen):
                self.breaker.admit()
            return None
        permit = self.breaker.admit()
        self.eras[id(permit)] = self.era
        if self.state is HALF_OPEN:
            self.trials.add(id(permit))
        return permit

    def current(self, permit: Permit) -> bool:
        """Whether the permit still counts; each does so once."""
        counts = self.eras.get(id(permit)) == self.era
        self.eras[id(permit)] = -1
        self.trials.discard(id(permit))
        return counts

    @rule(permit=permits)
    def succeed(self, permit: Permit | None) -> None:
        if permit is None:
            return
        permit.success()
        if self.current(permit):
            if self.state is CLOSED:
                self.failures = 0
            else:
                self.good += 1
                if self.good >= SUCCESSES:
                    self.enter(CLOSED)

    @rule(permit=permits)
    def break_down(self, permit: Permit | None) -> None:
        if permit is None:
            return
        permit.failure()
        if self.current(permit):
            self.failures += 1
            if self.state is HALF_OPEN or self.failures >= THRESHOLD:
                self.enter(OPEN)

    @rule(permit=permits)
    def give_up(self, permit: Permit | None) -> None:
        if permit is not None:
            permit.release()
            self.current(permit)

    @invariant()
    def agree(self) -> None:
        assert self.breaker.state is self.state
        figures = self.breaker.statistics()
        assert figures.failures == self.failures
        assert (figures.retry_after > 0) == (self.state is OPEN)


BreakerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBreakerAgainstItsModel = BreakerMachine.TestCase
