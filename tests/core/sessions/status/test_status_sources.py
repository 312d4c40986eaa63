"""What a status is read from beside dialogs: ends and restarts, channels, shells, bells, time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity, DialogKind, Request, Source, Status
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.status import inputs as i
from quarterdeck.core.sessions.status.check import Recording
from quarterdeck.core.sessions.status.claims import Verdict

Drive = Callable[..., Any]
Read = Callable[[str], Recording]


def test_limit_is_read_from_an_error_message(drive: Drive) -> None:
    session = drive("claude")
    session.report("error", message="API Error: 500 fake failure")
    assert session.activity() is Activity.ERRORED
    session.report("error", message="API Error: Repeated 529 Overloaded errors.")
    assert session.activity() is Activity.LIMITED


def test_old_error_is_not_read_from_the_screen_of_a_program_that_leaves(
    drive: Drive, recording: Read
) -> None:
    """Claude takes its report back as it exits, with the error of a former turn still shown."""
    session = drive("claude")
    session.report("idle")
    session.show(recording("claude-error-500"))
    session.wait(10)
    session.report("clear")
    session.wait(0.9)
    assert session.activity() is Activity.UNKNOWN
    session.wait(0.2)
    assert session.activity() is Activity.ERRORED


def test_same_dialog_asked_again_gets_its_options_though_nothing_more_is_written(
    drive: Drive, recording: Read
) -> None:
    session = drive("claude")
    session.report("blocked", message="approve")
    session.show(recording("claude-permission-bash"))
    session.wait(5)
    session.report("working")
    session.report("blocked", message="approve")
    session.wait(0.05)
    session.show(recording("claude-permission-bash"))
    assert session.request.choices == ()
    session.wait(1)
    assert len(session.request.choices) == 4


def test_reset_takes_back_every_report_and_a_prompt_mark_the_living_ones(drive: Drive) -> None:
    session = drive("practice-worker")
    session.report("working")
    session.feed(i.ReportsCleared, i.ClearCause.PROMPT_MARK)
    assert session.activity() is Activity.UNKNOWN
    session.report("done")
    session.feed(i.ReportsCleared, i.ClearCause.PROMPT_MARK)
    assert session.activity() is Activity.TURN_DONE
    session.feed(i.ReportsCleared, i.ClearCause.RESET)
    assert session.activity() is Activity.UNKNOWN


def test_exit_ends_every_request(drive: Drive, recording: Read) -> None:
    session = drive("claude")
    session.report("blocked", kind=DialogKind.PERMISSION, message="approve")
    session.show(recording("claude-permission-bash"))
    session.feed(i.ProcessExited, "killed by signal 9")
    assert session.status.request is None
    assert session.activity() is Activity.UNKNOWN
    assert session.status.evidence == "killed by signal 9"
    session.report("blocked", kind=DialogKind.PERMISSION, message="a late byte")
    session.show(recording("claude-permission-bash"))
    assert session.status.request is None


def test_finished_turn_outlives_its_process(drive: Drive) -> None:
    session = drive("practice-worker")
    session.report("working")
    session.report("done")
    session.feed(i.ProcessExited, "exited with code 0")
    assert session.activity() is Activity.TURN_DONE
    session.feed(i.FocusChanged, focused=True)
    session.wait(2)
    assert session.activity() is Activity.IDLE


def test_restart_forgets_what_the_former_process_said(drive: Drive, recording: Read) -> None:
    session = drive("claude")
    session.report("done")
    session.show(recording("claude-finished"))
    session.feed(i.ProcessExited, "exited with code 0")
    session.wait(1)
    session.feed(i.ProcessStarted)
    assert session.activity() is Activity.UNKNOWN
    assert session.status.evidence == "running; no signal says what it does"


def test_side_channel_counts_within_its_window_and_no_longer(drive: Drive) -> None:
    session = drive("claude")
    session.feed(
        i.ChannelReport, i.ChannelSource.SIDE_CHANNEL, Activity.WORKING, "busy", fresh_for=10.0
    )
    assert (session.activity(), session.status.source) == (Activity.WORKING, Source.SIDE_CHANNEL)
    session.wait(9.9)
    assert session.activity() is Activity.WORKING
    session.wait(0.2)
    assert session.activity() is Activity.UNKNOWN


def test_request_of_a_channel_keeps_the_agents_own_id(drive: Drive, recording: Read) -> None:
    session = drive("opencode")
    asked = Request(request_id="per_42", kind=DialogKind.PERMISSION, text="$ rm -rf build")
    session.feed(
        i.ChannelReport,
        i.ChannelSource.SIDE_CHANNEL,
        Activity.NEEDS_APPROVAL,
        "permission.asked",
        request=asked,
    )
    session.show(recording("opencode-permission-bash"))
    assert session.status.request == asked
    session.feed(i.ChannelReport, i.ChannelSource.SIDE_CHANNEL, Activity.WORKING, "busy")
    assert session.status.request is None


def test_protocol_is_believed_against_everything(drive: Drive, recording: Read) -> None:
    session = drive("claude")
    session.feed(i.ChannelReport, i.ChannelSource.ACP, Activity.WORKING, "prompt pending")
    session.report("idle")
    session.show(recording("claude-permission-bash"))
    session.wait(100)
    assert (session.activity(), session.status.source) == (Activity.WORKING, Source.ACP)


def test_shell_is_idle_when_it_owns_its_terminal(drive: Drive) -> None:
    session = drive("shell")
    session.feed(i.ForegroundSeen, own=True, program="bash")
    assert session.activity() is Activity.IDLE
    session.feed(i.TypedInput)
    session.feed(i.ForegroundSeen, own=False, program="make")
    assert session.activity() is Activity.WORKING
    assert "make" in session.status.evidence
    session.wait(30)
    session.feed(i.ForegroundSeen, own=True, program="bash")
    session.wait(1)
    assert session.activity() is Activity.TURN_DONE


def test_short_command_in_a_shell_is_no_turn(drive: Drive) -> None:
    session = drive("shell")
    session.feed(i.ForegroundSeen, own=True)
    session.feed(i.TypedInput)
    session.feed(i.ForegroundSeen, own=False, program="ls")
    session.wait(0.2)
    session.feed(i.ForegroundSeen, own=True)
    session.wait(10)
    assert session.activity() is Activity.IDLE


def test_report_of_a_program_that_left_the_shell_is_over(drive: Drive) -> None:
    """A coding agent run by hand in a shell, killed before it could take its report back."""
    session = drive("shell")
    session.feed(i.ForegroundSeen, own=True)
    session.feed(i.ForegroundSeen, own=False, program="claude")
    session.report("working")
    assert session.source() is Source.OSC7501
    session.feed(i.ForegroundSeen, own=True)
    session.wait(1)
    assert session.source() is Source.PROCESS


@pytest.fixture
def unknown(agents: dict[str, AgentDefinition]) -> AgentDefinition:
    return AgentDefinition(name="mystery", command=("mystery",))


def test_unknown_command_works_while_it_writes(drive: Drive, unknown: AgentDefinition) -> None:
    session = drive(unknown)
    assert session.activity() is Activity.UNKNOWN
    for _ in range(20):
        session.feed(i.OutputSeen)
        assert session.activity() is Activity.WORKING
        session.wait(1)
    assert session.source() is Source.SILENCE
    session.wait(2.5)
    assert session.activity() is Activity.UNKNOWN
    assert "silent" in session.status.evidence


def test_echo_of_a_key_is_no_work(drive: Drive, unknown: AgentDefinition) -> None:
    session = drive(unknown)
    session.feed(i.TypedInput)
    session.wait(0.05)
    session.feed(i.OutputSeen)
    assert session.activity() is Activity.UNKNOWN
    session.wait(0.6)
    session.feed(i.OutputSeen)
    assert session.activity() is Activity.WORKING


def test_bell_wants_attention_where_nothing_better_speaks(
    drive: Drive, unknown: AgentDefinition
) -> None:
    session = drive(unknown)
    session.feed(i.OutputSeen)
    session.wait(1)
    session.feed(i.AttentionSignal, "bell")
    assert (session.activity(), session.status.source) == (Activity.TURN_DONE, Source.NOTIFICATION)
    session.feed(i.FocusChanged, focused=True)
    session.wait(2.1)
    assert session.activity() is Activity.UNKNOWN
    session.feed(i.FocusChanged, focused=False)
    session.feed(i.AttentionSignal, "osc777", "build ready")
    assert session.activity() is Activity.TURN_DONE
    assert session.status.evidence == "osc777: build ready"
    session.feed(i.TypedInput)
    assert session.activity() is Activity.UNKNOWN


def test_bell_after_typing_is_news_again(drive: Drive, unknown: AgentDefinition) -> None:
    session = drive(unknown)
    for _ in range(3):
        session.feed(i.TypedInput)
        session.feed(i.AttentionSignal, "bell")
        assert session.activity() is Activity.TURN_DONE


def test_bell_says_nothing_where_rules_speak(drive: Drive, recording: Read) -> None:
    session = drive("claude")
    session.show(recording("claude-working"))
    session.feed(i.AttentionSignal, "bell")
    assert session.activity() is Activity.WORKING
    shell = drive("shell")
    shell.feed(i.ForegroundSeen, own=True)
    shell.feed(i.AttentionSignal, "bell")  # a completion that found nothing
    assert shell.activity() is Activity.IDLE


def test_titles_of_a_spinner_are_no_news(drive: Drive) -> None:
    session = drive("codex")
    session.wait(2)
    for frame in "⠋⠙⠹⠸⠼⠴⠦⠧":
        session.feed(i.TitleSeen, f"{frame} proj")
        session.wait(0.1)
    assert len([each for each in session.changes if each.activity is Activity.WORKING]) == 1


def test_restored_session_keeps_request_time_and_what_was_seen(
    drive: Drive, recording: Read
) -> None:
    before = drive("claude")
    before.wait(50)
    before.show(recording("claude-permission-bash"))
    after = drive("claude", restored=before.status)
    after.now = 400
    after.show(recording("claude-permission-bash"))
    assert after.request == before.request
    assert after.status.since == before.status.since
    after.show(recording("claude-question"))
    assert after.request.request_id != before.request.request_id


@pytest.mark.parametrize("title_first", [True, False])
def test_restored_request_is_recognised_by_title_or_screen(
    drive: Drive, recording: Read, title_first: bool
) -> None:
    """A terminal that is rebuilt may tell its title before its screen, or after it."""
    shown = recording("codex-permission-command")
    before = drive("codex")
    before.wait(2)
    before.show(shown)
    after = drive("codex", restored=before.status)
    if title_first:
        after.feed(i.TitleSeen, shown.title)
        assert after.request == before.request
        assert after.detector.still_open(after.request.request_id, shown.lines) is None
    after.screen(*shown.lines)
    after.feed(i.TitleSeen, shown.title)
    assert after.request == before.request
    assert after.detector.still_open(after.request.request_id, shown.lines) is not None


def test_other_request_after_a_restart_gets_another_id(drive: Drive, recording: Read) -> None:
    shown = recording("codex-permission-command")
    before = drive("codex")
    before.wait(2)
    before.show(shown)
    after = drive("codex", restored=before.status)
    after.feed(i.TitleSeen, shown.title)
    after.screen(*recording("codex-question").lines)
    assert after.request.request_id != before.request.request_id
    assert after.request.kind is DialogKind.QUESTION


def test_restored_idle_does_not_turn_into_a_finished_turn(drive: Drive, recording: Read) -> None:
    before = drive("claude")
    before.show(recording("claude-finished"))
    assert before.activity() is Activity.TURN_DONE
    seen = drive("claude", restored=Status(activity=Activity.IDLE, since=before.status.since))
    seen.show(recording("claude-finished"))
    assert seen.activity() is Activity.IDLE
    unseen = drive(
        "gemini", restored=Status(activity=Activity.TURN_DONE, since=before.status.since)
    )
    unseen.show(recording("gemini-finished"))
    assert unseen.activity() is Activity.TURN_DONE


def test_explanation_ranks_what_was_said(drive: Drive, recording: Read) -> None:
    session = drive("claude")
    session.report("working", message="reading")
    session.show(recording("claude-working"))
    explanation = session.detector.explain()
    assert [each.source for each in explanation.readings] == [
        Source.OSC7501, Source.TITLE, Source.SCREEN, Source.PROCESS,
    ]  # fmt: skip
    assert explanation.winner is not None
    assert explanation.winner.evidence == "working: reading"
    assert [each.verdict for each in explanation.readings[1:]] == [Verdict.OUTRANKED] * 3
    title = explanation.readings[1]
    assert (title.rule, title.evidence) == ("title-working", "◑ Claude Code")
    assert title.origin.startswith("claude.toml:")
    assert explanation.model_dump_json()


def test_explanation_says_what_was_made_of_the_winner(drive: Drive, recording: Read) -> None:
    session = drive("gemini")
    session.show(recording("gemini-working"))
    session.wait(5)
    session.show(recording("gemini-finished"))
    assert "just stopped" in session.detector.explain().note
    session.wait(1)
    assert "nobody has seen" in session.detector.explain().note
    session.feed(i.TypedInput)
    session.feed(i.FocusChanged, focused=True)
    assert session.activity() is Activity.IDLE


def test_time_that_was_not_asked_for_changes_nothing(drive: Drive) -> None:
    session = drive("claude")
    session.report("working")
    session.now = 5
    assert session.feed(i.TimePassed) is None


OPENCODE_BOX = ("  ┃", "  ┃  Build · Test Test", "  ╹" + "▀" * 60)
RETRYING = "   ■■■⬝⬝ fake failure [retrying in 2s attempt #2]        esc interrupt"
RESTS = "   /home/user/proj                  tab agents  ctrl+p commands"
ASKED = ("  ┃  the first, interrupted too", "", "  ┃  tell me of errors", "")


def test_an_interrupted_retry_is_neither_its_error_nor_a_limit(drive: Drive) -> None:
    """The prompt stands alone in a box then, like the text of an error."""
    session = drive("opencode")
    closing = "     ▣  Build · Test"
    session.wait(5)
    session.screen(*ASKED, closing, *OPENCODE_BOX, RETRYING)
    assert session.activity() is Activity.WORKING
    session.screen(*ASKED, closing, *OPENCODE_BOX, RESTS)
    session.wait(3)
    assert session.activity() is Activity.IDLE
    session.screen(*ASKED, "     ▣  Build · Test", *OPENCODE_BOX, RETRYING)
    session.screen(*ASKED, "  ┃  fake failure 429", closing, *OPENCODE_BOX, RESTS)
    session.wait(3)
    assert session.activity() is Activity.LIMITED, "what came as the work ended is its error"
