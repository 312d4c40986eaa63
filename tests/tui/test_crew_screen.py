"""The Crew screen, by keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.tui.crew import Crew
from tests.tui.fleet import R, task
from tests.tui.hand import Hand, aboard
from tests.tui.lanes import VOTE, at_work
from tests.tui.test_every_key import spelled

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import crew_commands as k
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.crew_views import VoteChoice
from quarterdeck.tui.keys.actions import ACTIONS
from quarterdeck.tui.keys.keymap import resolve
from quarterdeck.tui.model.crew.desk import Section
from quarterdeck.tui.screens.crew import CrewScreen
from quarterdeck.tui.screens.flows import FlowsScreen

Seen = Callable[[Hand, CrewScreen], object]
BUDGET = "budget/daily/2026-03-01"
PROPOSAL = "proposal/01JV0000000000000000000003"


@pytest.fixture
def watch(crew: Crew) -> Crew:
    """Something in every section."""
    crew.lanes.load = at_work(crew)
    return crew


def shows(*texts: str) -> Seen:
    return lambda hand, _: hand.shows(*texts)


def sends(kind: type[c.Payload], count: int = 1) -> Seen:
    return lambda hand, _: len(hand.sent(kind)) == count


def screen(hand: Hand) -> CrewScreen:
    assert isinstance(hand.screen, CrewScreen)
    return hand.screen


async def at(hand: Hand, key: str) -> CrewScreen:
    """Stand on a line."""
    await hand.press("4")
    screen(hand).go_to(key)
    await hand.settle()
    return screen(hand)


TOUR: tuple[tuple[str, tuple[str, ...], Seen], ...] = (
    ("crew.work", (), shows("feature · build", "claude is full: 3 of 3", "RUNNING 1")),
    ("crew.limits", (), shows("20.40 of 20.00 cost", "✗ open", "7 of 10, 5/s")),
    ("crew.grant", (), shows("Grant more of daily 2026-03-01", "20.40 of 20.00 cost spent")),
    ("crew.reset_breaker", ("escape", "j", "j"), sends(k.ResetBreaker)),
    ("crew.locks", (), shows("Use a write-through cache?", "worktree (3 tries)", "1. merge docs waits")),
    ("crew.abstain", (), sends(k.CastVote)),
    ("crew.resume_saga", ("j",), sends(k.ResumeSaga)),
    ("crew.release_lock", ("j",), shows("Take branch/shop/main from merge fix-login?", "merge docs gets it")),
    ("crew.safety", ("escape",), shows("not halted", "pushes with force are refused")),
    ("crew.halt", (), shows("Halt everything?")),
    ("crew.reset_halt", (*"why", "enter"), sends(k.ResetHalt)),
    ("crew.agents", (), shows("[6 Agents]", "■ full", "¤ missing")),
    ("crew.go", ("7",), lambda hand, _: isinstance(hand.screen, FlowsScreen)),
    ("screen.crew", (), shows("[4 Crew]")),
)  # fmt: skip
VOTES = ("crew.approve", "crew.reject")


def test_the_tour_comes_to_every_action_of_the_crew() -> None:
    mine = {name for name in ACTIONS if name.startswith("crew.")}
    assert {action for action, _, _ in TOUR} | set(VOTES) == {*mine, "screen.crew"}


async def test_every_key_of_the_crew_does_what_it_says(watch: Crew) -> None:
    flow = watch.fleet.add("feature", [task("build"), task("plan", status=R.RUNNING)])
    waiting = watch.lanes.load.waiting[0].changed(what=f"workflow/{flow.id}/build")
    watch.lanes.load = watch.lanes.load.changed(waiting=(waiting,))
    keymap = resolve()
    async with aboard(watch) as hand:
        await hand.press("4")
        shown = screen(hand)
        for action, before, seen in TOUR:
            await hand.press(*before)
            assert not seen(hand, shown), f"{action}: it is there before the key"
            await hand.press(spelled(keymap.label(action)))
            await hand.until(lambda seen=seen: seen(hand, shown), action)  # type: ignore[misc]
        assert hand.sent(k.Halt) == [k.Halt(reason="why")]


async def test_the_crew_is_pulled_while_it_is_seen_and_one_at_a_time(watch: Crew) -> None:
    async with aboard(watch) as hand:
        watch.lanes.crew_is(strategy="round_robin")
        await hand.settle()
        assert not hand.sent(k.ShowCrew)
        watch.held.add("crew.show")
        await hand.press("4")
        assert hand.shows("asking…")
        for _ in range(6):
            watch.lanes.crew_is(strategy="affinity")
            await hand.settle()
        assert len(hand.sent(k.ShowCrew)) == 1
        watch.answer_held()
        await hand.until(lambda: len(hand.sent(k.ShowCrew)) == 2)
        watch.answer_held()
        await hand.until(lambda: hand.shows("placed by affinity"))
        await hand.settle()
        assert len(hand.sent(k.ShowCrew)) == 2
        await hand.press("1")
        watch.held.clear()
        watch.lanes.crew_is(strategy="fair")
        await hand.settle()
        assert len(hand.sent(k.ShowCrew)) == 2
        await hand.press("4")
        await hand.until(lambda: hand.shows("placed by fair"))
        assert len(hand.sent(k.ShowCrew)) == 3


async def test_an_engine_that_refuses_is_not_asked_again_until_something_changes(
    watch: Crew,
) -> None:
    watch.refuse("crew.show", "not_ready", "The crew is not there yet.")
    async with aboard(watch) as hand:
        await hand.press("4")
        await hand.until(lambda: hand.shows("The crew is not there yet."))
        await hand.settle()
        assert len(hand.sent(k.ShowCrew)) == 1
        watch.refusals.clear()
        watch.lanes.crew_is()
        await hand.until(lambda: hand.shows("placed by least loaded"))


async def test_a_halt_stands_on_every_screen_until_it_is_reset(watch: Crew) -> None:
    async with aboard(watch) as hand:
        await hand.press("4", "H", "enter")
        assert hand.shows("Why? Whoever finds it halted")
        await hand.write("wrong estimate")
        await hand.press("enter")
        await hand.until(lambda: hand.top().startswith("! HALTED: wrong estimate"))
        assert hand.keys_line().startswith("R end the halt")
        for key in "1235":
            await hand.press(key)
            assert hand.top().startswith("! HALTED: wrong est")
        await hand.press("4", "0", "H")
        assert "It is halted already; R ends the halt." in hand.toasts()
        assert hand.shows("! HALTED wrong estimate", "nothing is dispatched")
        await hand.press("R")
        await hand.until(lambda: hand.shows("not halted"))
        assert "HALTED" not in hand.top()
        await hand.press("R")
        assert "Nothing is halted." in hand.toasts()


async def test_a_halt_is_known_from_the_first_moment(watch: Crew) -> None:
    watch.lanes.halt("before the start")
    async with aboard(watch) as hand:
        assert "! HALTED: before" in hand.top()


async def test_a_budget_is_granted_by_form(watch: Crew) -> None:
    async with aboard(watch) as hand:
        await at(hand, BUDGET)
        assert "a grant more" in hand.keys_line()
        await hand.press("a", *"zero", "enter")
        assert hand.shows("How much more? A number.")
        await hand.press(*["backspace"] * 4, "minus", "1", "enter")
        assert hand.shows("It has to be more than nothing.")
        await hand.press("backspace", "backspace", "5")
        watch.refuse("crew.grant", "budget_unknown", "There is no such account.")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("There is no such account."))
        watch.refusals.clear()
        await hand.press("enter")
        await hand.until(lambda: hand.shows("20.40 of 25.00 cost"))
        assert hand.sent(k.GrantBudget)[-1] == k.GrantBudget(
            name="daily", key="2026-03-01", more=5.0
        )
        assert "Granted more of daily 2026-03-01." in hand.toasts()


async def test_a_question_about_a_budget_is_answered_on_the_deck_and_in_place(watch: Crew) -> None:
    watch.lanes.item(BUDGET, "The daily budget is used up")
    watch.add("worker")
    async with aboard(watch) as hand:
        await hand.press("n")
        assert hand.shows("budget daily 2026-03-01 · ‖ limit", "y Grant 5.00 more")
        assert hand.keys_line().startswith("y Grant 5.00 more  x Stop here  space peek  enter go")
        await hand.press("enter")
        shown = screen(hand)
        assert (shown.section, shown.table.chosen) == (Section.LIMITS, BUDGET)
        assert hand.shows("‖ The daily budget is used up")
        await hand.press("space")
        assert hand.shows(
            "Limit · budget daily 2026-03-01", "1 Grant 5.00 more", "y Grant 5.00 more"
        )
        await hand.press("g")
        assert screen(hand).table.chosen == BUDGET
        await hand.press("x")
        assert [sent.choice for sent in hand.sent(c.AnswerItem)] == ["refuse"]
        watch.lanes.ask("halt/", "Halted by a rule")
        await hand.press("1", "n", "enter")
        assert screen(hand).section is Section.SAFETY


async def test_a_person_votes(watch: Crew) -> None:
    watch.lanes.item(PROPOSAL, "Use a write-through cache?", AttentionKind.GATE, VOTE)
    async with aboard(watch) as hand:
        await at(hand, PROPOSAL)
        assert hand.keys_line().startswith("y approve  x reject  o abstain  space peek")
        assert hand.shows("passes at 50% · needs 2 votes")
        await hand.press("x")
        sent = hand.sent(k.CastVote)
        assert [(one.proposal_id, one.choice) for one in sent] == [
            (PROPOSAL.partition("/")[2], VoteChoice.REJECT)
        ]
        await hand.until(lambda: hand.shows("✓ Use a write-through cache? · achieved"))
        await hand.press("o")
        assert len(hand.sent(k.CastVote)) == 1
        still_open = watch.lanes.load.proposals[0].changed(status="open")
        watch.lanes.crew_is(proposals=(still_open,))
        await hand.until(lambda: hand.shows("· open"))
        await hand.press("y")
        assert hand.sent(k.CastVote)[-1].choice is VoteChoice.APPROVE
        assert not hand.sent(c.AnswerItem)


async def test_a_lock_is_taken_only_with_a_second_key(watch: Crew) -> None:
    async with aboard(watch) as hand:
        await at(hand, "lock/branch/shop/main")
        await hand.press("D", "D", "escape")
        assert not hand.sent(k.ReleaseLock)
        await hand.press("D", "y")
        assert hand.sent(k.ReleaseLock) == [k.ReleaseLock(resource="branch/shop/main")]
        await hand.until(lambda: hand.shows("nothing is locked"))


@pytest.mark.parametrize(
    ("key", "action", "why"),
    [
        ("agent/claude", "crew.grant", "Go to a budget first"),
        ("agent/claude", "crew.reset_breaker", "Go to a circuit breaker first"),
        ("breaker/agent:codex", "crew.reset_breaker", "It is closed already."),
        ("agent/claude", "crew.release_lock", "Go to a lock first."),
        ("agent/claude", "crew.resume_saga", "Go to a saga first"),
        ("agent/claude", "crew.approve", "Go to a proposal first"),
        ("agent/claude", "crew.go", "This line leads nowhere"),
    ],
)
async def test_a_key_that_can_do_nothing_says_why(
    watch: Crew, key: str, action: str, why: str
) -> None:
    async with aboard(watch) as hand:
        shown = await at(hand, key)
        assert shown.table.chosen == key
        hand.app.perform(action)
        await hand.settle()
        assert any(toast.startswith(why) for toast in hand.toasts())
        assert not [
            sent
            for sent in watch.commands
            if sent.type.startswith("crew.") and sent.type != "crew.show"
        ]


async def test_sections_follow_tab_and_all_stand_side_by_side_with_room(watch: Crew) -> None:
    async with aboard(watch) as hand:
        await hand.press("4", "tab", "tab")
        assert screen(hand).section is Section.LIMITS
        assert hand.shows("[8 Limits]")
        assert len(screen(hand).tables()) == 1
        await hand.press("shift+tab", "shift+tab", "shift+tab")
        assert screen(hand).section is Section.SAFETY
        await hand.pilot.resize_terminal(200, 60)
        await hand.settle()
        assert hand.shows("AGENTS", "WORK", "LIMITS", "LOCKS, VOTES", "SAFETY", "python, review")
        await hand.press("tab", "j")
        assert screen(hand).section is Section.AGENTS
        assert screen(hand).table.chosen == "agent/codex"
        await hand.press("m")
        assert len(screen(hand).tables()) == 1
        await hand.press("m", "G", "g", "pagedown", "pageup")
        assert screen(hand).table.chosen == "agent/claude"


async def test_the_filter_keeps_lines_with_a_text(watch: Crew) -> None:
    async with aboard(watch) as hand:
        await hand.press("4", "slash")
        await hand.write("GEM")
        assert hand.shows("gemini")
        assert not hand.shows("codex")
        await hand.press("enter")
        assert not hand.shows("claude")
        await hand.press("slash", "escape")
        await hand.until(lambda: hand.shows("claude"))


async def test_a_crew_at_rest_says_so_in_every_section(crew: Crew) -> None:
    async with aboard(crew) as hand:
        await hand.press("4")
        await hand.until(lambda: hand.shows("no agent takes work"))
        for key, text in (
            ("7", "nothing waits for a place"), ("8", "no budget is set"), ("9", "nothing is locked"),
            ("0", "no rule of yours"),
        ):  # fmt: skip
            await hand.press(key)
            assert hand.shows(text)
