"""Token buckets: what they grant over any stretch of time, and how many of them are kept."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.safety.limiter import BucketCache, TokenBucket


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_burst_is_granted_at_once_and_then_the_rate(clock: ManualClock) -> None:
    bucket = TokenBucket(10, 20, clock)
    assert [bucket.take() for _ in range(20)] == [0.0] * 20
    assert bucket.take() == pytest.approx(0.1)
    clock.advance(0.1)
    assert bucket.take() == 0.0
    assert bucket.take() > 0


def test_it_never_holds_more_than_the_burst(clock: ManualClock) -> None:
    bucket = TokenBucket(10, 2, clock)
    clock.advance(1000)
    assert [bucket.take() == 0.0 for _ in range(3)] == [True, True, False]


def test_more_than_the_burst_will_never_be_there(clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="more than the burst"):
        TokenBucket(10, 2, clock).take(3)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0.5)])
def test_an_impossible_bucket_is_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="needs a rate above 0"):
        TokenBucket(rate, burst)


def test_the_wall_clock_has_no_say(clock: ManualClock) -> None:
    bucket = TokenBucket(1, 1, clock)
    bucket.take()
    clock.jump(86_400)
    assert bucket.take() > 0
    clock.jump(-86_400 * 2)
    assert bucket.take() == pytest.approx(1.0)


def test_its_figures(clock: ManualClock) -> None:
    bucket = TokenBucket(2, 4, clock)
    for _ in range(5):
        bucket.take()
    clock.advance(0.5)
    figures = bucket.statistics()
    assert (figures.rate, figures.burst, figures.tokens) == (2, 4, 1.0)
    assert (figures.granted, figures.refused) == (4, 1)
    assert not bucket.full()


STEPS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 3)), max_size=80)
RATES = st.floats(0.1, 100)
BURSTS = st.integers(3, 30)


@settings(deadline=None)
@given(RATES, BURSTS, STEPS)
def test_over_any_stretch_it_grants_the_burst_and_the_rate_at_most(
    rate: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    clock = ManualClock()
    bucket = TokenBucket(rate, burst, clock)
    granted: list[tuple[float, int]] = []
    for pause, tokens in steps:
        clock.advance(pause)
        if bucket.take(tokens) == 0.0:
            granted.append((clock.monotonic(), tokens))
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            stretch = granted[last][0] - granted[first][0]
            total = sum(tokens for _, tokens in granted[first : last + 1])
            assert total <= burst + rate * stretch + 1e-6


@settings(deadline=None)
@given(RATES, BURSTS, STEPS)
def test_the_time_it_names_is_the_time_it_takes(
    rate: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    clock = ManualClock()
    bucket = TokenBucket(rate, burst, clock)
    for pause, tokens in steps:
        clock.advance(pause)
        wait = bucket.take(tokens)
        if wait:
            clock.advance(wait)
            assert bucket.take(tokens) == 0.0


@settings(deadline=None)
@given(RATES, BURSTS, STEPS)
def test_a_refusal_costs_nothing(rate: float, burst: int, steps: list[tuple[float, int]]) -> None:
    """Whoever keeps asking gets exactly what a patient one gets."""
    clock = ManualClock()
    pushy, patient = TokenBucket(rate, burst, clock), TokenBucket(rate, burst, clock)
    for pause, tokens in steps:
        clock.advance(pause)
        if pushy.take(tokens) == 0.0:
            assert patient.take(tokens) == 0.0
        pushy.take(burst) if pushy.statistics().tokens < burst else None
    assert pushy.statistics().tokens == pytest.approx(patient.statistics().tokens)


# The cache


def test_each_key_has_a_bucket_of_its_own(clock: ManualClock) -> None:
    cache = BucketCache(1, 1, clock=clock)
    assert cache.take("a") == 0.0
    assert cache.take("a") > 0
    assert cache.take("b") == 0.0
    assert len(cache) == 2
    assert cache.rate == 1


def test_the_longest_unused_goes_first(clock: ManualClock) -> None:
    cache = BucketCache(1, 1, limit=2, clock=clock)
    cache.take("a")
    cache.take("b")
    cache.take("a")
    cache.take("c")
    assert cache.take("a") > 0
    assert cache.statistics().evicted == 1
    assert cache.take("b") == 0.0


def test_what_is_full_again_can_go_without_a_trace(clock: ManualClock) -> None:
    cache = BucketCache(1, 2, clock=clock)
    cache.take("spent", 2)
    cache.take("half")
    clock.advance(1)
    assert cache.evict_idle() == 1
    assert cache.tokens("half") == 2
    assert cache.tokens("spent") == 1
    assert len(cache) == 1


def test_asking_makes_no_bucket_and_forgetting_takes_it_away(clock: ManualClock) -> None:
    cache = BucketCache(1, 2, clock=clock)
    assert cache.tokens("x") == 2
    assert len(cache) == 0
    cache.take("x", 2)
    cache.forget("x")
    cache.forget("x")
    assert cache.take("x") == 0.0


def test_a_cache_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 bucket"):
        BucketCache(1, 1, limit=0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 2)), max_size=200), st.integers(1, 8))
def test_it_never_holds_more_than_its_limit_and_counts_all(
    steps: list[tuple[int, float]], limit: int
) -> None:
    clock = ManualClock()
    cache = BucketCache(1, 2, limit=limit, clock=clock)
    for key, pause in steps:
        clock.advance(pause)
        cache.take(str(key))
        assert len(cache) <= limit
    figures = cache.statistics()
    assert figures.granted + figures.refused == len(steps)
    assert (figures.size, figures.limit) == (len(cache), limit)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 2)), max_size=60))
def test_evicting_the_idle_changes_nothing_for_anyone(steps: list[tuple[int, float]]) -> None:
    clock = ManualClock()
    tidy, kept = BucketCache(1, 2, clock=clock), BucketCache(1, 2, clock=clock)
    for key, pause in steps:
        clock.advance(pause)
        tidy.evict_idle()
        assert tidy.take(str(key)) == pytest.approx(kept.take(str(key)))
