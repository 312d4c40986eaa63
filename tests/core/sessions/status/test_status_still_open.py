"""Whether a request is the one on the screen, right before something is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity, DialogKind, Request
from quarterdeck.core.sessions.status import inputs as i
from quarterdeck.core.sessions.status.check import Recording

Drive = Callable[..., Any]
Read = Callable[[str], Recording]
DIALOGS = (
    "claude-permission-bash",
    "claude-trust-dialog",
    "codex-permission-command",
    "gemini-question",
    "opencode-permission-bash",
    "aider-permission-shell",
    "practice-approver-permission",
)


def agent_of(stem: str) -> str:
    words = stem.split("-")
    return "-".join(words[:2]) if words[0] == "practice" else words[0]


@pytest.mark.parametrize("stem", DIALOGS)
def test_same_dialog_is_open(stem: str, drive: Drive, recording: Read) -> None:
    session, shown = drive(agent_of(stem)), recording(stem)
    session.show(shown)
    dialog = session.detector.still_open(session.request.request_id, shown.lines, shown.title)
    assert dialog is not None
    assert dialog.choices() == session.request.choices


@pytest.mark.parametrize("stem", DIALOGS)
def test_other_screens_are_not(stem: str, drive: Drive, recording: Read) -> None:
    """The guard of guards: an answer is never typed into another dialog than the one meant."""
    agent = agent_of(stem)
    session, shown = drive(agent), recording(stem)
    session.show(shown)
    meant = session.request.request_id
    for other in DIALOGS:
        if other != stem:
            assert session.detector.still_open(meant, recording(other).lines) is None
    assert session.detector.still_open(meant, ()) is None
    assert session.detector.still_open(meant, (*shown.lines, "another line")) is None


def test_other_command_in_the_same_dialog_is_another_request(drive: Drive, recording: Read) -> None:
    shown = recording("claude-permission-bash")
    for before, after in (
        ("echo hello > hello.txt", "rm -rf ~"),
        ("echo hello > hello.txt", "echo hello > hello.txt2"),
        (" echo hello", " sleep 5s; echo hello"),
    ):
        session = drive("claude")
        session.show(shown)
        lines = tuple(line.replace(before, after) for line in shown.lines)
        assert lines != shown.lines
        assert session.detector.still_open(session.request.request_id, lines) is None


@pytest.mark.parametrize(
    ("before", "after"), [("sleep 5s", "sleep 500s"), ("at 12:00", "at 13:00")]
)
def test_times_in_a_command_count(drive: Drive, recording: Read, before: str, after: str) -> None:
    shown = recording("claude-permission-bash").lines
    session = drive("claude")
    session.screen(*(line.replace("echo hello > hello.txt", before) for line in shown))
    changed = [line.replace("echo hello > hello.txt", after) for line in shown]
    assert session.detector.still_open(session.request.request_id, changed) is None


def test_moved_mark_is_the_same_dialog_and_is_told(drive: Drive, recording: Read) -> None:
    shown = recording("claude-permission-bash").lines
    session = drive("claude")
    session.screen(*shown)
    moved = [line.replace(" ❯ 1.", "   1.").replace("   4. No", " ❯ 4. No") for line in shown]
    dialog = session.detector.still_open(session.request.request_id, moved)
    assert dialog is not None
    assert dialog.marked == 3


def test_words_typed_into_a_question_leave_it_the_same(drive: Drive, recording: Read) -> None:
    shown = recording("claude-question")
    session = drive("claude")
    session.show(shown)
    first = session.request.request_id
    typed = tuple(line.replace("Type something.", "Green, ple") for line in shown.lines)
    assert session.detector.still_open(first, typed) is not None
    session.screen(*typed)
    assert session.request.request_id == first
    other = tuple(line.replace("2. Blue", "2. Teal") for line in shown.lines)
    assert session.detector.still_open(first, other) is None


def test_answered_request_is_not_open(drive: Drive, recording: Read) -> None:
    """A second press of the key must not answer whatever comes next."""
    session, shown = drive("claude"), recording("claude-permission-bash")
    session.show(shown)
    asked = session.request.request_id
    session.feed(i.RequestAnswered, asked)
    assert session.detector.still_open(asked, shown.lines) is None


def test_title_that_says_work_closes_it(drive: Drive, recording: Read) -> None:
    session, shown = drive("codex"), recording("codex-permission-command")
    session.wait(2)
    session.show(shown)
    asked = session.request.request_id
    assert session.detector.still_open(asked, shown.lines, shown.title) is not None
    assert session.detector.still_open(asked, shown.lines, "⠸ proj") is None


def test_unknown_id_is_not_open(drive: Drive, recording: Read) -> None:
    session, shown = drive("claude"), recording("claude-permission-bash")
    assert session.detector.still_open("x-1", shown.lines) is None
    session.show(shown)
    assert session.detector.still_open("x-1", shown.lines) is None


def test_report_without_its_dialog_on_the_screen_takes_no_keys(
    drive: Drive, recording: Read
) -> None:
    session = drive("claude")
    session.report("blocked", kind=DialogKind.PERMISSION, message="approve Bash: ls")
    asked = session.request.request_id
    assert session.detector.still_open(asked, recording("claude-working").lines) is None
    # Even with a dialog there now: nobody has seen its options yet.
    assert session.detector.still_open(asked, recording("claude-permission-bash").lines) is None


def test_report_of_an_agent_whose_dialogs_no_rule_knows_is_open_by_its_word(drive: Drive) -> None:
    session = drive("practice-worker")
    session.report("blocked", kind=DialogKind.QUESTION, message="Which one?")
    dialog = session.detector.still_open(session.request.request_id, ("anything",))
    assert dialog is not None
    assert (dialog.text, dialog.options, dialog.free_text) == ("Which one?", (), True)
    session.report("working")
    assert session.detector.still_open("gone", ("anything",)) is None


def test_request_of_a_channel_is_open_by_its_id(drive: Drive, recording: Read) -> None:
    session, shown = drive("opencode"), recording("opencode-permission-bash")
    asked = Request(request_id="per_1", kind=DialogKind.PERMISSION, text="rm")
    session.feed(
        i.ChannelReport,
        i.ChannelSource.SIDE_CHANNEL,
        Activity.NEEDS_APPROVAL,
        "permission.asked",
        request=asked,
    )
    assert session.detector.still_open("per_1", ("anything",)) is not None
    session.wait(1)
    session.show(shown)
    assert session.detector.still_open("per_1", shown.lines) is not None
    assert session.detector.still_open("per_1", ("anything",)) is None
