"""The form for a new session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.tui.crew import Crew, agent
from tests.tui.hand import Hand, aboard

from quarterdeck.core.base.errors import Category, ErrorInfo
from quarterdeck.core.protocol import commands as c
from quarterdeck.tui.dialogs.create import CreateDialog, field_of, in_order


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory to work in."""
    for name in ("shop", "shop/cart", "site"):
        (tmp_path / name).mkdir()
    return tmp_path / "shop"


def form(hand: Hand) -> CreateDialog:
    assert isinstance(hand.screen, CreateDialog)
    return hand.screen


def created(hand: Hand) -> list[c.CreateSession]:
    found: list[c.CreateSession] = hand.sent(c.CreateSession)
    return found


async def submit(hand: Hand) -> None:
    """Press enter, and wait until the form has an answer."""
    await hand.press("enter")
    await hand.until(lambda: not isinstance(hand.screen, CreateDialog) or not hand.screen._sending)


def test_agents_that_are_there_come_first_then_practice_then_the_missing() -> None:
    agents = [agent("a", found=False), agent("p", practice=True), agent("b"), agent("c")]
    assert [one.name for one in in_order(agents)] == ["b", "c", "p", "a"]


@pytest.mark.parametrize(
    ("code", "details", "field"),
    [
        ("name_taken", {}, "name"),
        ("name_too_long", {"field": "name"}, "name"),
        ("directory_missing", {}, "directory"),
        ("agent_unknown", {}, "agent"),
        ("agent_unavailable", {}, "agent"),
        ("field_invalid", {"field": "cwd"}, "directory"),
        ("session_limit", {}, ""),
    ],
)
def test_errors_belong_to_fields(code: str, details: dict[str, Any], field: str) -> None:
    error = ErrorInfo(code=code, category=Category.BUSINESS, message="m", details=details)
    assert field_of(error) == field


async def test_the_form_is_filled_in_and_enter_creates(crew: Crew, shop: Path) -> None:
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c")
        assert hand.shows("Create a session", "claude", "/usr/bin/claude", "practice, needs no key",
                          "not found on PATH", "enter create")  # fmt: skip
        await submit(hand)
        assert [(one.name, one.agent, one.cwd, one.prompt) for one in created(hand)] == [
            ("claude", "claude", str(shop), None)
        ]
        assert (created(hand)[0].cols, created(hand)[0].lines) == (78, 20)
        assert hand.screen is hand.deck
        assert hand.current() == "claude"


async def test_agents_are_chosen_by_key_or_click_and_missing_ones_are_not(
    crew: Crew, shop: Path
) -> None:
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c", "j", "down", "k")
        assert form(hand).agent == "codex"
        await hand.press("down", "down", "down", "down", "down")
        assert form(hand).agent == "practice-asker"
        await hand.pilot.click("#create-agents", offset=(4, 5))
        await hand.settle()
        assert form(hand).agent == "practice-asker"
        await hand.pilot.click("#create-agents", offset=(4, 2))
        await hand.settle()
        assert form(hand).agent == "shell"
        await submit(hand)
        assert created(hand)[0].agent == "shell"


async def test_the_agent_chosen_last_is_offered_first(crew: Crew, shop: Path) -> None:
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c", "j")
        await submit(hand)
        assert crew.preferences["last_agent"] == "codex"
        await hand.press("c")
        assert form(hand).agent == "codex"
        assert form(hand).prompt.has_focus


async def test_the_name_follows_the_prompt_until_it_is_written(crew: Crew, shop: Path) -> None:
    crew.add("fix-login")
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c", "tab", "tab")
        await hand.write("Fix the login")
        assert form(hand).name_field.value == "fix-login-2"
        await hand.press("tab")
        await hand.write("x")
        await hand.press("shift+tab")
        await hand.write(" now")
        assert form(hand).name_field.value == "fix-login-2x"
        await submit(hand)
        assert (created(hand)[0].name, created(hand)[0].prompt) == (
            "fix-login-2x",
            "Fix the login now",
        )


async def test_a_prompt_of_several_lines_is_created_by_enter(crew: Crew, shop: Path) -> None:
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c", "tab", "tab", "a", "alt+enter", "b")
        await submit(hand)
        assert created(hand)[0].prompt == "a\nb"


async def test_a_directory_is_completed_by_tab(crew: Crew, shop: Path) -> None:
    async with aboard(crew, directory=str(shop.parent)) as hand:
        await hand.press("c", "tab")
        form(hand).directory.value = ""
        await hand.press("s", "i")
        await hand.until(lambda: form(hand).directory._suggestion == "site/")
        await hand.press("tab")
        assert form(hand).directory.value == "site/"
        assert form(hand).directory.has_focus
        await hand.press("tab")
        assert form(hand).prompt.has_focus
        await submit(hand)
        assert created(hand)[0].cwd == str(shop.parent / "site")


async def test_a_directory_that_is_not_there_is_told_at_its_field(crew: Crew, shop: Path) -> None:
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c")
        form(hand).directory.value = "nowhere"
        await submit(hand)
        assert created(hand) == []
        assert hand.shows("There is no directory")
        assert form(hand).directory.has_focus
        await hand.press("backspace")
        assert not hand.shows("There is no directory")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "A session needs a name."),
        ("a/b", "A name is made of letters"),
        ("x" * 51, "A name has at most 50 characters"),
    ],
)
async def test_a_name_that_can_not_be_is_told_before_it_is_sent(
    crew: Crew, shop: Path, name: str, said: str
) -> None:
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c")
        form(hand).name_field.value = name
        await submit(hand)
        assert created(hand) == []
        assert hand.shows(said)
        assert form(hand).name_field.has_focus


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("name_taken", "create-name"),
        ("directory_missing", "create-directory"),
        ("agent_unknown", "create-agents"),
    ],
)
async def test_what_the_engine_refuses_is_told_at_its_field(
    crew: Crew, shop: Path, code: str, field: str
) -> None:
    crew.refuse("session.create", code, "That can not be.")
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c")
        await submit(hand)
        assert hand.shows("That can not be.")
        assert hand.app.focused is not None
        assert hand.app.focused.id == field
        crew.refusals.clear()
        await submit(hand)
        assert len(created(hand)) == 2
        assert hand.screen is hand.deck


async def test_an_error_of_no_field_stands_under_the_form(crew: Crew, shop: Path) -> None:
    crew.refuse("session.create", "session_limit", "Ten sessions run already.")
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c")
        await submit(hand)
        assert hand.shows("Ten sessions run already.")


async def test_a_long_error_leaves_the_keys_in_sight_at_80x24(crew: Crew, shop: Path) -> None:
    crew.agents = tuple(agent(f"agent-{number}") for number in range(9))
    full = (
        "The disk that holds /home/ann/.local/state/quarterdeck/quarterdeck.db is full. Nothing that "
        "was acknowledged is lost; free some space, and the store takes changes again by itself."
    )
    crew.refuse("session.create", "store_full", full)
    async with aboard(crew, (80, 24), directory=str(shop)) as hand:
        await hand.press("c")
        await submit(hand)
        assert hand.shows(
            "The disk that holds", "again by itself.", "enter create", "in a git worktree"
        )
        assert hand.shows("agent-0")
        crew.refusals.clear()
        await submit(hand)
        assert len(created(hand)) == 2


async def test_enter_twice_creates_one(crew: Crew, shop: Path) -> None:
    crew.held.add("session.create")
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c", "enter")
        await hand.until(lambda: created(hand))
        await hand.press("enter", "enter")
        crew.answer_held()
        await hand.until(lambda: hand.screen is hand.deck)
        assert len(created(hand)) == 1


async def test_a_form_given_up_creates_nothing(crew: Crew, shop: Path) -> None:
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c", "escape")
        assert hand.screen is hand.deck
        assert created(hand) == []


async def test_a_refusal_after_the_form_was_left_is_still_told(crew: Crew, shop: Path) -> None:
    crew.held.add("session.create")
    crew.refuse("session.create", "name_taken", "There is one already.")
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c", "enter")
        await hand.until(lambda: crew.waiting)
        await hand.press("escape")
        crew.answer_held()
        await hand.until(lambda: hand.toasts() == ["There is one already."])


async def test_without_any_agent_the_form_says_what_to_do(crew: Crew, shop: Path) -> None:
    crew.agents = (agent("claude", found=False),)
    async with aboard(crew, directory=str(shop)) as hand:
        await hand.press("c")
        assert hand.shows("No agent was found on PATH; install one and start again.")
        await submit(hand)
        assert created(hand) == []
        assert hand.shows("Choose an agent.")
