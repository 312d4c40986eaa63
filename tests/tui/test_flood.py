"""Twenty thousand events: rendering stays bounded by frames and by lines, not by events."""

from __future__ import annotations

from typing import Any

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import Hand, aboard

from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.status import Activity
from quarterdeck.tui.model.log import KEPT, SLACK
from quarterdeck.tui.pace import Pacing

EVENTS = 20_000
SLOW_FRAMES = Pacing(frame=60.0, focus=0.0, size=0.05, notify=5.0, retry=60.0, rest=0.0)
"""No frame after the first, unless a test asks for one."""


@pytest.fixture
def fleet(crew: Crew) -> Crew:
    """A hundred sessions."""
    for number in range(100):
        crew.add(f"session-{number}", repo=f"/repo/{number % 5}")
    return crew


def flood(crew: Crew, number: int) -> None:
    """So many events about all sessions."""
    sessions = list(crew.sessions.values())
    for count in range(number):
        session = sessions[count % len(sessions)]
        crew.tell(e.StatusProgress(session_id=session.id, progress=count % 100, title=f"t{count}"))


def painted(hand: Hand) -> dict[str, set[int]]:
    """Which lines of the lists and of the lines around them are painted from now on."""
    found: dict[str, set[int]] = {}

    def watch(name: str, widget: Any) -> None:
        paint = widget.render_line

        def note(y: int) -> Any:
            found.setdefault(name, set()).add(y)
            return paint(y)

        widget.render_line = note

    for name in ("sessions", "attention", "panel-top", "status-line", "key-line"):
        watch(name, hand.widget(f"#{name}"))
    return found


async def drained(hand: Hand) -> None:
    """Every event has been taken in."""
    await hand.until(lambda: not hand.crew.endpoints[-1]._messages)


async def test_a_flood_of_events_is_one_flush_per_frame(fleet: Crew) -> None:
    async with aboard(fleet, pacing=SLOW_FRAMES) as hand:
        hand.bridge.flush()
        await hand.settle()
        shown = 0

        def count() -> None:
            nonlocal shown
            shown += 1

        hand.bridge.listeners.append(count)
        before = hand.bridge.pacer.flushes
        flood(fleet, EVENTS)
        await drained(hand)
        assert hand.bridge.fed >= EVENTS
        assert hand.bridge.pacer.flushes - before <= 1
        assert shown <= 1
        hand.bridge.flush()
        last = list(hand.bridge.view.sessions.values())[-1]
        assert last.title == f"t{EVENTS - 1}"


async def test_a_flush_paints_only_lines_that_changed(fleet: Crew) -> None:
    async with aboard(fleet, (160, 50), minimal=True) as hand:
        hand.bridge.deck.folded = False
        hand.bridge.flush()
        await hand.settle()
        painted: list[int] = []
        sessions = hand.deck.sessions
        render = sessions.render_line
        sessions.render_line = lambda y: painted.append(y) or render(y)  # type: ignore[method-assign,func-returns-value]
        third = list(fleet.sessions.values())[2]
        for count in range(500):
            fleet.tell(e.StatusProgress(session_id=third.id, title=f"t{count}"))
        await drained(hand)
        assert set(painted) == {2}


async def test_steps_that_a_narrow_list_has_no_room_for_paint_nothing(fleet: Crew) -> None:
    async with aboard(fleet, (120, 30)) as hand:
        await hand.settle()
        lines = painted(hand)
        flood(fleet, 500)
        await drained(hand)
        await hand.settle()
        assert lines == {}
        await hand.press("m")
        assert hand.shows("t400"), "in the wide list all is shown that came meanwhile"


async def test_after_steps_alone_status_attention_and_hints_are_not_worked_out_anew(
    fleet: Crew,
) -> None:
    async with aboard(fleet, (160, 50), minimal=True) as hand:
        hand.bridge.flush()
        await hand.settle()
        worked: list[str] = []
        hand.deck.show_state = lambda: worked.append("all")  # type: ignore[method-assign]
        show_steps = hand.deck.show_steps
        hand.deck.show_steps = lambda: (worked.append("steps"), show_steps())[1]  # type: ignore[method-assign,func-returns-value]
        flood(fleet, 500)
        await drained(hand)
        await hand.settle()
        assert set(worked) == {"steps"}
        fleet.act(next(iter(fleet.sessions.values())), Activity.WORKING)
        flood(fleet, 500)
        await drained(hand)
        await hand.settle()
        assert "all" in worked
        assert not hand.bridge.steps_only


async def test_a_filter_sees_what_a_step_says(fleet: Crew) -> None:
    async with aboard(fleet, (160, 50)) as hand:
        await hand.press("/", *"needle", "enter")
        assert hand.deck.sessions.session_at(1) is None
        third = list(fleet.sessions.values())[2]
        fleet.tell(e.StatusProgress(session_id=third.id, title="a needle in hay"))
        await drained(hand)
        await hand.settle()
        assert hand.shows(third.name)
        assert hand.deck.deck.listed() == [hand.bridge.view.sessions[third.id]]


async def test_a_flood_in_the_log_costs_the_lines_that_can_be_seen(fleet: Crew) -> None:
    async with aboard(fleet, pacing=SLOW_FRAMES) as hand:
        await hand.press("5")
        hand.bridge.flush()
        await hand.settle()
        composed = 0
        compose = hand.screen.events.compose_row  # type: ignore[attr-defined]

        def count(row: object, width: int) -> object:
            nonlocal composed
            composed += 1
            return compose(row, width)

        hand.screen.events.compose_row = count  # type: ignore[attr-defined]
        flood(fleet, EVENTS)
        await drained(hand)
        hand.bridge.flush()
        await hand.settle()
        assert composed <= 3 * hand.screen.size.height
        assert len(hand.screen.log_model.rows) <= KEPT + SLACK  # type: ignore[attr-defined]
        assert hand.shows(f"t{EVENTS - 1}")


async def test_a_flood_of_frames_is_one_repaint_per_frame(fleet: Crew) -> None:
    first = next(iter(fleet.sessions.values()))
    fleet.draw(first, [f"line {n}" for n in range(24)])
    async with aboard(fleet, pacing=SLOW_FRAMES) as hand:
        terminal = hand.deck.terminal
        await hand.until(lambda: terminal.model and terminal.model.generation)
        before = terminal._pacer.flushes
        for count in range(2000):
            fleet.redraw(first, {count % 24: f"now {count}"})
        await drained(hand)
        assert terminal._pacer.flushes - before <= 1
        terminal._repaint()
        await hand.settle()
        assert hand.shows("now 1999")


async def test_what_needs_someone_gets_through_a_flood(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        flood(fleet, 2000)
        fleet.raise_item(list(fleet.sessions.values())[50], title="in the middle")
        flood(fleet, 2000)
        await drained(hand)
        assert hand.shows("! session-50", "in the middle")
        await hand.press("n")
        assert hand.current() == "session-50"


async def test_memory_of_events_has_a_bound(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        flood(fleet, 6000)
        await drained(hand)
        assert len(hand.bridge.feed) == 5000
        assert hand.bridge.fed == 6000


async def test_a_session_that_works_through_a_flood_is_shown_as_it_stands(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        first = next(iter(fleet.sessions.values()))
        for count in range(3000):
            fleet.act(first, Activity.WORKING if count % 2 else Activity.IDLE)
        await drained(hand)
        assert hand.top().startswith("1 working · 99 idle")
