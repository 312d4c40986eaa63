"""Finished turns, and when they count as seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.sessions.status import inputs as i
from quarterdeck.core.sessions.status.check import Recording

Drive = Callable[..., Any]
Read = Callable[[str], Recording]


def work(session: Any, seconds: float = 5) -> None:
    session.feed(i.TitleSeen, "✦  Working… (proj)")
    session.wait(seconds)


def rest(session: Any) -> None:
    session.screen("─" * 60, " >   Type your message or @path/to/file")
    session.feed(i.TitleSeen, "◇  Ready (proj)")


def test_work_that_stops_is_a_finished_turn(drive: Drive) -> None:
    session = drive("gemini")
    rest(session)
    session.wait(3)
    assert session.activity() is Activity.IDLE
    work(session)
    rest(session)
    assert session.activity() is Activity.WORKING  # it may only be between two steps
    session.wait(0.6)
    assert session.activity() is Activity.TURN_DONE
    session.wait(3600)
    assert session.activity() is Activity.TURN_DONE


def test_pause_between_two_steps_is_none(drive: Drive) -> None:
    session = drive("gemini")
    for _ in range(5):
        work(session, 2)
        rest(session)
        session.wait(0.3)
    work(session)
    assert [each.activity for each in session.changes] == [Activity.UNKNOWN, Activity.WORKING]


def test_blip_at_the_start_is_no_turn(drive: Drive) -> None:
    session = drive("gemini")
    work(session, 0.5)
    rest(session)
    session.wait(1)
    assert session.activity() is Activity.IDLE


@pytest.mark.parametrize("kind", [i.PromptSubmitted, i.TypedInput])
def test_quick_answer_to_a_person_is_a_turn(drive: Drive, kind: Any) -> None:
    session = drive("gemini")
    rest(session)
    session.feed(kind)
    work(session, 0.3)
    rest(session)
    session.wait(1)
    assert session.activity() is Activity.TURN_DONE


def test_interrupted_turn_is_none(drive: Drive, recording: Read) -> None:
    session = drive("gemini")
    session.feed(i.PromptSubmitted)
    work(session)
    session.feed(i.ScreenSettled, recording("gemini-cancelled").lines)
    session.feed(i.TitleSeen, "◇  Ready (proj)")
    session.wait(10)
    assert session.activity() is Activity.IDLE


def test_two_seconds_of_focus_are_seen(drive: Drive) -> None:
    session = drive("practice-worker")
    session.report("working")
    session.report("done")
    session.wait(10)
    session.feed(i.FocusChanged, focused=True)
    session.wait(1.9)
    assert session.activity() is Activity.TURN_DONE
    session.feed(i.FocusChanged, focused=False)
    session.wait(10)
    assert session.activity() is Activity.TURN_DONE
    session.feed(i.FocusChanged, focused=True)
    session.wait(2.1)
    assert session.activity() is Activity.IDLE
    session.feed(i.FocusChanged, focused=False)
    session.wait(10)
    assert session.activity() is Activity.IDLE


def test_who_watches_sees_it_two_seconds_after_the_end(drive: Drive) -> None:
    session = drive("practice-worker")
    session.feed(i.FocusChanged, focused=True)
    session.report("working")
    session.wait(100)
    session.report("done")
    session.feed(i.FocusChanged, focused=True)
    assert session.activity() is Activity.TURN_DONE
    session.wait(1.9)
    assert session.activity() is Activity.TURN_DONE
    session.wait(0.2)
    assert session.activity() is Activity.IDLE


def test_typing_is_seeing(drive: Drive) -> None:
    session = drive("practice-worker")
    session.report("working")
    session.report("done")
    session.feed(i.TypedInput)
    assert session.activity() is Activity.IDLE


def test_next_turn_is_unseen_again(drive: Drive) -> None:
    session = drive("practice-worker")
    for _ in range(3):
        session.report("working")
        session.report("done")
        assert session.activity() is Activity.TURN_DONE
        session.feed(i.PromptSubmitted)
        assert session.activity() is Activity.IDLE


def test_answered_dialog_belongs_to_the_turn(drive: Drive, recording: Read) -> None:
    session = drive("gemini")
    session.show(recording("gemini-permission-shell"))
    session.wait(30)
    session.show(recording("gemini-working"))
    session.show(recording("gemini-finished"))
    session.wait(1)
    assert session.activity() is Activity.TURN_DONE


def test_dialog_of_trust_is_no_turn(drive: Drive, recording: Read) -> None:
    session = drive("gemini")
    session.show(recording("gemini-trust-dialog"))
    session.wait(30)
    session.show(recording("gemini-idle"))
    session.wait(5)
    assert session.activity() is Activity.IDLE


def test_rejected_dialog_shows_idle_at_once(drive: Drive, recording: Read) -> None:
    """No request is open any more: holding the old status would say one is."""
    session = drive("gemini")
    session.show(recording("gemini-permission-shell"))
    session.wait(30)
    session.feed(i.ScreenSettled, recording("gemini-idle").lines)
    rest(session)
    assert session.activity() is Activity.IDLE
    assert session.status.request is None


@pytest.mark.parametrize("shown", ["gemini-error-400", "gemini-limited-429"])
def test_failed_turn_is_not_a_finished_one(drive: Drive, recording: Read, shown: str) -> None:
    session = drive("gemini")
    work(session)
    session.show(recording(shown))
    session.wait(10)
    assert session.activity() in {Activity.ERRORED, Activity.LIMITED}
    session.show(recording("gemini-idle"))
    session.wait(10)
    assert session.activity() is Activity.IDLE


def test_mark_of_a_finished_turn_is_seen_once(drive: Drive, recording: Read) -> None:
    """Claude's line stays on the screen: it must not come back as news."""
    session = drive("claude")
    session.show(recording("claude-finished"))
    session.feed(i.FocusChanged, focused=True)
    session.wait(3)
    assert session.activity() is Activity.IDLE
    session.feed(i.FocusChanged, focused=False)
    session.show(recording("claude-idle"))
    session.show(recording("claude-finished"))
    assert session.activity() is Activity.IDLE
    session.show(recording("claude-working"))
    session.wait(5)
    session.show(recording("claude-finished"))
    assert session.activity() is Activity.TURN_DONE


def test_unknown_moment_in_a_turn_does_not_end_it(drive: Drive) -> None:
    session = drive("gemini")
    work(session)
    session.feed(i.TitleSeen, "something else")
    assert session.activity() is Activity.UNKNOWN
    rest(session)
    session.wait(1)
    assert session.activity() is Activity.TURN_DONE
