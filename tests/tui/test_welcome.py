"""Welcoming a person at the first start."""

from __future__ import annotations

import pytest
from tests.tui.crew import Crew, agent
from tests.tui.hand import aboard

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.status import Activity


@pytest.fixture
def new(crew: Crew) -> Crew:
    """The first start."""
    crew.preferences.clear()
    return crew


async def test_the_first_start_lists_the_agents_that_are_there(new: Crew) -> None:
    async with aboard(new) as hand:
        assert hand.shows("Welcome aboard", "2 agents found on PATH:", "/usr/bin/claude",
                          "not found on PATH", "s shell", "p practice crew", "esc look around")  # fmt: skip
        assert not hand.shows("practice-approver")
        await hand.press("escape")
        assert new.preferences["welcomed"] is True
        assert hand.screen is hand.deck


async def test_the_welcome_is_shown_once(crew: Crew) -> None:
    async with aboard(crew) as hand:
        assert not hand.shows("Welcome aboard")


async def test_whoever_has_sessions_needs_no_welcome(busy: Crew) -> None:
    busy.preferences.clear()
    async with aboard(busy) as hand:
        assert not hand.shows("Welcome aboard")


async def test_the_welcome_leads_to_the_form(new: Crew) -> None:
    async with aboard(new) as hand:
        await hand.press("j", "k", "j", "enter")
        assert hand.shows("Create a session")
        assert hand.screen.agent == "codex"  # type: ignore[attr-defined]


async def test_an_agent_is_clicked_twice_for_the_form(new: Crew) -> None:
    async with aboard(new) as hand:
        await hand.pilot.click("#welcome-agents", offset=(4, 1), times=2)
        await hand.settle()
        assert hand.shows("Create a session")


async def test_the_welcome_starts_a_shell(new: Crew) -> None:
    async with aboard(new) as hand:
        await hand.press("s")
        sent = hand.sent(c.CreateSession)
        assert [(one.name, one.agent, one.cwd) for one in sent] == [
            ("shell", "shell", "/home/ann/shop")
        ]
        assert hand.current() == "shell"


async def test_the_welcome_musters_the_practice_crew(new: Crew) -> None:
    async with aboard(new) as hand:
        await hand.press("p")
        sent = hand.sent(c.CreateSession)
        assert [(one.name, one.agent) for one in sent] == [
            ("approver", "practice-approver"),
            ("asker", "practice-asker"),
        ]
        assert {(one.cols, one.lines) for one in sent} == {(78, 20)}


async def test_without_any_agent_the_welcome_still_offers_practice(new: Crew) -> None:
    new.agents = (agent("claude", found=False), agent("practice-asker", practice=True))
    async with aboard(new) as hand:
        assert hand.shows("No agent found on PATH:")
        assert not hand.shows("start with it")
        assert not hand.shows("s shell")
        await hand.press("enter", "s")
        assert hand.shows("Welcome aboard")
        await hand.press("p")
        assert len(hand.sent(c.CreateSession)) == 1


async def test_a_session_made_elsewhere_does_not_close_the_welcome(new: Crew) -> None:
    async with aboard(new) as hand:
        new.create("from the command line", activity=Activity.WORKING)
        await hand.settle()
        assert hand.shows("Welcome aboard")
