"""The log: events, filter, follow, detail; the engine's health."""

from __future__ import annotations

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import Hand, aboard

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.protocol.views import Check, HealthStatus
from quarterdeck.tui.model.log import log_row
from quarterdeck.tui.screens.log import LogScreen


@pytest.fixture
def told(busy: Crew) -> Crew:
    """An engine that has told of thirty things before the dashboard came."""
    for number in range(30):
        busy.clock.advance(1)
        busy.kept_events.append(busy.event(e.SystemInfo(code="step", message=f"number {number}")))
    login = next(iter(busy.sessions.values()))
    busy.kept_events.append(busy.event(e.SessionCreated(session=login)))
    return busy


def log_of(hand: Hand) -> LogScreen:
    assert isinstance(hand.screen, LogScreen)
    return hand.screen


def selected(hand: Hand) -> str:
    row = log_of(hand)._row()
    return log_row(row.event, {}).text if row else ""


async def test_the_log_shows_what_was_before_and_what_comes(told: Crew) -> None:
    async with aboard(told) as hand:
        docs = next(s for s in told.sessions.values() if s.name == "docs")
        told.act(docs, Activity.IDLE)
        await hand.settle()
        await hand.press("5")
        assert [sent.limit for sent in hand.sent(c.ListEvents)] == [500]
        assert hand.shows("step: number 29", "session.created", "fix-login", "working → idle")
        assert hand.shows("following · 32 of 32 events", "EVENTS", "DETAIL")
        told.act(docs, Activity.WORKING)
        await hand.settle()
        assert hand.shows("idle → working", "33 of 33 events")


async def test_the_scrollbar_shows_where_the_log_is_from_the_beginning(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("5")
        events = log_of(hand).events
        assert events.scroll_y > 0
        await hand.until(lambda: events.vertical_scrollbar.position == events.scroll_y)


async def test_events_are_not_shown_twice(told: Crew) -> None:
    async with aboard(told) as hand:
        event = told.tell(e.SystemInfo(code="twice", message="?"))
        told.kept_events.append(event)
        await hand.settle()
        await hand.press("5")
        assert hand.text().count("twice: ?") == 1


async def test_a_log_of_nothing_says_so(crew: Crew) -> None:
    async with aboard(crew) as hand:
        await hand.press("5")
        assert hand.shows("no event yet", "no event is chosen")
        await hand.press("f")
        assert hand.toasts() == ["There is no event to hold at."]
        await hand.press("enter", "j", "k")
        assert hand.toasts()[-1] == "The session of this event is not there."


async def test_older_events_that_can_not_be_had_are_told_and_new_ones_come(busy: Crew) -> None:
    busy.refuse("events.list", "store_busy", "Try again.")
    async with aboard(busy) as hand:
        await hand.press("5")
        assert hand.toasts() == ["store_busy: Try again."]
        busy.tell(e.SystemInfo(code="new", message="here"))
        await hand.settle()
        assert hand.shows("new: here")


async def test_moving_up_holds_still_and_the_end_follows(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("5", "k", "k")
        assert selected(hand) == "step: number 28"
        assert hand.shows("holding still")
        told.tell(e.SystemInfo(code="new", message="here"))
        await hand.settle()
        assert selected(hand) == "step: number 28"
        await hand.press("G")
        assert selected(hand) == "new: here"
        assert hand.shows("following")


async def test_f_holds_and_follows(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("5", "f")
        told.tell(e.SystemInfo(code="new", message="here"))
        await hand.settle()
        assert "claude in" in selected(hand)
        await hand.press("f")
        assert selected(hand) == "new: here"


@pytest.mark.parametrize(
    ("keys", "text"),
    [(("g",), "step: number 0"), (("g", "j"), "step: number 1"), (("g", "pagedown"), "step: number 9"),
     (("pageup",), "step: number 21"), (("g", "end"), "claude in /home/ann/shop")],
)  # fmt: skip
async def test_the_other_ways_to_move(told: Crew, keys: tuple[str, ...], text: str) -> None:
    async with aboard(told) as hand:
        await hand.press("5", *keys)
        assert selected(hand) == text


async def test_the_detail_of_the_chosen_event_is_json(told: Crew) -> None:
    async with aboard(told, (200, 60)) as hand:
        await hand.press("5", "g")
        assert hand.shows('"type": "system.info"', '"message": "number 0"', '"sequence": 1')


async def test_the_detail_scrolls_when_it_has_the_focus(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("5", "tab", "pagedown")
        assert log_of(hand).detail.scroll_offset.y > 0
        assert hand.shows("following")
        await hand.press("j", "k", "g")
        assert log_of(hand).detail.scroll_offset.y == 0
        await hand.press("shift+tab", "k")
        assert hand.shows("holding still")


async def test_the_filter_narrows_and_tells_what_it_does_not_know(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("5", "slash")
        await hand.write("type:session")
        assert hand.shows("1 of 31 events", "type:session")
        assert not hand.shows("number 29")
        await hand.press("enter")
        assert hand.shows("type:session")
        told.tell(e.SystemInfo(code="new", message="here"))
        await hand.settle()
        assert hand.shows("1 of 32 events")
        await hand.press("slash")
        await hand.write(" is:x")
        assert hand.shows("There is no token is:")
        await hand.press("escape")
        assert hand.shows("32 of 32 events")


async def test_the_filter_takes_topics_and_the_detail_tells_them(told: Crew) -> None:
    async with aboard(told) as hand:
        login = next(iter(told.sessions.values()))
        told.act(login, Activity.WORKING)
        await hand.settle()
        await hand.press("5", "slash")
        await hand.write("topic:session.*.status")
        assert hand.shows("1 of 32 events", "topic:session.*.status")
        await hand.press("enter")
        assert hand.shows('"topic": "session.')
        await hand.press("slash")
        await hand.write("x*")
        assert hand.shows("is no topic pattern")


async def test_events_are_found_by_their_sessions_name(told: Crew) -> None:
    async with aboard(told) as hand:
        login = next(iter(told.sessions.values()))
        told.act(login, Activity.WORKING)
        told.tell(e.SystemInfo(code="about", message="it"), login.id)
        await hand.settle()
        await hand.press("5", "slash")
        await hand.write("session:fix-login")
        await hand.press("enter")
        assert hand.shows("1 of 33 events", "about: it")


async def test_enter_goes_to_the_session_of_the_event(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("j", "5", "enter")
        assert hand.screen is hand.deck
        assert hand.current() == "fix-login"


async def test_an_event_is_clicked_and_clicked_twice(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("5")
        await hand.pilot.click("#events", offset=(10, 3))
        await hand.settle()
        assert hand.shows("holding still")
        before = selected(hand)
        await hand.pilot.click("#events", offset=(10, 4))
        await hand.settle()
        assert selected(hand) != before
        await hand.press("G")
        await hand.pilot.click("#events", offset=(10, 10), times=2)
        await hand.settle()
        assert hand.screen is hand.deck


async def test_health_is_asked_for_and_followed(busy: Crew) -> None:
    async with aboard(busy, (120, 40)) as hand:
        await hand.press("5")
        assert hand.sent(c.HealthCheck)
        assert hand.shows("healthy  4 of 10 sessions · up 3h 12m", "2 checks, all well", "0.4 ms")
        disk = Check(name="disk", status=HealthStatus.DEGRADED, message="almost full")
        for lag in (1.0, 8.0):
            sick = busy.healthy(status=HealthStatus.DEGRADED, checks=(disk,), loop_lag_ms=lag)
            busy.tell(e.HealthReport(health=sick))
        await hand.settle()
        assert hand.shows("degraded", "disk: almost full", "loop lag 8.0 ms ▂█")


async def test_the_engines_age_goes_on_while_nothing_happens(busy: Crew) -> None:
    async with aboard(busy, (120, 40)) as hand:
        hand.bridge.view.health = busy.healthy(uptime_seconds=58.99)
        busy.refuse("system.health", "busy", "Not now.")
        await hand.press("5")
        assert hand.shows("up 58s")
        busy.clock.advance(1)
        await hand.until(lambda: hand.shows("up 59s"))


async def test_without_a_link_the_log_is_opened_without_a_complaint(busy: Crew) -> None:
    async with aboard(busy, (120, 40)) as hand:
        await hand.press("5", "1")
        busy.goodbye(asked=True)
        await hand.until(lambda: not hand.bridge.link.state.up)
        told = hand.toasts()
        await hand.press("5")
        assert hand.toasts() == told
        assert hand.shows("4 of 10 sessions")


async def test_with_room_the_detail_stands_beside_the_events(told: Crew) -> None:
    async with aboard(told, (200, 60)) as hand:
        await hand.press("5")
        detail, events = hand.widget("#detail").region, hand.widget("#events").region
        assert detail.y == events.y
        assert detail.x == events.right
        await hand.pilot.resize_terminal(100, 40)
        await hand.settle()
        assert hand.widget("#detail").region.y == hand.widget("#events").region.bottom


async def test_the_deck_and_the_log_keep_their_places(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("j", "5", "k", "1")
        assert hand.current() == "add-tests"
        await hand.press("5")
        assert hand.shows("holding still")
        assert len(hand.sent(c.ListEvents)) == 1


async def test_text_of_the_log_can_be_copied(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("5")
        for selector, text in (("#events", "step: number 29"), ("#detail", '"kind": "event"')):
            hand.screen._select_all_in_widget(hand.widget(selector))
            await hand.settle()
            await hand.press("y")
            assert text in hand.app.clipboard


async def test_the_log_goes_on_after_the_link_was_lost(told: Crew) -> None:
    async with aboard(told) as hand:
        await hand.press("5")
        told.drop()
        await hand.until(lambda: not hand.bridge.link.state.up)
        hand.bridge.link.reconnect_now()
        await hand.until(lambda: hand.bridge.link.state.up)
        told.tell(e.SystemInfo(code="after", message="all"))
        await hand.settle()
        assert hand.shows("after: all", "number 29")
