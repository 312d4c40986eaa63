"""Start-up: input boxes that are drawn before the first dialogs are no readiness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity, DialogKind, Source
from quarterdeck.core.sessions.status import inputs as i
from quarterdeck.core.sessions.status.check import Recording
from quarterdeck.core.sessions.status.claims import REPORT_PATIENCE, Verdict

Drive = Callable[..., Any]
Read = Callable[[str], Recording]


def test_gemini_draws_its_box_before_it_asks_for_trust(drive: Drive, recording: Read) -> None:
    """Seen: title "Ready" and the box, 0.6 s later the dialog, whose Yes an Enter chose."""
    session = drive("gemini")
    session.wait(1.5)
    session.show(recording("gemini-idle"))
    session.wait(0.8)
    assert session.activity() is Activity.UNKNOWN
    session.show(recording("gemini-trust-dialog"))
    kinds = [session.request.kind]
    session.feed(i.RequestAnswered, session.request.request_id)
    session.show(recording("gemini-idle"))  # and now for the keys
    session.wait(1)
    assert session.activity() is Activity.UNKNOWN
    session.show(recording("gemini-auth-dialog"))
    assert [*kinds, session.request.kind] == [DialogKind.TRUST, DialogKind.AUTH]
    assert Activity.IDLE not in {status.activity for status in session.changes}


def test_box_that_lasts_is_idleness(drive: Drive, recording: Read) -> None:
    session = drive("gemini")
    session.show(recording("gemini-idle"))
    told = session.detector.explain()
    assert Verdict.START_UP in {each.verdict for each in told.readings}
    session.wait(2.1)
    assert session.activity() is Activity.IDLE


def test_turn_that_ends_does_not_wait_as_a_start_does(drive: Drive, recording: Read) -> None:
    session = drive("gemini")
    session.feed(i.PromptSubmitted)
    session.feed(i.TitleSeen, "✦  Working… (proj)")
    session.wait(3)
    session.show(recording("gemini-finished"))
    session.wait(0.6)
    assert session.activity() is Activity.TURN_DONE


def test_codex_is_not_idle_before_its_first_report(drive: Drive, recording: Read) -> None:
    """Seen: the box, then the dialog on trust, then the first report."""
    session = drive("codex")
    session.wait(1.2)
    session.show(recording("codex-idle"))
    session.wait(0.5)
    assert session.activity() is Activity.UNKNOWN
    session.show(recording("codex-trust-dialog"))
    assert session.activity() is Activity.NEEDS_APPROVAL
    session.show(recording("codex-idle"))
    session.report("idle")
    assert (session.activity(), session.source()) == (Activity.IDLE, Source.OSC7501)


def test_agent_that_never_reports_though_it_should_is_idle_later(
    drive: Drive, recording: Read
) -> None:
    session = drive("codex")
    session.screen(*recording("codex-idle").lines)
    session.wait(REPORT_PATIENCE - 0.1)
    assert session.activity() is Activity.UNKNOWN
    session.wait(0.2)
    assert session.activity() is Activity.IDLE


def test_restart_of_the_engine_is_no_start(drive: Drive, recording: Read) -> None:
    for agent in ("codex", "gemini"):
        session = drive(agent, start=False)
        session.feed(i.ProcessStarted, resumed=True)
        session.screen(*recording(f"{agent}-idle").lines)
        assert session.activity() is Activity.IDLE


def test_question_at_the_start_is_no_turn(drive: Drive, recording: Read) -> None:
    session = drive("aider")
    session.show(recording("aider-trust-gitignore"))
    assert session.request.kind is DialogKind.TRUST
    session.feed(i.RequestAnswered, session.request.request_id)
    session.wait(3)
    session.show(recording("aider-idle"))
    session.wait(3)
    assert session.activity() is Activity.IDLE


def test_prompt_that_was_entered_is_work_though_nothing_else_shows(
    drive: Drive, recording: Read
) -> None:
    """Seen: aider silent for six seconds after its first prompt; its cursor is below the prompt."""
    lines = (*recording("aider-idle").lines,)
    last = max(n for n, line in enumerate(lines) if line.strip())
    sent = (*lines[:last], "diff> say hello", *lines[last + 1 :])
    session = drive("aider")
    session.feed(i.ScreenSettled, lines, last)
    assert session.activity() is Activity.IDLE
    session.feed(i.ScreenSettled, sent, last)
    assert session.activity() is Activity.IDLE
    session.feed(i.PromptSubmitted)
    session.feed(i.ScreenSettled, sent, last + 1)
    assert session.activity() is Activity.WORKING


@pytest.mark.parametrize("again", [False, True])
def test_turn_too_short_to_be_reported_is_a_turn(
    again: bool, drive: Drive, recording: Read
) -> None:
    """Seen: Claude reports nothing of a turn that takes no time; its screen shows its end."""
    session = drive("claude")
    session.report("working")
    session.wait(2)
    session.report("done")
    shown = recording("claude-finished")
    session.show(shown)
    session.wait(5)
    session.feed(i.PromptSubmitted)
    assert session.activity() is Activity.IDLE
    end = "✻ Brewed for 8s · done 5:40 PM"
    assert any(end in line for line in shown.lines)
    newer = [line.replace(end, "✻ Crunched for 0s · done 5:41 PM") for line in shown.lines]
    session.wait(0.3)
    session.screen(*(shown.lines if again else newer))
    assert session.activity() is (Activity.IDLE if again else Activity.TURN_DONE)


def test_menu_over_the_end_of_a_turn_makes_it_no_new_one(drive: Drive, recording: Read) -> None:
    session = drive("claude")
    session.report("working")
    session.wait(2)
    session.report("done")
    session.screen(*recording("claude-finished").lines)
    session.wait(5)
    session.feed(i.TypedInput)
    session.screen("something that no rule knows")
    session.wait(10)
    session.screen(*recording("claude-finished").lines)
    session.wait(10)
    assert session.activity() is Activity.IDLE


def test_error_without_a_word_is_told_by_the_screen(drive: Drive, recording: Read) -> None:
    session = drive("codex")
    session.report("working")
    session.wait(3)
    session.report("error")
    assert session.activity() is Activity.ERRORED
    session.screen(*recording("codex-limited-429").lines)
    assert (session.activity(), session.source()) == (Activity.LIMITED, Source.SCREEN)
    session.report("idle")  # at the next key
    assert session.activity() is Activity.IDLE


def test_interrupted_answer_of_aider_is_no_finished_turn(drive: Drive, recording: Read) -> None:
    session = drive("aider")
    session.feed(i.PromptSubmitted)
    session.show(recording("aider-working"))
    session.wait(3)
    session.show(recording("aider-interrupted-answer"))
    session.wait(3)
    assert session.activity() is Activity.IDLE


def test_rejected_tool_of_opencode_is_no_finished_turn(drive: Drive, recording: Read) -> None:
    session = drive("opencode")
    session.show(recording("opencode-permission-command"))
    session.feed(i.RequestAnswered, session.request.request_id)
    session.wait(0.2)
    session.show(recording("opencode-idle-rejected"))
    session.wait(3)
    assert session.activity() is Activity.IDLE


def test_prompt_that_speaks_of_limits_is_none(drive: Drive, recording: Read) -> None:
    """A box of text above the closing line may be the prompt's own."""
    shown = recording("opencode-finished")
    at = max(n for n, line in enumerate(shown.lines) if "▣" in line)
    box = ["  ┃", "  ┃  why do I get a 429, rate limit?", "  ┃", "", "     ▣  Build · Fake"]
    session = drive("opencode")
    session.screen(*shown.lines[: at + 1], "", *box, *shown.lines[at + 1 :])
    assert session.activity() is Activity.IDLE
