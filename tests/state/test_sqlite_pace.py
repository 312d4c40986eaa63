"""Where commits run: off the loop when the disk is slow, back only when it was quick for long."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.state.sqlite.pace import (
    DWELL_SECONDS,
    QUICK_IN_ROW,
    SLOW_IN_WINDOW,
    SYNCS,
    WAITS,
    WATCHED,
    WINDOW,
    Mode,
    Pace,
    thread_waits,
)

SLOW, MIDDLING, QUICK = 9.0, 2.0, 0.1


@pytest.fixture
def pace(clock: ManualClock) -> Pace:
    return Pace(clock)


def note(pace: Pace, milliseconds: float, times: int = 1) -> Mode:
    for _ in range(times):
        pace.note(milliseconds)
    return pace.mode


def test_a_quick_disk_is_written_inline(pace: Pace) -> None:
    assert pace.mode is Mode.INLINE
    assert note(pace, MIDDLING, 1_000) is Mode.INLINE


def test_a_single_slow_commit_changes_nothing(pace: Pace) -> None:
    for _ in range(20):
        note(pace, SLOW)
        assert note(pace, QUICK, WINDOW // SLOW_IN_WINDOW + 10) is Mode.INLINE


def test_a_few_slow_commits_of_the_last_ones_move_the_writer_to_the_thread(pace: Pace) -> None:
    for _ in range(SLOW_IN_WINDOW - 1):
        assert note(pace, SLOW) is Mode.INLINE
        note(pace, QUICK, 10)
    assert note(pace, SLOW) is Mode.THREAD


def test_the_writer_stays_on_the_thread_until_both_time_and_commits_have_passed(
    pace: Pace, clock: ManualClock
) -> None:
    note(pace, SLOW, SLOW_IN_WINDOW)
    assert note(pace, QUICK, 10 * QUICK_IN_ROW) is Mode.THREAD, "too early"
    clock.advance(DWELL_SECONDS)
    note(pace, MIDDLING)
    assert note(pace, QUICK, QUICK_IN_ROW - 1) is Mode.THREAD, "too few in a row"
    assert note(pace, QUICK) is Mode.INLINE
    assert pace.switches == 2


def test_after_coming_back_the_judgement_starts_afresh(pace: Pace, clock: ManualClock) -> None:
    note(pace, SLOW, SLOW_IN_WINDOW)
    clock.advance(DWELL_SECONDS)
    note(pace, QUICK, QUICK_IN_ROW)
    assert note(pace, SLOW, SLOW_IN_WINDOW - 1) is Mode.INLINE
    assert note(pace, SLOW) is Mode.THREAD


def test_where_each_commit_waits_for_the_disk_the_thread_takes_over_sooner(
    clock: ManualClock,
) -> None:
    pace = Pace(clock, bounds=SYNCS)
    assert note(pace, QUICK, 500) is Mode.INLINE
    assert note(pace, 3.0, SLOW_IN_WINDOW) is Mode.THREAD
    clock.advance(DWELL_SECONDS)
    assert note(pace, MIDDLING, 2 * QUICK_IN_ROW) is Mode.THREAD, "not slow, not quick"
    assert note(pace, QUICK, QUICK_IN_ROW) is Mode.INLINE


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 2)), max_size=2_000))
def test_it_never_flaps(commits: list[tuple[float, float]]) -> None:
    clock = ManualClock()
    pace = Pace(clock)
    for milliseconds, seconds in commits:
        clock.advance(seconds)
        pace.note(milliseconds)
    # Every stay on the thread lasts for the dwell time.
    assert pace.switches <= 2 * (clock.monotonic() / DWELL_SECONDS) + 1


class Waits:
    """A thread that waits when it is told to."""

    def __init__(self, clock: ManualClock) -> None:
        self.count = 0
        self.asked = 0
        self.pace = Pace(clock, waits=self)

    def __call__(self) -> int:
        self.asked += 1
        return self.count

    def commit(self, milliseconds: float, *, waits: bool) -> Mode:
        if self.pace.watching:
            self.pace.begin()
        self.count += waits
        return note(self.pace, milliseconds)


def test_a_commit_that_lost_the_processor_and_waited_for_nothing_is_not_slow(
    clock: ManualClock,
) -> None:
    waits = Waits(clock)
    for _ in range(100):
        assert waits.commit(SLOW, waits=False) is Mode.INLINE
    assert not waits.pace.switches


def test_slow_commits_that_waited_move_the_writer_after_one_that_begins_the_watch(
    clock: ManualClock,
) -> None:
    waits = Waits(clock)
    for _ in range(SLOW_IN_WINDOW):
        assert waits.commit(SLOW, waits=True) is Mode.INLINE
    assert waits.commit(SLOW, waits=True) is Mode.THREAD


def test_nothing_is_asked_of_the_system_while_commits_are_quick(clock: ManualClock) -> None:
    waits = Waits(clock)
    waits.commit(SLOW, waits=True)
    for _ in range(WATCHED):
        waits.commit(QUICK, waits=True)
    asked = waits.asked
    for _ in range(1_000):
        waits.commit(QUICK, waits=True)
    assert waits.asked == asked


@pytest.mark.skipif(WAITS is None, reason="the system does not tell what a thread waited for")
def test_a_thread_that_sleeps_is_seen_to_wait() -> None:
    before = thread_waits()
    threading.Event().wait(0.001)
    assert thread_waits() > before
