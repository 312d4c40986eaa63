"""The cursor moves at once and alone; everything else follows when it rests, or when it matters."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import AT_ONCE, Hand, aboard
from textual import events

import quarterdeck.tui as room
from quarterdeck.core.protocol.wire import KeyInput

SLOW = replace(AT_ONCE, rest=60.0)
"""Nothing follows unless it must."""
SOON = replace(AT_ONCE, rest=0.01)


def painted(hand: Hand) -> dict[str, list[int]]:
    """Which lines of which widgets are painted from now on."""
    found: dict[str, list[int]] = {}

    def watch(name: str, widget: Any) -> None:
        paint = widget.render_line

        def note(y: int) -> Any:
            found.setdefault(name, []).append(y)
            return paint(y)

        widget.render_line = note

    for name in ("sessions", "attention", "terminal", "panel-top", "status-line", "key-line"):
        watch(name, hand.widget(f"#{name}"))
    return found


def cursor_row(hand: Hand) -> str:
    """What the row under the cursor says."""
    sessions = hand.deck.sessions
    assert sessions.cursor is not None
    return str(sessions.rows[sessions.cursor].name)


async def test_a_step_paints_two_lines_of_the_list_and_nothing_else(busy: Crew) -> None:
    async with aboard(busy, (120, 30), pacing=SLOW) as hand:
        lines = painted(hand)
        await hand.press("j")
        assert set(lines) == {"sessions"}
        assert len(set(lines["sessions"])) == 2
        assert cursor_row(hand) == "add-tests"
        assert hand.shows("─ fix-login")


async def test_when_the_cursor_rests_the_panel_and_the_hints_follow(busy: Crew) -> None:
    async with aboard(busy, (120, 30), pacing=SOON) as hand:
        await hand.press("j")
        await hand.until(lambda: hand.shows("─ add-tests", "$ hello from add-tests"))
        assert not hand.bridge.stepping


async def test_a_held_key_moves_the_cursor_and_leaves_the_rest(busy: Crew) -> None:
    async with aboard(busy, (120, 30), pacing=SLOW) as hand:
        lines = painted(hand)
        await hand.hold("j", 3)
        assert set(lines) == {"sessions"}
        assert hand.current() == cursor_row(hand) != "fix-login"
        assert hand.bridge.stepping


@pytest.mark.parametrize("key", ["space", "i", "enter", "c", "S"])
async def test_what_is_done_after_a_step_is_done_to_what_is_then_shown(
    busy: Crew, key: str
) -> None:
    async with aboard(busy, (120, 30), pacing=SLOW) as hand:
        await hand.press("j", key)
        assert not hand.bridge.stepping
        assert hand.current() == "add-tests"
        assert hand.deck.panel.top.row[1].text == "add-tests"


async def test_typing_right_after_a_step_reaches_the_session_under_the_cursor(busy: Crew) -> None:
    async with aboard(busy, (120, 30), pacing=SLOW) as hand:
        await hand.press("j", "enter", "x")
        sent = [one for one in busy.inputs if isinstance(one, KeyInput)]
        names = [busy.sessions[one.session_id].name for one in sent]
        assert names == ["add-tests"]


async def test_news_of_the_engine_let_everything_follow(busy: Crew) -> None:
    async with aboard(busy, (120, 30), pacing=SLOW) as hand:
        await hand.press("j")
        hand.bridge.flush()
        await hand.settle()
        assert not hand.bridge.stepping
        assert hand.shows("─ add-tests")


async def test_leaving_while_the_cursor_moves_leaves_no_timer(busy: Crew) -> None:
    async with aboard(busy, pacing=SLOW) as hand:
        await hand.press("j")
        app = hand.app
    assert not app.bridge.stepping


async def test_keys_of_a_list_go_straight_to_the_main_screen(busy: Crew) -> None:
    async with aboard(busy) as hand:
        seen: list[events.Key] = []
        middle: Any = hand.deck.middle
        middle.on_key = seen.append
        await hand.press("j")
        assert hand.current() == "add-tests"
        assert not seen


async def test_the_last_picture_stays_until_the_next_one_has_come(busy: Crew) -> None:
    pacing = replace(AT_ONCE, frame=20.0)
    async with aboard(busy, (120, 30), pacing=pacing) as hand:
        await hand.until(lambda: hand.shows("$ hello from fix-login"))
        terminal = hand.deck.terminal
        busy.screens.clear()
        await hand.press("j")
        assert terminal.waiting
        assert not hand.shows("Waiting for its first picture.")
        terminal._blank._run()
        await hand.settle()
        assert hand.shows("Waiting for its first picture.")


def test_textual_paints_a_key_without_waiting_and_sessions_do_not_inherit_it() -> None:
    assert room.NAME not in os.environ or os.environ[room.NAME] != room.REPAINTS
