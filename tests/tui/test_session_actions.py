"""Starting, stopping, removing, prompting; what destroys work asks for a second, different key."""

from __future__ import annotations

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import aboard

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.status import Activity, Lifecycle

DESTRUCTIVE: list[tuple[str, type[c.OnSession], str]] = [
    ("S", c.StopAgent, "Stop"),
    ("r", c.RestartAgent, "Restart"),
    ("D", c.DeleteSession, "Delete"),
]


@pytest.mark.parametrize(("key", "command", "verb"), DESTRUCTIVE)
async def test_destruction_asks_and_a_second_key_confirms(
    busy: Crew, key: str, command: type[c.OnSession], verb: str
) -> None:
    async with aboard(busy) as hand:
        await hand.press(key)
        assert hand.shows(
            f"{verb} fix-login?", "It waits for an approval.", f"y yes, {verb.lower()} it"
        )
        assert hand.sent(command) == []
        await hand.press("y")
        assert [sent.session_id for sent in hand.sent(command)] == [next(iter(busy.screens))]
        assert hand.screen is hand.deck
        assert not hand.sent(c.Answer)


@pytest.mark.parametrize(("key", "command", "verb"), DESTRUCTIVE)
async def test_a_held_key_never_confirms(
    busy: Crew, key: str, command: type[c.OnSession], verb: str
) -> None:
    async with aboard(busy) as hand:
        await hand.hold(key, 20)
        assert hand.sent(command) == []
        assert hand.shows(f"{verb} fix-login?")
        await hand.press(key)
        assert hand.sent(command) == []


@pytest.mark.parametrize(("key", "command", "verb"), DESTRUCTIVE)
@pytest.mark.parametrize("no", ["escape", "n"])
async def test_destruction_can_be_thought_over(
    busy: Crew, key: str, command: type[c.OnSession], verb: str, no: str
) -> None:
    async with aboard(busy) as hand:
        await hand.press(key, no)
        assert hand.sent(command) == []
        assert hand.screen is hand.deck


async def test_a_held_y_from_before_does_not_confirm(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("j")
        await hand.hold("y", 3)
        hand._press("S")
        await hand.settle()
        hand._press("y")
        await hand.settle()
        assert hand.sent(c.StopAgent) == []
        await hand.press("y")
        assert len(hand.sent(c.StopAgent)) == 1


async def test_the_second_key_differs_even_if_the_first_was_chosen_by_the_user(busy: Crew) -> None:
    keys = {"agent.stop": "y", "answer.allow_once": "ctrl+y"}
    async with aboard(busy, keys=keys) as hand:
        await hand.press("y", "y")
        assert hand.sent(c.StopAgent) == []
        assert hand.shows("o yes, stop it")
        await hand.press("o")
        assert hand.sent(c.StopAgent)


async def test_a_confirmation_can_be_clicked(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("S")
        line = next(n for n, text in enumerate(hand.lines()) if "yes, stop it" in text)
        await hand.pilot.click(offset=(hand.lines()[line].index("yes, stop it"), line))
        await hand.settle()
        assert hand.sent(c.StopAgent)


async def test_a_working_session_is_called_so(crew: Crew) -> None:
    crew.add("busy", activity=Activity.WORKING)
    async with aboard(crew) as hand:
        await hand.press("D")
        assert hand.shows("It is working. It leaves the list")
        await hand.press("y")
        assert [sent.force for sent in hand.sent(c.DeleteSession)] == [True]
        assert hand.shows("No session yet.")


async def test_an_ended_session_is_deleted_without_force_and_restarted_without_asking(
    busy: Crew,
) -> None:
    async with aboard(busy) as hand:
        await hand.press("j", "j", "D", "y")
        assert [sent.force for sent in hand.sent(c.DeleteSession)] == [False]
    async with aboard(busy) as hand:
        old = busy.add("old", lifecycle=Lifecycle.EXITED)
        hand.bridge.deck.view.sessions[old.id] = old
        hand.bridge.deck.select_session(old.id)
        await hand.press("r")
        assert [sent.session_id for sent in hand.sent(c.RestartAgent)] == [old.id]


async def test_a_session_deleted_while_the_question_stands_is_left_alone(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("S")
        busy.delete(next(iter(busy.sessions.values())))
        await hand.settle()
        await hand.press("y")
        assert hand.sent(c.StopAgent) == []


async def test_s_starts_and_r_upper_resumes(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("j", "j", "s")
        assert [(sent.resume) for sent in hand.sent(c.StartAgent)] == [False]
        assert hand.toasts() == ["Starting old."]
        assert hand.shows("▸ old", "working")
    busy.commands.clear()
    old = next(s for s in busy.sessions.values() if s.name == "old")
    busy.sessions[old.id] = old.model_copy(update={"lifecycle": Lifecycle.LOST})
    async with aboard(busy) as hand:
        await hand.press("j", "j", "R")
        assert [(sent.resume) for sent in hand.sent(c.StartAgent)] == [True]


async def test_keys_that_do_not_fit_say_why(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("s", "R")
        assert hand.toasts() == ["fix-login is running already."]
        await hand.press("j", "j", "S")
        assert hand.toasts()[-1] == "old is not running."
        await hand.press("enter")
        assert hand.toasts()[-1] == "old is not running; s starts it."
        await hand.press("i")
        assert hand.toasts()[-1] == "old is not running. s starts it."
        busy.change(busy.sessions[hand.bridge.deck.session_id], resumable=False)
        await hand.settle()
        await hand.press("R")
        assert "no conversation to resume" in hand.toasts()[-1]


async def test_without_a_session_each_key_says_so(crew: Crew) -> None:
    async with aboard(crew) as hand:
        for key in ("s", "R", "S", "r", "D", "i", "enter", "f"):
            await hand.press(key)
            assert hand.toasts()[-1] == "There is no session here; c creates one."
            crew.clock.advance(5)


async def test_a_refused_start_is_shown_with_its_code(busy: Crew) -> None:
    busy.refuse("agent.start", "session_limit", "Ten sessions run already; stop one first.")
    async with aboard(busy) as hand:
        await hand.press("j", "j", "s")
        assert "session_limit: Ten sessions run already; stop one first." in hand.toasts()


# ---- prompts


async def test_a_prompt_is_written_and_submitted(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("i")
        assert hand.shows("Prompt for fix-login", "enter send", "alt+enter new line")
        await hand.write("Run it. Sure?")
        await hand.press("enter")
        assert [sent.text for sent in hand.sent(c.Prompt)] == ["Run it. Sure?"]
        assert hand.toasts() == ["Prompted fix-login."]
        assert hand.screen is hand.deck


@pytest.mark.parametrize("key", ["alt+enter", "shift+enter", "ctrl+j"])
async def test_a_prompt_may_have_several_lines(busy: Crew, key: str) -> None:
    async with aboard(busy) as hand:
        await hand.press("i", "a", key, "b", "enter")
        assert [sent.text for sent in hand.sent(c.Prompt)] == ["a\nb"]


async def test_an_empty_prompt_is_not_sent(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("i", "space", "enter")
        assert hand.sent(c.Prompt) == []
        assert hand.shows("Prompt for fix-login")


async def test_a_refused_prompt_keeps_its_text(busy: Crew) -> None:
    busy.refuse("session.prompt", "prompt_refused", "It waits for an approval; answer that first.")
    async with aboard(busy) as hand:
        await hand.press("i")
        await hand.write("go on")
        await hand.press("enter")
        assert hand.shows("prompt_refused: It waits for an approval", "go on")
        await hand.press("escape", "i")
        assert hand.shows("go on")
        busy.refusals.clear()
        await hand.press("enter")
        assert len(hand.sent(c.Prompt)) == 2
        await hand.press("i")
        assert not hand.shows("go on")


async def test_what_was_written_is_there_again_for_its_session_only(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("i")
        await hand.write("half a")
        await hand.press("escape", "j", "i")
        assert not hand.shows("half a")
        await hand.press("escape", "k", "i")
        assert hand.shows("half a")


async def test_an_unverified_prompt_says_so(busy: Crew) -> None:
    busy.delivery = "unverified"
    async with aboard(busy) as hand:
        await hand.press("i", "x", "enter")
        assert hand.toasts() == [
            "Prompted fix-login. Whether it was taken can't be seen; have a look."
        ]


async def test_a_slow_prompt_need_not_be_waited_for(busy: Crew) -> None:
    busy.held.add("session.prompt")
    async with aboard(busy) as hand:
        await hand.press("i", "x", "enter")
        assert hand.shows("esc don't wait")
        await hand.press("enter", "escape")
        assert hand.screen is hand.deck
        busy.answer_held()
        await hand.settle()
        assert len(hand.sent(c.Prompt)) == 1
        assert hand.toasts() == ["Prompted fix-login."]


async def test_a_slow_prompt_that_is_refused_in_the_end_is_shown_and_kept(busy: Crew) -> None:
    busy.held.add("session.prompt")
    async with aboard(busy) as hand:
        await hand.press("i", "x", "enter", "escape")
        busy.refuse("session.prompt", "prompt_stalled", "It did not begin.")
        busy.answer_held()
        await hand.settle()
        assert hand.toasts() == ["prompt_stalled: It did not begin."]
        await hand.press("i")
        assert hand.bridge.drafts
