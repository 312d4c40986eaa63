"""The link: made, lost, made again, handed over; and the screens that are watched over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from tests.tui.crew import Crew
from tests.tui.waiting import until

from quarterdeck.core.base.errors import QuarterdeckError, ResourceFault, ValidationFault
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.protocol.screen import row_text
from quarterdeck.tui.link import STEADY_SECONDS, Link, LinkState, back_off
from quarterdeck.tui.watching import Watching

SLOW = RetryPolicy(max_attempts=1000, initial_delay=60, max_delay=600)
QUICK = RetryPolicy(max_attempts=1000, initial_delay=0.001, max_delay=0.001)


@asynccontextmanager
async def linked(
    crew: Crew, retry: RetryPolicy = SLOW
) -> AsyncIterator[tuple[Link, list[LinkState]]]:
    link = Link(crew, crew.clock, retry)
    states: list[LinkState] = []
    link.on_state = states.append
    task = asyncio.create_task(link.run())
    try:
        yield link, states
    finally:
        await link.leave()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_link_brings_the_state(busy: Crew) -> None:
    async with linked(busy) as (link, states):
        await until(lambda: link.view and link.view.sessions)
        assert states == [LinkState(up=True)]
        assert link.state.up


async def test_an_engine_that_can_not_be_reached_is_tried_again_ever_more_slowly(
    crew: Crew,
) -> None:
    crew.unreachable = LinkClosed("No engine answers at /x.")
    async with linked(crew) as (link, states):
        for attempt in (1, 2, 3):
            await until(lambda number=attempt: len(states) == number)  # type: ignore[misc]
            link.reconnect_now()
        await until(lambda: len(states) == 4)
        assert [state.wait for state in states] == [60, 120, 240, 480]
        assert [state.attempt for state in states] == [1, 2, 3, 4]
        assert states[0].reason == "No engine answers at /x."
        assert crew.connects == 4


def test_waits_double_up_to_ten_seconds() -> None:
    policy = back_off(0.5)
    assert [policy.delay(attempt) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 10, 10]
    assert policy.allows(100_000)


async def test_a_wait_ends_when_the_person_asks(crew: Crew) -> None:
    crew.unreachable = LinkClosed("no")
    async with linked(crew) as (link, states):
        await until(lambda: states)
        crew.unreachable = None
        link.reconnect_now()
        await until(lambda: link.state.up)


async def test_a_lost_link_is_made_again(busy: Crew) -> None:
    async with linked(busy, QUICK) as (link, states):
        await until(lambda: link.state.up)
        first = link.client
        busy.drop()
        await until(lambda: link.state.up and link.client is not first)
        assert [state.up for state in states] == [True, False, True]
        assert "closed the link" in states[1].reason


async def test_a_takeover_is_followed_at_once(busy: Crew) -> None:
    async with linked(busy, SLOW) as (link, states):
        await until(lambda: link.state.up)
        busy.goodbye("the dashboard left", takeover=True)
        await until(lambda: busy.connects == 2 and link.state.up)
        assert states[1] == LinkState(up=False, reason="the dashboard left", wait=0.0, attempt=1)


async def test_any_other_goodbye_waits_its_turn(busy: Crew) -> None:
    async with linked(busy, SLOW) as (link, states):
        await until(lambda: link.state.up)
        busy.goodbye("shutting down")
        await until(lambda: len(states) == 2)
        assert states[1] == LinkState(up=False, reason="shutting down", wait=60, attempt=1)
        assert busy.connects == 1


async def test_an_engine_that_was_shut_down_is_left_alone_until_the_person_wants_it(
    busy: Crew,
) -> None:
    async with linked(busy, QUICK) as (link, states):
        await until(lambda: link.state.up)
        busy.goodbye("a client asked for it", asked=True)
        await until(lambda: link.state.shut_down)
        await asyncio.sleep(0)
        assert busy.connects == 1
        link.reconnect_now()
        await until(lambda: link.state.up)
        assert busy.connects == 2
        assert not states[-1].shut_down


async def test_an_heir_takes_over_even_if_the_stop_was_asked_for(busy: Crew) -> None:
    async with linked(busy) as (link, _):
        await until(lambda: link.state.up)
        busy.goodbye("it quits", takeover=True, asked=True)
        await until(lambda: busy.connects == 2)
        await until(lambda: link.state.up)


class Hopeless(ResourceFault):
    """What no retry mends."""

    code = "hopeless"
    recoverable = False


@pytest.mark.parametrize("error", [Hopeless("Too new."), ValidationFault("The settings are bad.")])
async def test_what_no_retry_mends_ends_it_if_there_never_was_a_link(
    crew: Crew, error: QuarterdeckError
) -> None:
    crew.unreachable = error
    link = Link(crew, crew.clock, QUICK)
    told: list[QuarterdeckError] = []
    link.on_hopeless = told.append
    await asyncio.wait_for(link.run(), 5)
    assert told == [error]
    assert crew.connects == 1


async def test_what_no_retry_mends_is_waited_for_after_a_link(busy: Crew) -> None:
    async with linked(busy, QUICK) as (link, _):
        await until(lambda: link.state.up)
        busy.unreachable = Hopeless("The disk is gone.")
        busy.drop()
        await until(lambda: busy.connects > 3)
        busy.unreachable = None
        await until(lambda: link.state.up)


async def test_an_engine_that_dies_at_once_is_not_hammered(busy: Crew) -> None:
    async with linked(busy, SLOW) as (link, states):
        for _ in range(3):
            await until(lambda: link.state.up)
            busy.drop()
            await until(lambda: not link.state.up)
            link.reconnect_now()
        waits = [state.wait for state in states if not state.up]
        assert waits == [60, 120, 240]


async def test_a_link_that_held_begins_anew_with_short_waits(busy: Crew) -> None:
    async with linked(busy, SLOW) as (link, states):
        for _ in range(2):
            await until(lambda: link.state.up)
            busy.clock.advance(STEADY_SECONDS)
            busy.drop()
            await until(lambda: not link.state.up)
            link.reconnect_now()
        assert [state.wait for state in states if not state.up] == [60, 60]


async def test_an_engine_that_closes_before_it_greets_counts_as_unreachable(crew: Crew) -> None:
    connect = crew.connect

    async def closed() -> object:
        endpoint = await connect()
        endpoint.end()
        return endpoint

    crew.connect = closed  # type: ignore[method-assign,assignment]
    async with linked(crew) as (link, states):
        await until(lambda: states)
        assert not states[0].up
        assert link.client is None


async def test_leaving_makes_no_new_link(busy: Crew) -> None:
    async with linked(busy, QUICK) as (link, states):
        await until(lambda: link.state.up)
        await link.leave()
        await asyncio.sleep(0.01)
        assert busy.connects == 1
        assert states == [LinkState(up=True)]


# ---- watching


class Watched:
    """Writes down what is watched."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def watch(self, session_id: str) -> None:
        self.calls.append(f"+{session_id}")

    def unwatch(self, session_id: str) -> None:
        self.calls.append(f"-{session_id}")


@pytest.fixture
def shown(crew: Crew) -> tuple[Watching, Watched, list[frozenset[int] | None], str, Crew]:
    """A session on which two look."""
    session = crew.add("a")
    watching, watched = Watching(), Watched()
    watching.attach(watched)
    changes: list[frozenset[int] | None] = []
    watching.look(session.id, changes.append)
    crew.draw(session, ["one", "two"])
    return watching, watched, changes, session.id, crew


Shown = tuple[Watching, Watched, list[frozenset[int] | None], str, Crew]


def test_many_lookers_cost_one_watch(shown: Shown) -> None:
    watching, watched, _, session_id, _ = shown
    away = watching.look(session_id, lambda _: None)
    assert watched.calls == [f"+{session_id}"]
    away()
    away()
    assert watched.calls == [f"+{session_id}"]


def test_the_last_looker_ends_the_watch() -> None:
    watching, watched = Watching(), Watched()
    watching.attach(watched)
    away = watching.look("x", lambda _: None)
    away()
    assert watched.calls == ["+x", "-x"]
    assert watching.model("x") is None


def test_frames_come_to_the_lookers_as_changed_lines(shown: Shown) -> None:
    watching, _, changes, session_id, crew = shown
    watching.apply(crew.screens[session_id])
    before = crew.screens[session_id]
    frame = before.model_copy(
        update={"generation": 2, "base": 1, "full": False, "rows": {1: before.rows[0]}}
    )
    watching.apply(frame)
    assert changes == [None, frozenset({1})]
    model = watching.model(session_id)
    assert model is not None
    assert [row_text(row) for row in model.rows[:2]] == ["one", "one"]


def test_a_frame_of_a_session_nobody_looks_at_is_overlooked(shown: Shown) -> None:
    watching, _, changes, session_id, crew = shown
    watching.apply(crew.screens[session_id].model_copy(update={"session_id": "other"}))
    assert changes == []


def test_a_missing_frame_has_the_screen_sent_anew_once(shown: Shown) -> None:
    watching, watched, changes, session_id, crew = shown
    full = crew.screens[session_id]
    watching.apply(full)
    late = full.model_copy(update={"generation": 9, "base": 8, "full": False})
    watching.apply(late)
    watching.apply(late)
    assert watched.calls == [f"+{session_id}", f"-{session_id}", f"+{session_id}"]
    assert changes == [None]
    watching.apply(full.model_copy(update={"generation": 10}))
    assert changes == [None, None]


def test_a_new_link_watches_all_that_was_watched_and_waits_for_whole_screens(
    shown: Shown,
) -> None:
    watching, _, _, session_id, crew = shown
    watching.apply(crew.screens[session_id])
    old = watching.model(session_id)
    watching.attach(None)
    again = Watched()
    watching.attach(again)
    assert again.calls == [f"+{session_id}"]
    model = watching.model(session_id)
    assert model is not None
    assert model is not old
    assert model.generation == 0


def test_looking_away_while_the_link_is_down_is_fine(shown: Shown) -> None:
    watching, watched, _, _, _ = shown
    watching.attach(None)
    away = watching.look("b", lambda _: None)
    away()
    assert len(watched.calls) == 1
