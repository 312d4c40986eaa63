"""A session's status as things happen, told in the order in which real agents do them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity, DialogKind, Source
from quarterdeck.core.sessions.status import inputs as i
from quarterdeck.core.sessions.status.check import Recording
from quarterdeck.core.sessions.status.claims import Verdict

Drive = Callable[..., Any]
Read = Callable[[str], Recording]


def test_before_the_process_runs_nothing_is_known(drive: Drive) -> None:
    session = drive("claude", start=False)
    session.report("blocked", kind=DialogKind.PERMISSION)
    session.feed(i.TitleSeen, "◐ Claude Code")
    assert session.activity() is Activity.UNKNOWN
    assert session.status.request is None
    assert session.status.evidence == "not started"


def test_turn_by_reports(drive: Drive) -> None:
    """Claude with OSC 7501: every state is its own word."""
    session = drive("claude")
    for state, activity in (
        ("idle", Activity.IDLE),
        ("working", Activity.WORKING),
        ("done", Activity.TURN_DONE),
        ("working", Activity.WORKING),
        ("error", Activity.ERRORED),
        ("working", Activity.WORKING),
        ("idle", Activity.IDLE),  # interrupted: not a finished turn
    ):
        session.report(state)
        assert session.activity() is activity
        assert session.source() is Source.OSC7501
        session.wait(3)
    assert session.activity() is Activity.IDLE


def test_permission_by_report_is_open_at_once_and_gets_its_options_from_the_screen(
    drive: Drive, recording: Read
) -> None:
    session = drive("claude")
    session.report("working")
    session.show(recording("claude-working"))
    session.wait(2)
    session.report("blocked", kind=DialogKind.PERMISSION, message="approve Bash: echo hello")
    assert session.activity() is Activity.NEEDS_APPROVAL
    first = session.request
    assert (first.text, first.choices) == ("approve Bash: echo hello", ())
    since = session.status.since
    session.wait(0.1)
    session.show(recording("claude-permission-bash"))
    assert session.request.request_id == first.request_id
    assert session.request.text == "approve Bash: echo hello\necho hello > hello.txt"
    assert [choice.key for choice in session.request.choices] == ["1", "2", "3", "4"]
    assert session.status.since == since
    assert session.source() is Source.OSC7501


def test_dialog_still_painted_after_the_answer_is_not_asked_again(
    drive: Drive, recording: Read
) -> None:
    """Claude reports working before it repaints: the old dialog is on the screen for a moment."""
    session = drive("claude")
    session.report("blocked", kind=DialogKind.PERMISSION, message="approve")
    session.show(recording("claude-permission-bash"))
    session.wait(1)
    session.feed(i.RequestAnswered, session.request.request_id)
    session.report("working")
    assert session.activity() is Activity.WORKING
    session.show(recording("claude-permission-bash"))
    session.wait(0.3)
    session.show(recording("claude-working"))
    session.wait(20)
    assert [status.activity for status in session.changes].count(Activity.NEEDS_APPROVAL) == 2
    assert session.activity() is Activity.WORKING


def test_next_request_is_another_one_even_if_it_looks_the_same(
    drive: Drive, recording: Read
) -> None:
    session = drive("claude")
    ids = []
    for _ in range(2):
        session.report("blocked", kind=DialogKind.PERMISSION, message="approve")
        session.wait(0.1)
        session.show(recording("claude-permission-bash"))
        ids.append(session.request.request_id)
        session.report("working")
        session.wait(0.1)
        session.show(recording("claude-working"))
    assert len(set(ids)) == 2


def test_two_requests_in_a_row_without_work_between_are_told_apart_by_their_messages(
    drive: Drive, recording: Read
) -> None:
    session = drive("claude")
    session.report("blocked", kind=DialogKind.PERMISSION, message="approve Bash: one")
    session.show(recording("claude-permission-bash"))
    session.wait(1)
    first = session.request
    session.report("blocked", kind=DialogKind.PERMISSION, message="approve Bash: two")
    assert session.request.request_id != first.request_id
    assert session.request.choices == ()  # the first one's dialog is still on the screen
    session.wait(0.1)
    session.show(recording("claude-permission-bash"))
    assert session.request.choices == ()
    session.wait(0.1)
    session.show(recording("claude-permission-hook-pending"))
    assert session.request.text.startswith("approve Bash: two")
    assert len(session.request.choices) == 4


def test_answer_that_does_not_take_can_be_given_again(drive: Drive, recording: Read) -> None:
    session, shown = drive("practice-approver"), recording("practice-approver-permission")
    session.show(shown)
    asked = session.request.request_id
    session.feed(i.RequestAnswered, asked)
    session.wait(1.4)
    assert session.detector.still_open(asked, shown.lines) is None
    session.wait(0.2)
    assert session.activity() is Activity.NEEDS_APPROVAL
    assert session.request.request_id == asked
    assert session.detector.still_open(asked, shown.lines) is not None


def test_answered_dialog_that_went_and_came_was_asked_again(drive: Drive, recording: Read) -> None:
    session, shown = drive("practice-approver"), recording("practice-approver-permission")
    session.show(shown)
    first = session.request.request_id
    session.feed(i.RequestAnswered, first)
    session.wait(0.1)
    session.screen("half a frame")
    session.wait(0.1)
    session.screen(*shown.lines)
    assert session.request.request_id != first


def test_stale_report_of_work_loses_against_a_dialog_that_stays(
    drive: Drive, recording: Read
) -> None:
    session = drive("claude")
    session.report("working")
    session.wait(1)
    session.show(recording("claude-permission-bash"))
    assert session.activity() is Activity.WORKING
    session.wait(4.9)
    assert session.activity() is Activity.WORKING
    session.wait(0.2)
    assert session.activity() is Activity.NEEDS_APPROVAL
    assert session.source() is Source.SCREEN
    verdicts = {each.source: each.verdict for each in session.detector.explain().readings}
    assert verdicts[Source.OSC7501] is Verdict.CONTRADICTED


def test_report_repeated_under_a_dialog_keeps_winning(drive: Drive, recording: Read) -> None:
    session = drive("claude")
    session.show(recording("claude-permission-bash"))
    for _ in range(10):
        session.report("working")
        session.wait(2)
        assert session.activity() is Activity.WORKING


@pytest.mark.parametrize("state", ["idle", "done", "error"])
def test_dialog_of_trust_needs_no_report(drive: Drive, recording: Read, state: str) -> None:
    session = drive("claude")
    session.report(state)
    session.wait(0.1)
    session.feed(i.ScreenSettled, recording("claude-trust-dialog").lines)
    session.wait(0.6)
    assert session.activity() is Activity.NEEDS_APPROVAL
    assert session.request.kind is DialogKind.TRUST


def test_kind_of_a_reported_trust_dialog_comes_from_the_screen(
    drive: Drive, recording: Read
) -> None:
    """Claude reports its trust dialog as a permission."""
    session = drive("claude")
    session.report("blocked", kind=DialogKind.PERMISSION, message="trust this folder")
    session.wait(0.1)
    session.feed(i.ScreenSettled, recording("claude-trust-dialog").lines)
    assert session.request.kind is DialogKind.TRUST
    assert session.activity() is Activity.NEEDS_APPROVAL


def test_title_at_rest_lets_the_screen_say_more(drive: Drive, recording: Read) -> None:
    """Claude's title is the same for idle and waiting, Gemini's for ready, asked and failed."""
    session = drive("claude")
    session.feed(i.TitleSeen, "✳ Claude Code")
    assert session.activity() is Activity.IDLE
    session.feed(i.ScreenSettled, recording("claude-permission-bash").lines)
    assert session.activity() is Activity.NEEDS_APPROVAL
    session.feed(i.ScreenSettled, recording("claude-error-500").lines)
    assert session.activity() is Activity.ERRORED
    gemini = drive("gemini")
    gemini.show(recording("gemini-trust-dialog"))
    assert gemini.request.kind is DialogKind.TRUST


def test_answered_dialog_on_the_last_frame_is_not_asked_again(
    drive: Drive, recording: Read
) -> None:
    """The title said "working", then "ready", before the screen was read once more."""
    session = drive("practice-approver")
    session.show(recording("practice-approver-permission"))
    session.wait(1)
    session.feed(i.RequestAnswered, session.request.request_id)
    session.feed(i.TitleSeen, "Approver - working")
    session.wait(0.2)
    session.feed(i.TitleSeen, "Approver - ready")
    assert session.status.request is None
    session.wait(0.1)
    session.screen("● That was the last command of 1.", "─" * 80, "❯ Say what", "─" * 80)
    session.wait(1)
    waiting = [each.request for each in session.changes if each.request]
    assert len({each.request_id for each in waiting}) == 1
    assert session.activity() is Activity.TURN_DONE


def test_error_above_a_draft_is_over(drive: Drive, recording: Read) -> None:
    """Claude puts an interrupted prompt back under the error of the turn before."""
    session, shown = drive("claude"), recording("claude-error-500")
    session.screen(*shown.lines)
    assert session.activity() is Activity.ERRORED
    drafted = (line.replace("Resend your message to try again", "go on") for line in shown.lines)
    session.screen(*drafted)
    assert session.activity() is Activity.IDLE


def test_title_of_work_beats_a_screen_that_looks_idle(drive: Drive, recording: Read) -> None:
    """Codex shows its prompt while an answer streams."""
    session = drive("codex")
    session.wait(2)
    session.show(recording("codex-working"))
    assert session.source() is Source.TITLE
    session.wait(30)
    assert session.activity() is Activity.WORKING


def test_start_up_blip_is_ignored(drive: Drive) -> None:
    session = drive("codex")
    session.wait(0.3)
    session.report("idle")
    session.wait(0.1)
    session.report("working")
    session.feed(i.TitleSeen, "⠋ proj")
    session.wait(0.1)
    session.report("idle")
    session.feed(i.TitleSeen, "proj")
    assert session.activity() is Activity.UNKNOWN
    session.wait(0.6)
    assert [status.activity for status in session.changes[1:]] == [Activity.IDLE]
    assert session.now == pytest.approx(1.1)


def test_dialog_at_the_start_is_not_ignored(drive: Drive, recording: Read) -> None:
    session = drive("codex")
    session.wait(0.2)
    session.show(recording("codex-trust-dialog"))
    assert session.activity() is Activity.NEEDS_APPROVAL


def test_work_without_a_sign_of_life_is_doubted_and_believed_again(
    drive: Drive, recording: Read
) -> None:
    session = drive("claude")
    session.report("working")
    session.show(recording("claude-working"))
    for _ in range(30):
        session.wait(10)
        session.feed(i.OutputSeen)
    assert session.activity() is Activity.WORKING
    session.wait(61)
    assert session.activity() is Activity.UNKNOWN
    verdicts = {each.verdict for each in session.detector.explain().readings}
    assert Verdict.SILENT in verdicts
    session.feed(i.OutputSeen)
    assert session.activity() is Activity.WORKING


def test_script_that_reports_work_may_be_silent_for_hours(drive: Drive) -> None:
    session = drive("practice-worker")
    session.report("working", message="compiling")
    session.wait(10_000)
    assert session.activity() is Activity.WORKING
    assert session.detector.wake_at is None


def test_screen_that_fits_no_rule_leaves_the_old_word_standing_for_a_moment(
    drive: Drive, recording: Read
) -> None:
    session = drive("opencode")
    session.show(recording("opencode-working"))
    session.screen("half a frame")
    session.wait(1.9)
    assert session.activity() is Activity.WORKING
    session.wait(0.2)
    assert session.activity() is Activity.UNKNOWN
    session.show(recording("opencode-working"))
    assert session.activity() is Activity.WORKING


def test_dialog_behind_a_half_drawn_frame_is_the_same_request(
    drive: Drive, recording: Read
) -> None:
    session = drive("opencode")
    session.show(recording("opencode-permission-bash"))
    first = session.request.request_id
    session.screen("half a frame")
    session.wait(0.5)
    session.show(recording("opencode-permission-bash"))
    session.wait(5)
    assert session.request.request_id == first
    assert len([each for each in session.changes if each.request]) == 1


def test_dialog_that_was_gone_for_long_is_another_request(drive: Drive, recording: Read) -> None:
    session = drive("opencode")
    session.show(recording("opencode-permission-bash"))
    first = session.request.request_id
    session.screen("something else")
    session.wait(3)
    assert session.status.request is None
    session.show(recording("opencode-permission-bash"))
    assert session.request.request_id != first


def test_transcript_viewer_changes_nothing(drive: Drive, recording: Read) -> None:
    session = drive("claude")
    session.show(recording("claude-permission-bash"))
    before = session.status
    session.screen(
        "● I will do that.", "  Do you want to proceed?", "  Showing detailed transcript"
    )
    session.wait(60)
    assert session.status == before
