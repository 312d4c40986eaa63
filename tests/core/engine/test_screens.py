"""Watched screens: frames by pull at a bounded rate, bytes bounded with a repaint."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.engine.screens import Screens
from quarterdeck.core.protocol.wire import Frame, Output

from .doubles import FakeScreen

A, B = "A" * 26, "B" * 26


class Watching:
    """Screens of one client, with a clock and the wake-ups it got."""

    def __init__(self, tap_limit: int = 100) -> None:
        self.clock = ManualClock()
        self.woken = 0
        self.screens = Screens(self.wake, per_second=10, tap_limit=tap_limit, clock=self.clock)

    def wake(self) -> None:
        self.woken += 1

    def frames(self) -> list[tuple[str, int, int]]:
        taken = self.screens.take()
        return [
            (m.frame.session_id[0], m.frame.base, m.frame.generation)
            for m in taken
            if isinstance(m, Frame)
        ]

    def data(self) -> list[bytes]:
        return [m.data for m in self.screens.take() if isinstance(m, Output)]


@pytest.fixture
def watching() -> Watching:
    return Watching()


def test_the_first_frame_is_a_full_one(watching: Watching) -> None:
    watching.screens.watch(A, FakeScreen(A), "frames")
    assert watching.woken == 1
    assert watching.screens.due() == 0.0
    (message,) = watching.screens.take()
    assert isinstance(message, Frame)
    assert message.frame.full
    assert watching.screens.due() is None


def test_a_change_is_sent_as_what_it_changed(watching: Watching) -> None:
    source = FakeScreen(A)
    watching.screens.watch(A, source, "frames")
    watching.screens.take()
    source.write("x")
    source.write("y")
    watching.clock.advance(1)
    assert watching.frames() == [("A", 1, 3)]
    assert source.asked == [0, 1]


def test_rounds_come_at_most_so_often(watching: Watching) -> None:
    source = FakeScreen(A)
    watching.screens.watch(A, source, "frames")
    assert len(watching.frames()) == 1
    source.write("x")
    assert watching.screens.due() == pytest.approx(0.1)
    assert watching.frames() == []
    watching.clock.advance(0.04)
    assert watching.screens.due() == pytest.approx(0.06)
    watching.clock.advance(0.06)
    assert watching.screens.due() == 0.0
    assert len(watching.frames()) == 1


def test_a_round_holds_the_changed_screens_only(watching: Watching) -> None:
    first, second = FakeScreen(A), FakeScreen(B)
    watching.screens.watch(A, first, "frames")
    watching.screens.watch(B, second, "frames")
    assert [name for name, _, _ in watching.frames()] == ["A", "B"]
    second.write("x")
    watching.clock.advance(1)
    assert [name for name, _, _ in watching.frames()] == ["B"]
    assert len(first.asked) == 1


def test_a_quiet_screen_wakes_nobody_and_a_busy_one_once_a_round(watching: Watching) -> None:
    source = FakeScreen(A)
    watching.screens.watch(A, source, "frames")
    watching.screens.take()
    before = watching.woken
    for _ in range(50):
        source.write("x")
    assert watching.woken == before + 1


def test_a_change_that_changed_nothing_sends_nothing(watching: Watching) -> None:
    source = FakeScreen(A)
    watching.screens.watch(A, source, "frames")
    watching.screens.take()
    source.write("x")
    source.generation -= 1
    watching.clock.advance(1)
    assert watching.frames() == []
    assert watching.screens.due() is None


def test_watching_anew_starts_with_a_full_frame(watching: Watching) -> None:
    source = FakeScreen(A)
    for _ in range(2):
        watching.screens.watch(A, source, "frames")
        watching.clock.advance(1)
        assert watching.frames() == [("A", 0, 1)]
    assert source.watched == 1


def test_bytes_begin_with_a_repaint_and_go_on_as_they_come(watching: Watching) -> None:
    source = FakeScreen(A)
    watching.screens.watch(A, source, "bytes")
    source.output(b"before the repaint is made")
    assert watching.data() == [b"<repaint ready>"]
    source.output(b"a")
    source.output(b"b")
    assert watching.screens.due() == 0.0
    assert watching.data() == [b"ab"]
    assert watching.screens.due() is None


def test_a_slow_reader_of_bytes_gets_a_repaint_in_their_place(watching: Watching) -> None:
    source = FakeScreen(A)
    watching.screens.watch(A, source, "bytes")
    watching.screens.take()
    for _ in range(30):
        source.output(b"x" * 10)
    assert watching.data() == [b"<repaint ready>"]
    source.output(b"on")
    assert watching.data() == [b"on"]
    assert watching.screens.statistics().repaints == 2


def test_the_end_is_told_even_after_an_overflow(watching: Watching) -> None:
    source = FakeScreen(A)
    watching.screens.watch(A, source, "bytes")
    watching.screens.take()
    source.output(b"x" * 200)
    source.output(b"", ended=True)
    (message,) = watching.screens.take()
    assert isinstance(message, Output)
    assert message.ended
    source.output(b"again")
    (message,) = watching.screens.take()
    assert isinstance(message, Output)
    assert (message.data, message.ended) == (b"again", False)


def test_the_two_ways_of_watching_replace_each_other(watching: Watching) -> None:
    source = FakeScreen(A)
    watching.screens.watch(A, source, "frames")
    watching.screens.watch(A, source, "bytes")
    assert isinstance(watching.screens.take()[0], Output)
    assert source.watched == 1


def test_unwatching_lets_go(watching: Watching) -> None:
    first, second = FakeScreen(A), FakeScreen(B)
    watching.screens.watch(A, first, "frames")
    watching.screens.watch(B, second, "bytes")
    watching.screens.unwatch(A)
    watching.screens.unwatch(A)
    assert first.watched == 0
    watching.screens.close()
    assert second.watched == 0
    assert watching.screens.due() is None
    assert watching.screens.take() == []


def test_its_figures(watching: Watching) -> None:
    watching.screens.watch(A, FakeScreen(A), "frames")
    watching.screens.watch(B, FakeScreen(B), "bytes")
    watching.screens.take()
    figures = watching.screens.statistics()
    assert (figures.watched, figures.frames, figures.outputs, figures.repaints) == (2, 1, 1, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.booleans()), max_size=40))
def test_bytes_are_passed_on_whole_or_replaced_by_a_repaint(
    steps: list[tuple[bytes, bool]],
) -> None:
    """What the client got since the last repaint is what came since then, and it is bounded."""
    watching = Watching()
    source = FakeScreen(A)
    watching.screens.watch(A, source, "bytes")
    watching.screens.take()
    came, got = b"", b""
    for chunk, take in steps:
        source.output(chunk)
        came += chunk
        if take:
            for data in watching.data():
                assert len(data) <= 100
                got = came if data.startswith(b"<repaint") else got + data
            assert got == came


@settings(deadline=None)
@given(st.lists(st.sampled_from(["write", "tick", "take"]), max_size=80))
def test_no_more_frames_than_rounds_in_the_time_and_the_last_state_arrives(
    steps: list[str],
) -> None:
    watching = Watching()
    source = FakeScreen(A)
    watching.screens.watch(A, source, "frames")
    held = taken = 0
    for step in [*steps, "tick", "take"]:
        if step == "write":
            source.write("x")
        elif step == "tick":
            watching.clock.advance(0.1)
        else:
            for _, base, generation in watching.frames():
                assert base == held
                held = generation
                taken += 1
    assert held == source.generation
    assert taken <= watching.clock.monotonic() / 0.1 + 1 + 1e-6
