"""Lines that stay the same are given again; whatever changes them makes them anew."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.crew import Crew
from tests.tui.hand import Hand, aboard
from textual import _ansi_sequences
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Region

from quarterdeck.tui.keys import driver
from quarterdeck.tui.widgets.lines import runs


def lines_of(hand: Hand, name: str) -> list[Any]:
    widget = hand.widget(f"#{name}")
    return widget.render_lines(Region(0, 0, *widget.region.size))


async def test_what_is_not_dirty_gives_the_same_lines(busy: Crew) -> None:
    async with aboard(busy, (120, 30)) as hand:
        for name in ("sessions", "terminal", "left", "middle", "status-line"):
            assert lines_of(hand, name) is lines_of(hand, name)


async def test_a_step_leaves_all_but_the_list_as_it_is(busy: Crew) -> None:
    async with aboard(busy, (120, 30)) as hand:
        before = {name: lines_of(hand, name) for name in ("sessions", "attention", "left")}
        hand.deck.sessions.point(2)
        assert lines_of(hand, "attention") is before["attention"]
        assert lines_of(hand, "left") is before["left"]
        assert lines_of(hand, "sessions") != before["sessions"]


async def test_theme_size_and_focus_make_them_anew(busy: Crew) -> None:
    async with aboard(busy, (120, 30)) as hand:
        before = lines_of(hand, "sessions")
        hand.app.theme = "textual-light"
        await hand.settle()
        light = lines_of(hand, "sessions")
        assert light != before
        await hand.press("tab")
        away = lines_of(hand, "sessions")
        assert away != light, "the cursor of a list without the focus looks different"
        await hand.press(">")
        assert lines_of(hand, "sessions") != away


@given(st.sets(st.integers(0, 40), min_size=1))
def test_runs_of_lines_cover_them_all_and_no_other(numbers: set[int]) -> None:
    found = list(runs(sorted(numbers)))
    covered = [y for start, count in found for y in range(start, start + count)]
    assert covered == sorted(numbers)
    assert all(later[0] > first[0] + first[1] for first, later in itertools.pairwise(found))


def test_a_frame_goes_to_the_terminal_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (driver.FRAME, driver.FRAME_ENDS) == (
        _ansi_sequences.SYNC_START, _ansi_sequences.SYNC_END,
    )  # fmt: skip
    written: list[str] = []
    monkeypatch.setattr(LinuxDriver, "write", lambda _self, data: written.append(data))
    one = object.__new__(driver.StrokeDriver)
    one._frame = []
    for data in ("bell", driver.FRAME, "picture", driver.FRAME_ENDS, "title"):
        one.write(data)
    assert written == ["bell", f"{driver.FRAME}picture{driver.FRAME_ENDS}", "title"]
