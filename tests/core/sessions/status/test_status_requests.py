"""When an open request is the same still, and when it is another one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity, Choice, DialogKind, Request, Source
from quarterdeck.core.sessions.status.check import Recording
from quarterdeck.core.sessions.status.claims import Claim
from quarterdeck.core.sessions.status.dialog import Dialog, Option
from quarterdeck.core.sessions.status.inputs import Moment
from quarterdeck.core.sessions.status.requests import (
    ANSWER_PATIENCE,
    REPAINT_PATIENCE,
    RequestTracker,
    Sight,
    kind_of,
    text_of,
)

BORN = datetime(2026, 1, 1, tzinfo=UTC)
K, S, A = DialogKind, Source, Activity


def dialog(text: str = "touch t1", kind: DialogKind = K.PERMISSION, mark: str = "") -> Dialog:
    activity = A.NEEDS_ANSWER if kind is K.QUESTION else A.NEEDS_APPROVAL
    options = (Option("1", "Yes", meaning="allow_once"), Option("2", "No", meaning="reject"))
    return Dialog(kind, activity, text, options, mark or f"print of {text}", "head")


def claim(source: Source = S.OSC7501, at: float = 0.0, **more: Any) -> Claim:
    since = Moment(at, BORN + timedelta(seconds=at))
    fields: dict[str, Any] = {"kind": K.PERMISSION, "said": at, **more}
    return Claim(source, A.NEEDS_APPROVAL, "seen", since, **fields)


def on_screen(shown: Dialog, at: float = 0.0) -> Claim:
    return claim(S.SCREEN, at, dialog=shown, kind=shown.kind)


def test_id_is_the_fingerprint_and_the_number_of_the_appearance() -> None:
    tracker = RequestTracker()
    shown = dialog()
    ids = []
    for at in range(3):
        ids.append(tracker.update(on_screen(shown, at), Sight(), at).request.request_id)
        tracker.close()
    assert ids == [f"{shown.fingerprint}-{number}" for number in (1, 2, 3)]


def test_same_claim_changes_nothing() -> None:
    tracker = RequestTracker()
    first = tracker.update(on_screen(dialog()), Sight(), 0)
    assert tracker.update(on_screen(dialog()), Sight(), 5) == first


def test_other_dialog_is_another_request() -> None:
    tracker = RequestTracker()
    first = tracker.update(on_screen(dialog()), Sight(), 0)
    second = tracker.update(on_screen(dialog("rm -rf /")), Sight(), 1)
    assert first.request.request_id != second.request.request_id
    assert second.request.text == "rm -rf /"


def test_report_waits_for_a_screen_that_is_newer_than_itself() -> None:
    tracker = RequestTracker()
    asked = claim(at=10, message="approve Bash: touch t1")
    early = tracker.update(asked, Sight(dialog(), settled=9.9), 10)
    assert early.dialog is None
    late = tracker.update(asked, Sight(dialog(), settled=10.1), 10.1)
    assert late.dialog is not None
    assert late.request.request_id == early.request.request_id
    assert late.opened == early.opened == 10


def test_dialog_that_nothing_was_written_over_belongs_after_a_moment() -> None:
    tracker = RequestTracker()
    asked = claim(at=10)
    tracker.update(asked, Sight(dialog(), settled=9.9), 10)
    ripe = 10 + REPAINT_PATIENCE
    assert tracker.wake_at == ripe
    assert tracker.update(asked, Sight(dialog(), 9.9, quiet=False), ripe).dialog is None
    assert tracker.update(asked, Sight(dialog(), 9.9), ripe).dialog is not None
    assert tracker.wake_at is None


def test_dialog_that_was_just_closed_is_an_old_frame() -> None:
    tracker = RequestTracker()
    tracker.update(on_screen(dialog()), Sight(), 0)
    tracker.close()
    asked = claim(at=1)
    assert tracker.update(asked, Sight(dialog(), settled=1.1), 1.1).dialog is None
    later = 1 + REPAINT_PATIENCE
    assert tracker.update(asked, Sight(dialog(), settled=later), later).dialog is not None


def test_message_tells_requests_apart_and_its_coming_doesn_t() -> None:
    tracker = RequestTracker()
    first = tracker.update(on_screen(dialog()), Sight(), 0)
    sight = Sight(dialog(), settled=0.0)
    told = tracker.update(claim(at=1, message="approve: touch t1"), sight, 1)
    assert told.request.request_id == first.request.request_id
    assert told.request.text == "approve: touch t1"
    other = tracker.update(claim(at=2, message="approve: touch t2"), sight, 2)
    assert other.request.request_id != first.request.request_id


def test_request_stays_while_its_dialog_is_hidden() -> None:
    """By a viewer, a menu, a half-drawn frame: the program still says that it waits."""
    tracker = RequestTracker()
    first = tracker.update(claim(), Sight(dialog(), settled=0.0), 0)
    hidden = tracker.update(claim(), Sight(None, settled=1.0), 1)
    assert hidden == first


def test_answer_that_changed_nothing_is_forgotten() -> None:
    tracker = RequestTracker()
    first = tracker.update(on_screen(dialog()), Sight(), 0)
    tracker.answered(first.request.request_id, 1)
    assert tracker.wake_at == 1 + ANSWER_PATIENCE
    held = tracker.update(on_screen(dialog()), Sight(), 2)
    assert held.answered == 1
    again = tracker.update(on_screen(dialog()), Sight(), 1 + ANSWER_PATIENCE)
    assert (again.answered, again.request) == (None, first.request)


def test_answer_to_another_request_changes_nothing() -> None:
    tracker = RequestTracker()
    tracker.answered("nothing-1", 0)
    first = tracker.update(on_screen(dialog()), Sight(), 0)
    tracker.answered("nothing-1", 1)
    assert tracker.open == first


def test_channel_keeps_its_own_id_and_looks_for_no_dialog() -> None:
    tracker = RequestTracker()
    asked = Request(request_id="per_1", kind=K.PERMISSION, text="rm")
    opened = tracker.update(claim(S.SIDE_CHANNEL, request=asked), Sight(dialog(), 1.0), 1)
    assert (opened.request, opened.channel) == (asked, True)
    other = asked.model_copy(update={"request_id": "per_2"})
    assert tracker.update(claim(S.SIDE_CHANNEL, request=other), Sight(), 2).request == other
    assert tracker.update(on_screen(dialog()), Sight(), 3).channel is False


def kept(text: str, *labels: str, request_id: str = "old-7") -> Request:
    choices = tuple(Choice(key=str(n), label=label, meaning=meaning)
                    for n, (label, meaning) in enumerate(zip(labels, ("allow_once", "reject"),
                                                             strict=False), 1))  # fmt: skip
    return Request(request_id=request_id, kind=K.PERMISSION, text=text, choices=choices)


def test_request_from_before_a_restart_keeps_its_id() -> None:
    before = kept("touch t1", "Yes", "No")
    assert RequestTracker(before).update(on_screen(dialog()), Sight(), 0).request == before
    tracker = RequestTracker(before)
    titled = tracker.update(claim(S.TITLE), Sight(), 0)
    assert titled.request == before
    found = tracker.update(claim(S.TITLE), Sight(dialog(), settled=0.1), 0.1)
    assert found.request == before
    assert found.dialog is not None


def test_other_request_after_a_restart_does_not() -> None:
    before = kept("touch t1", "Yes", "No")
    other = RequestTracker(before).update(on_screen(dialog("rm -rf /")), Sight(), 0)
    assert other.request.request_id == f"{dialog('rm -rf /').fingerprint}-8"
    told = RequestTracker(before).update(claim(message="approve rm"), Sight(), 0)
    assert told.request.request_id.endswith("-8")
    tracker = RequestTracker(kept("touch t1", "Yes", "Never"))
    tracker.update(claim(S.TITLE), Sight(), 0)
    found = tracker.update(claim(S.TITLE), Sight(dialog(), settled=0.1), 0.1)
    assert found.request.request_id != "old-7"


@pytest.mark.parametrize("request_id", ["", "x", "x-", "x-y", "-"])
def test_ids_of_others_do_not_confuse_the_count(request_id: str) -> None:
    tracker = RequestTracker(kept("something else", request_id=request_id))
    assert tracker.update(on_screen(dialog()), Sight(), 0).request.request_id.endswith("-1")


@pytest.mark.parametrize(
    ("source", "said", "seen", "kind"),
    [
        (S.OSC7501, K.QUESTION, K.PERMISSION, K.QUESTION),
        (S.OSC7501, K.PERMISSION, K.TRUST, K.TRUST),
        (S.OSC7501, None, K.QUESTION, K.QUESTION),
        (S.TITLE, K.PERMISSION, K.QUESTION, K.QUESTION),
        (S.SCREEN, K.AUTH, K.AUTH, K.AUTH),
        (S.OSC7501, None, None, K.PERMISSION),
        (S.OSC7501, K.AUTH, None, K.AUTH),
    ],
)
def test_kind_is_the_programs_word_or_the_dialogs(
    source: Source, said: DialogKind | None, seen: DialogKind | None, kind: DialogKind
) -> None:
    shown = dialog(kind=seen) if seen else None
    assert kind_of(claim(source, kind=said), shown) is kind


def test_text_is_the_programs_and_the_dialogs_where_that_says_more() -> None:
    assert text_of("approve Bash: touch t1", dialog()) == "approve Bash: touch t1"
    assert text_of("approve", dialog()) == "approve\ntouch t1"
    assert text_of("touch", dialog()) == "touch t1"
    assert text_of("", dialog()) == "touch t1"
    assert text_of("approve", None) == "approve"


def test_what_the_terminal_broke_into_lines_is_not_said_twice() -> None:
    question = "Which colour should the warning have?"
    broken = dialog("Which colour should the warning\nhave?", K.QUESTION)
    assert text_of(question, broken) == question
    longer = dialog("Which colour should\nthe warning have? It is seen\nat night.", K.QUESTION)
    assert text_of(question, longer) == longer.text
    assert text_of("rm a b", dialog("rm ab")) == "rm a b\nrm ab"


def test_frame_of_a_dialog_without_its_command_is_none_yet(
    drive: Callable[..., Any], recording: Callable[[str], Recording]
) -> None:
    """Seen: opencode draws its buttons first; what may be allowed then was not on the screen."""
    session, shown = drive("opencode"), recording("opencode-permission-command")
    session.screen(*(line for line in shown.lines if "$ ls" not in line))
    assert session.status.request is None
    session.screen(*shown.lines)
    assert session.request.text == "$ ls -l"
    assert len({each.request.request_id for each in session.changes if each.request}) == 1
