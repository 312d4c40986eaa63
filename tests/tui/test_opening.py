"""The opening screen: the frame first, then the deck in the same places; no key lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.crew import Crew
from tests.tui.hand import AT_ONCE, Hand, dashboard
from textual import events
from textual.strip import Strip

from quarterdeck.core.base.errors import SystemFault
from quarterdeck.core.protocol import commands as c
from quarterdeck.tui.app import QuarterdeckApp
from quarterdeck.tui.model.cells import row_width
from quarterdeck.tui.model.frame import Hints, frame_rows, list_width
from quarterdeck.tui.opening import KEYS_KEPT
from quarterdeck.tui.outfit import Outfit
from quarterdeck.tui.screens.deck import DeckScreen

SIZES = ((80, 24), (81, 25), (120, 37), (200, 60), (250, 70))
HINTS = Hints(
    (("ctrl+r", "reconnect"), ("q", "quit")), ("?", "help"), (("1", "Deck"), ("2", "Log"))
)


class Yard:
    """Fits out when it is told to."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.asked = threading.Event()
        self.gate = threading.Event()
        self.fault: Exception | None = None

    def fit_out(self) -> Outfit:
        self.asked.set()
        assert self.gate.wait(10)
        if self.fault is not None:
            raise self.fault
        return Outfit(self.crew, pacing=AT_ONCE)


@asynccontextmanager
async def opening(
    crew: Crew, size: tuple[int, int] = (80, 24), **options: Any
) -> AsyncIterator[tuple[Hand, Yard]]:
    """The dashboard with its frame painted, and the yard where its outfit waits."""
    yard = Yard(crew)
    app = QuarterdeckApp(
        directory="/home/ann/shop", clock=crew.clock, fit_out=yard.fit_out, **options
    )
    async with app.run_test(size=size, notifications=False) as pilot:
        hand = Hand(crew, app, pilot)
        try:
            await hand.until(yard.asked.is_set)
            yield hand, yard
        finally:
            app.exit()
            yard.gate.set()


def cells(strips: list[Strip]) -> list[list[tuple[str, Any, Any, Any]]]:
    """Every cell with what can be seen of its style; a blank has no foreground."""
    return [
        [
            (
                character,
                style.color if style and character.strip() else None,
                style.bgcolor if style else None,
                bool(style and style.bold) and bool(character.strip()),
            )
            for text, style, _ in strip
            for character in text
        ]
        for strip in strips
    ]


async def empty_deck(size: tuple[int, int], *, minimal: bool) -> list[list[Any]]:
    """The deck before the engine has answered."""
    crew = Crew()
    never = asyncio.Event()

    async def connect() -> Any:
        await never.wait()

    crew.connect = connect  # type: ignore[method-assign]  # an engine that takes its time
    app = dashboard(crew, minimal=minimal)
    async with app.run_test(size=size) as pilot:
        hand = Hand(crew, app, pilot)
        await hand.settle()
        return cells(hand.screen._compositor.render_strips())


@pytest.mark.parametrize("minimal", [False, True], ids=["whole", "minimal"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_frame_is_what_the_deck_shows_first_cell_by_cell(
    crew: Crew, size: tuple[int, int], minimal: bool
) -> None:
    async with opening(crew, size, minimal=minimal) as (hand, _):
        frame = cells(hand.screen._compositor.render_strips())
    assert frame == await empty_deck(size, minimal=minimal)


@pytest.mark.parametrize("size", [(79, 24), (80, 23), (20, 5), (7, 2)])
async def test_where_there_is_no_room_the_frame_says_so(crew: Crew, size: tuple[int, int]) -> None:
    async with opening(crew, size) as (hand, yard):
        assert not hand.shows("SESSIONS")
        assert size[0] < 20 or hand.shows("Quarterdeck needs")
        yard.gate.set()
        await hand.until(lambda: hand.app.opened)


async def test_the_frame_follows_the_terminals_size(crew: Crew) -> None:
    async with opening(crew) as (hand, _):
        await hand.pilot.resize_terminal(140, 40)
        await hand.until(lambda: len(hand.lines()[1]) == 140)
        assert len(hand.lines()) == 40


@given(st.integers(1, 300), st.integers(1, 100), st.booleans())
def test_a_frame_of_any_size_fills_it(width: int, height: int, minimal: bool) -> None:
    rows = frame_rows(HINTS, width, height, minimal=minimal)
    assert len(rows) == height
    if (width, height) >= (80, 24) and height >= 24:
        assert {row_width(row) for row in rows} == {width}


@given(st.integers(80, 400), st.integers(80, 400))
def test_the_list_grows_with_the_terminal_and_leaves_the_session_its_room(
    width: int, other: int
) -> None:
    assert list_width(0, min(width, other)) <= list_width(0, max(width, other))
    assert 34 <= list_width(0, width) <= 60
    assert width - list_width(0, width) >= 46
    assert list_width(50, width) == 50


# ---- what was pressed meanwhile


async def test_keys_pressed_before_the_deck_is_there_are_carried_out_in_order(busy: Crew) -> None:
    async with opening(busy) as (hand, yard):
        for key in ("tab", "j", "5"):
            hand._press(key)
        await hand.pilot._wait_for_screen()
        assert hand.shows("Reaching the engine…")
        yard.gate.set()
        await hand.until(lambda: hand.app.opened)
        await hand.until(lambda: hand.app.current_mode == "log")
        assert hand.deck.attention.has_focus


async def test_q_pressed_first_of_all_leaves(crew: Crew) -> None:
    crew.host = False
    async with opening(crew) as (hand, yard):
        hand._press("q")
        yard.gate.set()
        await hand.until(lambda: hand.app._exit or hand.shows("Leave"))


async def test_no_more_keys_are_kept_than_anyone_means(crew: Crew) -> None:
    async with opening(crew) as (hand, _):
        for _ in range(KEYS_KEPT * 2):
            hand._press("j")
        await hand.until(lambda: len(hand.app._early or ()) == KEYS_KEPT)


async def test_only_what_was_typed_is_kept(crew: Crew) -> None:
    async with opening(crew) as (hand, yard):
        hand.app.post_message(events.AppBlur())
        hand.app.post_message(events.AppFocus())
        hand.app.post_message(events.Paste("text"))
        await hand.pilot._wait_for_screen()
        assert [type(stroke.event) for stroke in hand.app._early or ()] == [events.Paste]
        yard.gate.set()
        await hand.until(lambda: hand.app.opened)


# ---- then the rest


async def test_the_engine_is_reached_for_once_the_outfit_is_there(busy: Crew) -> None:
    async with opening(busy) as (hand, yard):
        assert not hand.app.opened
        assert busy.connects == 0
        yard.gate.set()
        await hand.until(lambda: hand.app.opened and hand.bridge.ready)
        assert isinstance(hand.screen, DeckScreen)
        assert hand.shows("fix-login")
        assert busy.connects == 1
        assert not hand.sent(c.CreateSession)


async def test_a_fault_of_the_outfit_ends_the_app_and_is_kept(crew: Crew) -> None:
    async with opening(crew) as (hand, yard):
        yard.fault = SystemFault("The settings are faulty.")
        yard.gate.set()
        await hand.until(lambda: hand.app._exit)
        assert hand.app.fault is yard.fault
        assert hand.app.return_code == 1
        assert crew.connects == 0


async def test_an_app_that_ends_before_it_is_fitted_out_leaves_nothing_behind(crew: Crew) -> None:
    async with opening(crew) as (hand, _):
        hand.app.exit()
    assert crew.connects == 0


# ---- lean

ROOT = Path(__file__).resolve().parents[2]
FIRST = {
    "core", "core.base", "core.base.clock", "tui", "tui.app", "tui.host", "tui.keys",
    "tui.keys.actions", "tui.keys.gate", "tui.keys.names", "tui.keys.splitter",
    "tui.keys.strokes", "tui.model", "tui.model.cells", "tui.model.frame", "tui.opening",
    "tui.outfit", "tui.pace", "tui.screens", "tui.screens.modes", "tui.widgets", "tui.widgets.frame",
}  # fmt: skip


def test_the_frame_needs_these_modules_and_no_library_but_textual() -> None:
    program = "import sys, quarterdeck.tui.app\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    ours = {name.removeprefix("quarterdeck.") for name in loaded if name.startswith("quarterdeck.")}
    assert ours == FIRST
    assert not loaded & {"pydantic", "ulid", "tomlkit", "typer", "quarterdeck.cli.connector"}
