"""What the line of keys says: the words of the choice, each key once; and what a resize costs."""

from __future__ import annotations

import pytest
from tests.tui.crew import Crew
from tests.tui.fleet import R, feature, task
from tests.tui.hand import aboard

from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.tui.screens.flows import FlowsScreen


@pytest.fixture
def gated(crew: Crew) -> Crew:
    """A workflow that waits for a person, with a history."""
    crew.add("worker")
    tasks = [
        task("test", status=R.COMPLETED),
        task("ship", "test", kind="approve", status=R.RUNNING),
    ]
    crew.fleet.gate(crew.fleet.add("release", tasks, age=300), "ship")
    return crew


async def test_a_gate_is_answered_with_its_own_words(gated: Crew) -> None:
    async with aboard(gated) as hand:
        await hand.press("n")
        assert hand.keys_line().startswith("y Release it  x Leave it  space peek  enter go there")
        await hand.press("2")
        assert hand.keys_line().startswith("y Release it  x Leave it  space peek")
        await hand.press("space")
        assert hand.shows("y Release it", "x Leave it")


async def test_an_agents_request_keeps_the_short_words(busy: Crew) -> None:
    async with aboard(busy) as hand:
        assert hand.keys_line().startswith("y allow once  A always  x reject  space peek")


async def test_no_key_is_named_twice(gated: Crew) -> None:
    async with aboard(gated, (120, 36)) as hand:
        await hand.press("2", "9")
        line = hand.keys_line()
        assert line.count("space ") == 1
        assert "space mark" in line
        await hand.press("escape")
        assert "space peek" in hand.keys_line()


async def test_a_graph_is_drawn_once_when_the_terminal_is_resized(crew: Crew) -> None:
    crew.fleet.add("feature", feature(crew.now()))
    async with aboard(crew, (100, 30)) as hand:
        await hand.press("2", "enter")
        assert isinstance(hand.screen, FlowsScreen)
        for size in ((160, 40), (90, 24), (201, 60)):
            before = len(hand.sent(w.DrawWorkflow))
            await hand.pilot.resize_terminal(*size)
            await hand.settle()
            graph = hand.screen.panel.graph.scrollable_content_region.width
            assert [sent.width for sent in hand.sent(w.DrawWorkflow)[before:]] == [graph]
            assert hand.screen.left.size.width == hand.screen.list_width
