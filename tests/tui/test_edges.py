"""The edge between a list and the panel beside it, by mouse and by key."""

from __future__ import annotations

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import Hand, aboard

from quarterdeck.core.protocol import commands as c


def width(hand: Hand) -> int:
    found: int = hand.screen.left.region.width  # type: ignore[attr-defined]  # both screens have one
    return found


@pytest.mark.parametrize("screen", ["1", "2"])
async def test_the_edge_follows_the_mouse_and_stays_where_it_lets_go(
    busy: Crew, screen: str
) -> None:
    async with aboard(busy, (120, 30)) as hand:
        await hand.press(screen)
        start = width(hand)
        await hand.pilot.mouse_down(offset=(start - 1, 5))
        await hand.pilot.hover(offset=(start + 9, 7))
        await hand.settle()
        assert width(hand) == start + 10
        assert not hand.sent(c.SetPreference)
        await hand.pilot.hover(offset=(118, 7))
        await hand.settle()
        assert width(hand) == 80, "the panel keeps its room"
        await hand.pilot.mouse_up(offset=(start + 5, 7))
        await hand.settle()
        assert width(hand) == start + 6
        assert [(one.key, one.value) for one in hand.sent(c.SetPreference)] == [
            ("list_width", start + 6)
        ]
        assert not hand.screen.selections
        await hand.pilot.hover(offset=(60, 7))
        await hand.settle()
        assert width(hand) == start + 6
        await hand.press("greater_than_sign")
        assert width(hand) == start + 10


async def test_text_beside_the_edge_is_still_selected(busy: Crew) -> None:
    async with aboard(busy, (120, 30)) as hand:
        start = width(hand)
        await hand.pilot.mouse_down(offset=(start + 1, 2))
        await hand.pilot.hover(offset=(start + 12, 2))
        await hand.pilot.mouse_up(offset=(start + 12, 2))
        await hand.settle()
        assert hand.screen.selections
        assert width(hand) == start


async def test_a_width_from_a_larger_terminal_leaves_room_for_the_panel(busy: Crew) -> None:
    busy.preferences["list_width"] = 110
    async with aboard(busy, (80, 24)) as hand:
        assert width(hand) == 60
        assert hand.shows("$ hello from")
        await hand.press("2")
        assert width(hand) == 60
        await hand.pilot.resize_terminal(200, 60)
        await hand.settle()
        assert width(hand) == 110


async def test_another_screen_ends_the_dragging(busy: Crew) -> None:
    async with aboard(busy, (120, 30)) as hand:
        start = width(hand)
        await hand.pilot.mouse_down(offset=(start - 1, 5))
        await hand.pilot.hover(offset=(start + 9, 7))
        await hand.press("5")
        await hand.pilot.click(offset=(20, 3))
        assert hand.app.mouse_captured is None
        await hand.press("1")
        await hand.until(lambda: width(hand) == start)
        assert not hand.sent(c.SetPreference)
