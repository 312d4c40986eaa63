"""The deck's rows and the person's place in them; which request an answer is for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.crew import START, Crew

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.client.view import View
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind
from quarterdeck.core.protocol.status import Activity, Choice, Lifecycle
from quarterdeck.tui.model.deck import SETTLE_SECONDS, Deck
from quarterdeck.tui.model.query import SESSIONS, parse
from quarterdeck.tui.model.rows import (
    Counts,
    GroupRow,
    SessionRow,
    count,
    counts_text,
    session_row,
)


def deck_on(crew: Crew) -> Deck:
    deck = Deck(crew.clock, View())
    bring(deck, crew)
    return deck


def bring(deck: Deck, crew: Crew) -> None:
    """Let the deck know what the crew has."""
    deck.view.sessions.clear()
    deck.view.sessions.update(crew.sessions)
    deck.view.attention = dict(crew.items)
    deck.reconcile()


def names(deck: Deck) -> list[str]:
    return [
        row.name
        if isinstance(row, SessionRow)
        else f"[{getattr(row, 'title', '')}]"
        if isinstance(row, GroupRow)
        else row.text
        for row in deck.session_rows()
    ]


def focused(deck: Deck) -> str:
    return deck.session.name if deck.session else ""


def change(deck: Deck, item: AttentionItem, **changes: object) -> AttentionItem:
    changed = item.model_copy(update=changes)
    deck.view.attention[item.item_id] = changed
    return changed


# ---- rows


def test_sessions_stand_in_the_order_of_creation(crew: Crew) -> None:
    for name in ("zebra", "ant", "mole"):
        crew.add(name)
    deck = deck_on(crew)
    assert names(deck) == ["zebra", "ant", "mole"]
    crew.sessions[next(iter(crew.sessions))] = crew.add("zebra", activity=Activity.NEEDS_APPROVAL)
    assert names(deck) == ["zebra", "ant", "mole"]


def test_sessions_are_grouped_by_repository_in_the_order_of_the_first(crew: Crew) -> None:
    crew.add("a", repo="/x/shop")
    crew.add("b", repo="/x/site")
    crew.add("c", repo="/x/shop")
    crew.add("d", repo="")
    deck = deck_on(crew)
    assert names(deck) == ["[shop]", "a", "c", "[site]", "b", "[no repository]", "d"]
    deck.grouped = False
    assert names(deck) == ["a", "b", "c", "d"]


def test_one_repository_needs_no_heading(crew: Crew) -> None:
    crew.add("a")
    crew.add("b")
    assert names(deck_on(crew)) == ["a", "b"]


def test_idle_and_done_fold_into_one_line_but_the_focused_one_stays(crew: Crew) -> None:
    crew.add("works", activity=Activity.WORKING)
    for number in range(3):
        crew.add(f"idle-{number}")
    crew.add("done", activity=Activity.TURN_DONE)
    crew.add("ended", lifecycle=Lifecycle.EXITED)
    deck = deck_on(crew)
    deck.folded = True
    assert names(deck) == ["works", "ended", "… 3 idle, 1 done"]
    deck.select_session(next(s.id for s in crew.sessions.values() if s.name == "idle-1"))
    assert names(deck) == ["works", "idle-1", "ended", "… 2 idle, 1 done"]


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("folded", [True, False])
def test_the_listed_sessions_are_those_of_the_rows(
    crew: Crew, *, grouped: bool, folded: bool
) -> None:
    for number in range(9):
        activity = (Activity.WORKING, Activity.IDLE, Activity.NEEDS_ANSWER)[number % 3]
        crew.add(f"s{number}", repo=f"/x/{number % 2}", activity=activity)
    deck = deck_on(crew)
    deck.grouped, deck.folded = grouped, folded
    rows = [row.id for row in deck.session_rows() if isinstance(row, SessionRow)]
    assert deck.listed_ids() == rows
    assert len(rows) == (6 if folded else 9)


def test_minimal_rows_have_ages_and_no_headings(crew: Crew) -> None:
    crew.add("a", repo="/x/shop", since=42)
    crew.add("b", repo="/x/site", since=7200)
    crew.add("c", since=7200, lifecycle=Lifecycle.CRASHED, ended_at=crew.clock.now())
    deck = deck_on(crew)
    deck.minimal = True
    ages = [row.age for row in deck.session_rows() if isinstance(row, SessionRow)]
    assert ages == ["0:42", "2h", "0:00"], "what ended has the age of its end"


def test_a_row_is_safe_to_show(crew: Crew) -> None:
    row = session_row(crew.add("a", title="x\x1b]2;y\u202e", progress=40))
    assert row.title == "40% x ]2;y"


def test_a_filter_hides_rows_and_not_the_focus(crew: Crew) -> None:
    crew.add("a", "claude")
    crew.add("b", "codex")
    deck = deck_on(crew)
    assert focused(deck) == "a"
    deck.query = parse("agent:codex", SESSIONS)
    deck.reconcile()
    assert names(deck) == ["b"]
    assert focused(deck) == "a"


def test_counts_are_of_sessions_and_of_items_that_need_someone(busy: Crew) -> None:
    assert deck_on(busy).counts() == Counts(working=1, needs=2, done=1, idle=1, failed=0, other=2)


def test_a_failed_session_is_counted_once(crew: Crew) -> None:
    crew.item(crew.add("dead", lifecycle=Lifecycle.CRASHED), AttentionKind.FAILURE)
    crew.item(crew.add("ill", activity=Activity.ERRORED), AttentionKind.FAILURE)
    crew.item(crew.add("slow", activity=Activity.LIMITED), AttentionKind.LIMIT)
    crew.item(crew.add("well again"), AttentionKind.FAILURE)
    assert deck_on(crew).counts() == Counts(needs=2, failed=2, idle=1, other=1)


def test_every_state_is_counted_once(crew: Crew) -> None:
    for life in Lifecycle:
        for activity in Activity:
            crew.add("x", activity=activity, lifecycle=life)
    assert count(crew.sessions.values(), 0).total == len(crew.sessions)


def test_counts_say_nothing_of_zeros() -> None:
    assert counts_text(Counts(working=3, needs=1, idle=13)) == [
        ("3 working", "working"),
        ("1 needs you", "needs"),
        ("13 idle", "muted"),
    ]
    assert counts_text(Counts()) == [("no sessions", "muted")]
    assert counts_text(Counts(other=2)) == [("2 sessions", "muted")]
    assert counts_text(Counts(needs=2, failed=1)) == [
        ("2 need you", "needs"),
        ("1 failed", "error"),
    ]


def test_items_stand_in_the_order_of_the_queue_and_snoozed_ones_last(crew: Crew) -> None:
    a = crew.add("a")
    done = crew.item(a, AttentionKind.TURN_DONE, "done")
    young = crew.item(a, title="young", age=1)
    old = crew.item(a, title="old", age=99)
    later = crew.item(a, title="later", snoozed_until=START + timedelta(minutes=5))
    deck = deck_on(crew)
    rows = deck.item_rows()
    assert [row.id for row in rows] == [i.item_id for i in (old, young, done, later)]
    assert [(row.sign, row.age) for row in rows] == [
        ("!", "1:39"),
        ("!", "0:01"),
        ("✓", "0:42"),
        ("z", "later"),
    ]
    assert later not in deck.actionable()


def test_an_item_without_a_title_shows_its_text_and_one_of_a_gone_session_no_name(
    crew: Crew,
) -> None:
    session = crew.add("gone")
    crew.item(session, title="", text="line one\nline two")
    del crew.sessions[session.id]
    row = deck_on(crew).item_rows()[0]
    assert (row.session, row.title) == ("", "line one line two")


# ---- the person's place


def test_the_first_focus_is_what_needs_someone_most(crew: Crew) -> None:
    crew.add("first")
    asking = crew.add("asking")
    crew.item(asking)
    assert focused(deck_on(crew)) == "asking"


def test_without_items_the_first_session_has_the_focus(crew: Crew) -> None:
    crew.add("first")
    crew.add("second")
    assert focused(deck_on(crew)) == "first"
    assert focused(deck_on(Crew())) == ""


def test_the_focus_stays_whatever_happens_elsewhere(busy: Crew) -> None:
    deck = deck_on(busy)
    before = focused(deck)
    for session in list(busy.sessions.values()):
        if session.name != before:
            busy.item(session, age=10_000)
    bring(deck, busy)
    assert focused(deck) == before


def test_a_vanished_session_gives_the_focus_to_the_one_that_took_its_row(crew: Crew) -> None:
    sessions = [crew.add(name) for name in "abc"]
    deck = deck_on(crew)
    deck.select_session(sessions[1].id)
    deck.reconcile()
    del crew.sessions[sessions[1].id]
    bring(deck, crew)
    assert focused(deck) == "c"
    del crew.sessions[sessions[2].id]
    bring(deck, crew)
    assert focused(deck) == "a"
    crew.sessions.clear()
    bring(deck, crew)
    assert deck.session is None


def test_back_goes_to_the_session_left_by_a_jump_and_back_again(crew: Crew) -> None:
    a, b, c = (crew.add(name) for name in "abc")
    deck = deck_on(crew)
    deck.select_session(b.id)
    deck.select_session(c.id, jump=True)
    assert deck.back() == b.id
    assert deck.back() == c.id
    del deck.view.sessions[b.id]
    deck.select_session(a.id)
    assert deck.back() is None


def test_next_goes_through_the_queue_and_wraps(busy: Crew) -> None:
    deck = deck_on(busy)
    order = [item.item_id for item in deck.actionable()]
    seen = []
    for _ in range(4):
        item = deck.next_actionable()
        assert item is not None
        deck.select_item(item.item_id, jump=True)
        seen.append(item.item_id)
    assert seen == [order[1], order[2], order[0], order[1]]
    backwards = deck.next_actionable(backwards=True)
    assert backwards is not None
    assert backwards.item_id == order[0]


def test_next_goes_on_after_where_an_answered_item_stood(busy: Crew) -> None:
    deck = deck_on(busy)
    order = deck.actionable()
    deck.select_item(order[1].item_id)
    deck.view.attention.pop(order[1].item_id)
    deck.reconcile()
    assert deck.target is None
    after = deck.next_actionable()
    before = deck.next_actionable(backwards=True)
    assert after is not None
    assert before is not None
    assert (after.item_id, before.item_id) == (order[2].item_id, order[0].item_id)


def test_next_skips_snoozed_items_and_says_when_there_is_none(crew: Crew) -> None:
    a = crew.add("a")
    crew.item(a, snoozed_until=START + timedelta(hours=1))
    deck = deck_on(crew)
    assert deck.next_actionable() is None
    crew.clock.advance(3601)
    assert deck.next_actionable() is not None


@given(st.data())
def test_the_place_is_always_one_that_exists(data: st.DataObject) -> None:
    crew = Crew()
    deck = Deck(ManualClock(START), View())
    for _ in range(data.draw(st.integers(1, 25))):
        match data.draw(st.integers(0, 5)):
            case 0:
                crew.add("s")
            case 1 if crew.sessions:
                crew.item(data.draw(st.sampled_from(list(crew.sessions.values()))))
            case 2 if crew.items:
                crew.items.pop(data.draw(st.sampled_from(list(crew.items))))
            case 3 if crew.sessions:
                session_id = data.draw(st.sampled_from(list(crew.sessions)))
                del crew.sessions[session_id]
                crew.items = {k: i for k, i in crew.items.items() if i.session_id != session_id}
            case 4 if deck.view.sessions:
                deck.select_session(data.draw(st.sampled_from(list(deck.view.sessions))), jump=True)
            case _:
                item = deck.next_actionable(backwards=data.draw(st.booleans()))
                if item is not None:
                    deck.select_item(item.item_id, jump=True)
        bring(deck, crew)
        assert (deck.session is not None) == bool(crew.sessions)
        assert deck.item_id is None or deck.item_id in crew.items
        assert deck.target is None or deck.target.item_id == deck.item_id


# ---- the request an answer is for


@pytest.fixture
def asked(crew: Crew) -> tuple[Deck, AttentionItem, Crew]:
    """A deck that shows an approval, long enough for anyone to have read it."""
    item = crew.item(crew.add("a"))
    deck = deck_on(crew)
    crew.clock.advance(SETTLE_SECONDS)
    return deck, item, crew


def test_an_answer_to_what_is_shown_is_accepted(asked: tuple[Deck, AttentionItem, Crew]) -> None:
    deck, item, _ = asked
    assert deck.refusal(item) is None


def test_an_answer_is_refused_once_the_item_is_gone(
    asked: tuple[Deck, AttentionItem, Crew],
) -> None:
    deck, item, _ = asked
    del deck.view.attention[item.item_id]
    assert "gone" in (deck.refusal(item) or "")


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": "another"},
        {"title": "run: rm -rf ~"},
        {"text": "something else"},
        {"choices": (Choice(key="1", label="No", meaning="allow_once"),)},
    ],
)
def test_an_answer_is_refused_when_the_item_changed_before_it_was_painted(
    asked: tuple[Deck, AttentionItem, Crew], changes: dict[str, object]
) -> None:
    deck, item, _ = asked
    change(deck, item, **changes)
    assert "changed under your hand" in (deck.refusal(item) or "")


def test_a_changed_item_must_be_shown_a_while_before_it_takes_an_answer(
    asked: tuple[Deck, AttentionItem, Crew],
) -> None:
    deck, item, crew = asked
    changed = change(deck, item, request_id="another")
    deck.reconcile()
    assert "came up only just now" in (deck.refusal(changed) or "")
    crew.clock.advance(SETTLE_SECONDS / 2)
    assert deck.refusal(changed)
    crew.clock.advance(SETTLE_SECONDS / 2)
    assert deck.refusal(changed) is None
    assert "changed under your hand" in (deck.refusal(item) or "")


def test_a_second_press_does_not_answer_the_request_that_comes_next(
    asked: tuple[Deck, AttentionItem, Crew],
) -> None:
    deck, item, crew = asked
    crew.items.pop(item.item_id)
    following = crew.item(crew.sessions[item.session_id], title="rm -rf build")
    bring(deck, crew)
    assert deck.target == following
    assert "came up only just now" in (deck.refusal(following) or "")


def test_going_to_an_item_by_hand_allows_an_answer_at_once(
    asked: tuple[Deck, AttentionItem, Crew],
) -> None:
    deck, _, crew = asked
    other = crew.item(crew.add("b"))
    bring(deck, crew)
    deck.select_item(other.item_id)
    assert deck.refusal(other) is None


def test_a_snooze_of_what_is_shown_changes_nothing_for_an_answer(
    asked: tuple[Deck, AttentionItem, Crew],
) -> None:
    deck, item, _ = asked
    changed = change(deck, item, snoozed_until=START)
    deck.reconcile()
    assert deck.refusal(changed) is None


def test_an_answer_on_its_way_is_not_sent_twice(asked: tuple[Deck, AttentionItem, Crew]) -> None:
    deck, item, crew = asked
    deck.sent.add((item.item_id, item.request_id))
    assert deck.refusal(item) == "Your answer to it is on its way."
    assert deck.item_rows()[0].age == "sent"
    crew.items.clear()
    bring(deck, crew)
    assert deck.sent == set()


# ---- ages


def test_the_next_change_of_an_age_is_that_of_the_youngest_shown(crew: Crew) -> None:
    a = crew.add("a", since=7200)
    deck = deck_on(crew)
    assert deck.changes_in() == 3600
    crew.item(a, age=660)
    bring(deck, crew)
    assert deck.changes_in() == 60
    crew.add("b", since=5.5)
    bring(deck, crew)
    assert deck.changes_in() == 60
    deck.minimal = True
    assert deck.changes_in() == 0.5


def test_nothing_shown_has_no_age() -> None:
    assert Deck(ManualClock(START), View()).changes_in() is None
