"""Screens: frames, watchers, taps, and a parser that fails or is cut off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig, until

from quarterdeck.core.protocol.screen import Row, ScreenFrame
from quarterdeck.core.sessions.keeper.items import Lost, Output, Stream
from quarterdeck.core.sessions.screen import SessionScreen
from quarterdeck.core.sessions.terminal.factory import open_emulator


class Front:
    """A front end that holds a screen by applying frames."""

    def __init__(self, screen: SessionScreen) -> None:
        self.screen = screen
        self.generation = 0
        self.rows: dict[int, Row] = {}
        self.last: ScreenFrame | None = None

    def catch_up(self) -> ScreenFrame | None:
        frame = self.screen.frame(self.generation)
        if frame is not None:
            assert frame.base == self.generation
            assert frame.generation > self.generation
            self.rows = dict(frame.rows) if frame.full else {**self.rows, **frame.rows}
            self.generation, self.last = frame.generation, frame
        return frame

    def truth(self) -> dict[int, Row]:
        emulator = self.screen.emulator
        return {y: emulator.row(y) for y in range(emulator.rows)}


def blank(cols: int = 20, lines: int = 5) -> SessionScreen:
    return SessionScreen("S", open_emulator(cols, lines))


STEPS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"word ",
                b"\r\n",
                b"\x1b[2J",
                b"\x1b[H",
                b"\x1b[3;4Hxy",
                b"\x1b[?1049h",
                b"\x1b[?1049l",
            ]
        ),
        st.sampled_from(["look", "replace", "resize", "end"]),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(steps=STEPS)
def test_frames_always_add_up_to_the_screen(steps: list[bytes | str]) -> None:
    screen = blank()
    front = Front(screen)
    for step in steps:
        if isinstance(step, bytes):
            screen.feed(step)
        elif step == "replace":
            screen.replace(open_emulator(20, 5))
        elif step == "resize":
            screen.resize(19 if screen.emulator.cols == 20 else 20, 5)
        elif step == "end":
            screen.end()
        else:
            front.catch_up()
    front.catch_up()
    assert front.rows == front.truth()
    assert front.catch_up() is None


def test_a_frame_without_change_is_none_and_the_first_is_whole() -> None:
    screen = blank()
    first = screen.frame(0)
    assert first is not None
    assert first.full
    assert sorted(first.rows) == [0, 1, 2, 3, 4]
    assert screen.frame(first.generation) is None
    screen.feed(b"\x1b[2;1Hx")
    second = screen.frame(first.generation)
    assert second is not None
    assert not second.full
    assert 1 in second.rows
    assert len(second.rows) < 5


def test_a_generation_from_nowhere_gets_the_whole_screen() -> None:
    screen = blank()
    frame = screen.frame(10_000)
    assert frame is not None
    assert frame.full


def test_watchers_and_taps_hear_until_they_are_released() -> None:
    screen = blank()
    changes: list[int] = []
    taken: list[tuple[bytes, bool]] = []
    unwatch = screen.watch(lambda: changes.append(1))
    untap = screen.tap(lambda data, ended: taken.append((data, ended)))
    screen.feed(b"a")
    screen.end()
    assert taken == [(b"a", False), (b"", True)]
    assert len(changes) == 2
    late: list[tuple[bytes, bool]] = []
    screen.tap(lambda data, ended: late.append((data, ended)))
    assert late == [(b"", True)], "it is over already"
    unwatch()
    untap()
    unwatch()
    screen.feed(b"b")
    assert len(changes) == 2
    assert len(taken) == 2


def test_a_watcher_that_releases_itself_disturbs_nobody() -> None:
    screen = blank()
    heard: list[str] = []

    def once() -> None:
        heard.append("once")
        release()

    release = screen.watch(once)
    screen.watch(lambda: heard.append("always"))
    screen.feed(b"a")
    screen.feed(b"b")
    assert heard == ["once", "always", "always"]


def test_a_repaint_makes_another_terminal_show_the_same() -> None:
    screen = blank()
    screen.feed(b"\x1b[1;31mred\x1b[0m\r\nplain\x1b[4;7H\x1b[?25l")
    other = open_emulator(20, 5)
    other.feed(screen.repaint())
    assert [other.row(y) for y in range(5)] == [screen.emulator.row(y) for y in range(5)]
    assert other.cursor == screen.emulator.cursor


async def test_generations_grow_across_a_restart(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create()
    front = Front(faked.session("one").screen)
    keepers.latest().write("first run")
    await faked.until_text("first run")
    front.catch_up()
    before = front.generation
    await faked.restart()
    keepers.latest().write("second")
    await faked.until_text("second")
    frame = front.catch_up()
    assert frame is not None
    assert frame.full
    assert frame.generation > before
    assert front.rows == front.truth()


async def test_an_open_frame_is_shown_to_watchers_when_its_time_is_over(
    faked: Rig, keepers: FakeKeepers
) -> None:
    await faked.create()
    screen = faked.session("one").screen
    keepers.latest().write("\x1b[?2026hhalf a frame")
    front = Front(screen)
    shown: list[str] = []
    screen.watch(lambda: shown.append("".join(screen.emulator.lines())))
    await until(lambda: any("half a frame" in text for text in shown))
    front.catch_up()
    assert front.rows == front.truth()


async def test_a_screen_that_fails_is_drawn_anew_and_the_session_goes_on(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await faked.create()
    session, keeper = faked.session("one"), keepers.latest()

    def broken(data: bytes) -> None:
        raise ValueError("a parser's bug")

    monkeypatch.setattr(session.screen.emulator, "feed", broken)
    keeper.write("swallowed")
    await until(lambda: len(keeper.sizes) >= 3)  # it is asked to draw anew
    keeper.write("\x1b[2J\x1b[Hdrawn anew")
    await faked.until_text("drawn anew")
    assert session.offset == keeper.end
    assert session.living


async def test_a_size_that_no_terminal_has_does_not_stop_the_reading(
    faked: Rig, keepers: FakeKeepers
) -> None:
    await faked.create()
    keepers.latest().resized(5000, 3)
    keepers.latest().write("still here")
    await faked.until_text("still here")


async def test_a_pump_that_fails_makes_a_new_link(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await faked.create()
    session, keeper = faked.session("one"), keepers.latest()

    def broken(*_: Any) -> None:
        raise RuntimeError("a listener's bug")

    with monkeypatch.context() as patch:
        patch.setattr(session, "on_output", broken)
        first = keeper.link
        keeper.write("it fails here; ")
        await until(lambda: keeper.link is not None and keeper.link is not first)
    keeper.write("read again")
    await faked.until_text("read again")


async def test_a_flood_leaves_the_loop_its_turns(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create()
    line = b"\x1b[32mINFO\x1b[0m something happened somewhere to somebody\r\n"
    keepers.latest().write(line * 20_000)
    turns = 0
    while faked.session("one").offset < keepers.latest().end:
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20


async def test_a_drain_returns_when_the_run_is_over(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create()
    session, keeper = faked.session("one"), keepers.latest()
    assert session.run is not None
    run = session.run
    keeper.end += 10  # never written
    draining = asyncio.create_task(run.drain(10))
    await asyncio.sleep(0)
    await run.close()
    await asyncio.wait_for(draining, 60)


async def test_a_drain_of_an_endless_writer_gives_up(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create()
    run = faked.session("one").run
    assert run is not None
    keepers.latest().end += 10
    with pytest.raises(TimeoutError):
        await run.drain(0.01)


async def test_lost_output_and_what_follows_it_in_one_go(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create()
    keeper = keepers.latest()
    assert keeper.link is not None
    keeper.write("before")
    await faked.until_text("before")
    keeper.end = 100
    keeper.link.push(Lost(100))
    keeper.link.push(Output(100, Stream.OUT, b"after"))
    await faked.until_text("after")
    assert "before" not in faked.text("one")
    assert faked.session("one").offset == 105
