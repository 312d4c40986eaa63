"""Answering: in place, for the request that was shown, never for another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.tui.crew import ALLOW, START, Crew
from tests.tui.hand import Hand, aboard

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind
from quarterdeck.core.protocol.status import Activity, Choice, Lifecycle
from quarterdeck.tui.model.answering import answer_to, choice_for


def answers(hand: Hand) -> list[tuple[str, str | None]]:
    return [(sent.request_id, sent.choice) for sent in hand.sent(c.Answer)]


# ---- which command


def test_a_sessions_own_request_is_named_by_its_id(crew: Crew) -> None:
    session = crew.add("a")
    for kind in (AttentionKind.APPROVAL, AttentionKind.QUESTION):
        item = crew.item(session, kind)
        assert answer_to(item, "1", None) == c.Answer(
            session_id=session.id, request_id=item.request_id, choice="1", text=None
        )
    gate = crew.item(session, AttentionKind.GATE)
    assert answer_to(gate, None, "ship") == c.AnswerItem(
        item_id=gate.item_id, choice=None, text="ship"
    )


def test_choices_are_found_by_their_meaning(crew: Crew) -> None:
    item = crew.item(crew.add("a"))
    assert choice_for(item, "reject") == ALLOW[2]
    assert choice_for(None, "reject") is None
    assert choice_for(item.model_copy(update={"choices": ()}), "reject") is None


# ---- keys on the deck


@pytest.mark.parametrize(
    ("key", "choice", "said"),
    [
        ("y", "1", "Allowed once: fix-login: run: npm i"),
        ("A", "2", "Allowed always: fix-login: run: npm i"),
        ("x", "3", "Rejected: fix-login: run: npm i"),
    ],
)
async def test_one_key_answers_an_approval(busy: Crew, key: str, choice: str, said: str) -> None:
    async with aboard(busy) as hand:
        await hand.press(key)
        assert answers(hand) == [("request-01", choice)]
        assert hand.toasts() == [said]
        assert not hand.shows("run: npm i      ")
        assert hand.bridge.deck.target is None


async def test_an_answer_goes_to_the_item_selected_in_the_queue(busy: Crew) -> None:
    login = next(iter(busy.sessions.values()))
    busy.item(login, title="second", age=1)
    async with aboard(busy) as hand:
        await hand.press("tab", "j", "y")
        assert answers(hand) == [("request-04", "1")]


async def test_keys_without_an_item_say_where_to_go(crew: Crew) -> None:
    crew.add("calm")
    async with aboard(crew) as hand:
        for key in "yAx":
            await hand.press(key)
        await hand.press("space", "z", "X")
        assert set(hand.toasts()) == {"Nothing here needs you; n goes to what does."}
        assert not hand.sent(c.Answer)
        assert "allow" not in hand.keys_line()


async def test_a_question_has_no_allow_key(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("n")
        assert hand.current() == "docs"
        assert "allow once" not in hand.keys_line()
        await hand.press("y")
        assert hand.toasts() == ["This item has no choice to allow once; space shows it."]
        assert answers(hand) == []


@pytest.mark.parametrize(
    ("kind", "lifecycle", "said"),
    [
        (
            AttentionKind.FAILURE,
            Lifecycle.CRASHED,
            "It failed, and asks nothing: s starts it again, X takes this off the list.",
        ),
        (
            AttentionKind.FAILURE,
            Lifecycle.RUNNING,
            "It failed, and asks nothing: i sends it a prompt, X takes this off the list.",
        ),
        (
            AttentionKind.LIMIT,
            Lifecycle.RUNNING,
            (
                "It has come to a limit, and asks nothing: i sends it a prompt, "
                "X takes this off the list."
            ),
        ),
    ],
)
async def test_where_nothing_is_asked_the_way_out_is_told(
    crew: Crew, kind: AttentionKind, lifecycle: Lifecycle, said: str
) -> None:
    crew.item(crew.add("a", lifecycle=lifecycle), kind)
    async with aboard(crew) as hand:
        await hand.press("y")
        assert hand.toasts() == [said]
        assert not hand.sent(c.Answer)


async def test_only_choices_that_exist_are_hinted_at(crew: Crew) -> None:
    crew.item(crew.add("a"), choices=(ALLOW[0], ALLOW[2]))
    async with aboard(crew) as hand:
        assert hand.keys_line().startswith("y allow once  x reject  space peek")
        assert "always" not in hand.keys_line()


async def test_a_refusal_of_the_engine_is_shown_with_its_code(busy: Crew) -> None:
    busy.refuse("session.answer", "request_gone", "The dialog is not on the screen any more.")
    async with aboard(busy) as hand:
        await hand.press("y")
        assert hand.toasts() == ["request_gone: The dialog is not on the screen any more."]
        assert hand.bridge.deck.sent == set()
        assert hand.shows("run: npm i")


# ---- under the hand


async def test_a_held_key_answers_once(busy: Crew) -> None:
    login = next(iter(busy.sessions.values()))
    async with aboard(busy) as hand:
        busy.clock.advance(1)
        await hand.hold("y", 3)
        busy.raise_item(login, title="rm -rf build", age=0)
        busy.clock.advance(0.03)
        await hand.hold("y", 1)
        assert answers(hand) == [("request-01", "1")]


async def test_a_double_press_does_not_allow_the_next_request_unread(busy: Crew) -> None:
    login = next(iter(busy.sessions.values()))
    async with aboard(busy) as hand:
        await hand.press("y")
        busy.raise_item(login, title="rm -rf build", age=0)
        await hand.settle()
        busy.clock.advance(0.4)
        hand._press("y")
        await hand.settle()
        assert len(answers(hand)) == 1
        assert "came up only just now" in hand.toasts()[-1]
        await hand.press("y")
        assert len(answers(hand)) == 2


async def test_an_item_that_changes_before_it_is_painted_is_not_answered(busy: Crew) -> None:
    async with aboard(busy) as hand:
        item = next(iter(busy.items.values()))
        busy.clock.advance(1)
        changed = item.model_copy(update={"request_id": "other", "title": "run: rm -rf ~"})
        hand.bridge.view.attention[item.item_id] = changed  # known, not yet painted
        hand.deck.perform("answer.allow_once")
        await hand.settle()
        assert answers(hand) == []
        assert "changed under your hand" in hand.toasts()[-1]


async def test_an_item_answered_elsewhere_is_not_answered_again(busy: Crew) -> None:
    async with aboard(busy) as hand:
        busy.clock.advance(1)
        hand.bridge.view.attention.clear()
        hand.deck.perform("answer.allow_once")
        await hand.settle()
        assert answers(hand) == []
        assert "gone or was answered elsewhere" in hand.toasts()[-1]


async def test_an_answer_on_its_way_is_marked_and_not_sent_twice(busy: Crew) -> None:
    busy.held.add("session.answer")
    async with aboard(busy) as hand:
        await hand.press("y")
        assert hand.shows("» fix-login run: npm i      sent")
        await hand.press("x")
        assert len(answers(hand)) == 1
        assert hand.toasts() == ["Your answer to it is on its way."]
        busy.answer_held()
        await hand.settle()
        assert not hand.shows("» fix-login")


async def test_the_queue_never_moves_the_selection_to_another_sessions_item(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("tab", "g")
        busy.close_item(next(iter(busy.items.values())))
        await hand.settle()
        assert hand.current() == "fix-login"
        assert hand.bridge.deck.target is None
        await hand.press("y")
        assert answers(hand) == []


# ---- snooze and take off


async def test_z_puts_aside_and_brings_back(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("z")
        assert [sent.seconds for sent in hand.sent(c.SnoozeItem)] == [600]
        assert hand.shows("z fix-login run: npm i     later")
        assert "1 needs you" in hand.top()
        await hand.press("z")
        assert hand.sent(c.SnoozeItem)[-1].seconds == 0
        assert hand.shows("! fix-login run: npm i")
        assert hand.toasts() == ["Put aside for ten minutes.", "It is back in the queue."]


async def test_x_upper_takes_off_what_needs_no_answer(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("j")
        assert "X take off" in hand.keys_line()
        await hand.press("X")
        assert hand.sent(c.ResolveItem)
        assert hand.toasts() == ["Off the queue: tests added"]
        assert not hand.shows("tests added")


# ---- peek


async def test_peek_shows_question_screen_and_choices(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("space")
        assert hand.shows(
            "Approval · fix-login", "! run: npm i", "npm i left-pad --save",
            "This changes package.json.", "$ hello from fix-login", "1 Yes",
            "3 No, tell it what to do instead", "waiting 0:4", "y allow once", "esc close",
        )  # fmt: skip


async def test_the_peeked_screen_is_live(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("space")
        busy.redraw(next(iter(busy.sessions.values())), {1: "still waiting"})
        await hand.settle()
        assert hand.shows("still waiting")


@pytest.mark.parametrize(
    ("key", "choice"), [("1", "1"), ("2", "2"), ("3", "3"), ("y", "1"), ("x", "3")]
)
async def test_peek_answers_by_number_or_meaning(busy: Crew, key: str, choice: str) -> None:
    async with aboard(busy) as hand:
        await hand.press("space", key)
        assert answers(hand) == [("request-01", choice)]
        assert hand.screen is hand.deck


async def test_a_question_is_answered_by_number(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("n", "space", "2")
        assert answers(hand) == [("request-02", "b")]


async def test_a_question_is_answered_by_text(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("n", "space", "t")
        await hand.write("1 teal")
        await hand.press("enter")
        assert [(sent.choice, sent.text) for sent in hand.sent(c.Answer)] == [(None, "1 teal")]
        assert hand.screen is hand.deck


async def test_writing_can_be_given_up_and_nothing_is_not_sent(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("n", "space", "t")
        await hand.press("enter")
        await hand.write("x1")
        await hand.press("escape", "1")
        assert answers(hand) == [("request-02", "a")]


async def test_a_question_without_choices_is_written_at_once(crew: Crew) -> None:
    crew.item(crew.add("a"), AttentionKind.QUESTION, "Name?", choices=(), free_text=True)
    async with aboard(crew) as hand:
        await hand.press("space")
        await hand.write("Bob")
        await hand.press("enter")
        assert [sent.text for sent in hand.sent(c.Answer)] == ["Bob"]
        crew.raise_item(next(iter(crew.sessions.values())), AttentionKind.QUESTION, "Why?",
                        choices=(), free_text=True)  # fmt: skip
        await hand.settle()
        await hand.press("space", "escape")
        assert hand.screen is hand.deck


async def test_an_item_answered_elsewhere_closes_the_questions_in_the_dialog(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("space")
        busy.close_item(next(iter(busy.items.values())))
        await hand.settle()
        assert hand.shows("It is gone or was answered elsewhere.")
        assert "allow once" not in hand.text().split("It is gone")[0].splitlines()[-2]
        await hand.press("1", "y")
        assert answers(hand) == []
        await hand.press("escape")
        assert hand.screen is hand.deck


async def test_an_item_that_changes_in_the_dialog_must_be_looked_at_again(busy: Crew) -> None:
    async with aboard(busy) as hand:
        item = next(iter(busy.items.values()))
        await hand.press("space")
        busy.update_item(item, request_id="other", title="run: rm -rf ~")
        await hand.settle()
        assert hand.shows(
            "It has changed: look again before you answer.", "! run: npm i", "look again"
        )
        await hand.press("y", "1")
        assert answers(hand) == []
        await hand.press("space")
        assert hand.shows("! run: rm -rf ~")
        await hand.press("y")
        assert answers(hand) == [("other", "1")]


async def test_peek_leads_to_the_session(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("n", "space", "g")
        assert hand.screen is hand.deck
        assert hand.current() == "docs"


async def test_peek_snoozes_and_takes_off(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("space", "z")
        assert hand.sent(c.SnoozeItem)
        assert hand.screen is hand.deck
        await hand.press("space", "X")
        assert hand.sent(c.ResolveItem)


async def test_peek_stops_watching_a_session_it_alone_looked_at(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("space")
        await hand.press("escape")
        assert busy.watched == {hand.bridge.deck.session_id}


async def test_text_of_an_item_is_never_markup(crew: Crew) -> None:
    crew.item(crew.add("a"), title="[red]x[/red]", text="[b]y[/b]\x1b[2J\n  indented",
              choices=(Choice(key="1", label="[i]z[/i]"),))  # fmt: skip
    async with aboard(crew) as hand:
        await hand.press("space")
        assert hand.shows("[red]x[/red]", "[b]y[/b]", "  indented", "1 [i]z[/i]")


async def test_a_choice_in_the_dialog_can_be_clicked_in_its_hints(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("space")
        line = next(n for n, text in enumerate(hand.lines()) if "y allow once" in text)
        column = hand.lines()[line].index("y allow once")
        await hand.pilot.click(offset=(column, line))
        await hand.settle()
        assert answers(hand) == [("request-01", "1")]


async def test_long_lists_of_choices_end_at_nine(crew: Crew) -> None:
    many = tuple(Choice(key=str(n), label=f"choice {n}") for n in range(1, 13))
    crew.item(crew.add("a"), AttentionKind.QUESTION, choices=many)
    async with aboard(crew) as hand:
        await hand.press("space")
        assert hand.shows("9 choice 9")
        assert not hand.shows("choice 10")


async def test_a_snoozed_item_wakes_by_its_time(busy: Crew) -> None:
    login = next(iter(busy.sessions.values()))
    asleep: AttentionItem = busy.item(
        login, title="nap", snoozed_until=START + timedelta(seconds=5)
    )
    async with aboard(busy) as hand:
        assert asleep.item_id not in [item.item_id for item in hand.bridge.deck.actionable()]
        busy.clock.advance(6)
        assert asleep.item_id in [item.item_id for item in hand.bridge.deck.actionable()]


async def test_the_focus_follows_the_sessions_state_but_not_away_from_it(busy: Crew) -> None:
    login = next(iter(busy.sessions.values()))
    async with aboard(busy, (120, 30)) as hand:
        busy.act(login, Activity.WORKING)
        await hand.settle()
        assert hand.current() == "fix-login"
        assert hand.shows("fix-login · claude · ~/shop · working 0:00")


async def test_peek_starts_a_session_that_has_ended(crew: Crew) -> None:
    ended = crew.add("old", lifecycle=Lifecycle.CRASHED, exit_code=3)
    crew.item(ended, AttentionKind.FAILURE, "exited with code 3")
    async with aboard(crew) as hand:
        await hand.press("n", "space")
        assert hand.shows("Failure · old", "s start", "X take off")
        await hand.press("s")
        assert [wish.session_id for wish in hand.sent(c.StartAgent)] == [ended.id]
        assert hand.screen is hand.deck


async def test_peek_offers_no_start_of_a_session_that_runs(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("space", "s")
        assert not hand.shows("s start")
        assert not hand.sent(c.StartAgent)


async def test_a_text_that_begins_with_its_title_is_not_said_twice(crew: Crew) -> None:
    crew.item(crew.add("a"), title="Ship it?", text="Ship it?\nTests: passed.")
    async with aboard(crew) as hand:
        await hand.press("space")
        said = [line for line in hand.lines() if "Ship it?" in line and "ATTENTION" not in line]
        assert len([line for line in said if "! a" not in line]) == 1
        assert hand.shows("! Ship it?", "Tests: passed.")


async def test_a_long_question_leaves_room_for_its_choices_field_and_keys(crew: Crew) -> None:
    session = crew.add("a")
    crew.draw(session, [f"line {number}" for number in range(30)])
    many = tuple(Choice(key=str(number), label=f"choice {number}") for number in range(1, 10))
    text = "\n".join(f"text {number}" for number in range(12))
    crew.item(session, AttentionKind.QUESTION, "What?", text=text, choices=many, free_text=True)
    async with aboard(crew, (80, 24)) as hand:
        await hand.press("space")
        assert hand.shows(
            "? What?", "line 23", "1 choice 1", "9 choice 9", "your answer", "esc close", "read on"
        )
        assert not hand.shows("text 11")
        await hand.press(*["down"] * 12)
        assert hand.shows("text 11")
        await hand.press(*["k"] * 12)
        assert hand.shows("? What?")
        assert answers(hand) == []
