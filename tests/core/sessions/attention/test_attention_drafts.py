from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.status import (
    Activity,
    Choice,
    DialogKind,
    Lifecycle,
    Request,
    Status,
)
from quarterdeck.core.sessions.attention.drafts import headline, session_drafts, status_draft
from quarterdeck.core.sessions.attention.queue import AttentionQueue

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ASKED = Request(
    request_id="f-1",
    kind=DialogKind.QUESTION,
    text="Which?",
    choices=(Choice(key="1", label="Red"),),
    free_text=True,
)


def status(activity: Activity, request: Request | None = None, seconds: float = 0) -> Status:
    since = NOW + timedelta(seconds=seconds)
    return Status(activity=activity, since=since, evidence="seen", request=request)


@pytest.mark.parametrize(
    ("activity", "kind"),
    [
        (Activity.NEEDS_APPROVAL, AttentionKind.APPROVAL),
        (Activity.NEEDS_ANSWER, AttentionKind.QUESTION),
        (Activity.ERRORED, AttentionKind.FAILURE),
        (Activity.LIMITED, AttentionKind.LIMIT),
        (Activity.TURN_DONE, AttentionKind.TURN_DONE),
    ],
)
def test_kind_follows_the_activity(activity: Activity, kind: AttentionKind) -> None:
    draft = status_draft(status(activity))
    assert draft is not None
    assert (draft.kind, draft.text) == (kind, "seen")
    assert draft.title


def test_the_title_is_the_first_line_that_says_something() -> None:
    asked = ASKED.model_copy(update={"text": "\n  Which?\nRed or blue"})
    draft = status_draft(status(Activity.NEEDS_ANSWER, asked))
    assert draft is not None
    assert draft.title == "Which?"
    assert headline("x" * 500) == "x" * 119 + "…"
    assert headline(" \n ") == ""


@pytest.mark.parametrize("activity", [Activity.WORKING, Activity.IDLE, Activity.UNKNOWN])
def test_nothing_is_needed(activity: Activity) -> None:
    assert status_draft(status(activity)) is None
    assert session_drafts(Lifecycle.RUNNING, status(activity)) == []


def test_request_is_carried_over() -> None:
    draft = status_draft(status(Activity.NEEDS_ANSWER, ASKED), Priority.HIGH)
    assert draft is not None
    assert (draft.request_id, draft.text, draft.choices) == ("f-1", "Which?", ASKED.choices)
    assert (draft.free_text, draft.priority) == (True, Priority.HIGH)


def test_next_finished_turn_is_another_item() -> None:
    one, same, two = (
        status_draft(status(Activity.TURN_DONE, seconds=seconds)) for seconds in (0, 0, 9)
    )
    assert one == same
    assert one is not None
    assert two is not None
    assert one.request_id != two.request_id


@pytest.mark.parametrize("lifecycle", [Lifecycle.CRASHED, Lifecycle.LOST])
def test_dead_session_is_a_failure_whatever_it_said_last(lifecycle: Lifecycle) -> None:
    (draft,) = session_drafts(
        lifecycle, status(Activity.NEEDS_ANSWER, ASKED), reason="killed by 9", ended_at=NOW
    )
    assert (draft.kind, draft.text) == (AttentionKind.FAILURE, "killed by 9")
    (unsaid,) = session_drafts(lifecycle, status(Activity.IDLE))
    assert lifecycle.value in unsaid.text


def test_session_raises_and_clears_its_item_as_it_goes() -> None:
    queue = AttentionQueue()
    for activity, request, expected in (
        (Activity.WORKING, None, []),
        (Activity.NEEDS_ANSWER, ASKED, [AttentionKind.QUESTION]),
        (Activity.WORKING, None, []),
        (Activity.TURN_DONE, None, [AttentionKind.TURN_DONE]),
        (Activity.IDLE, None, []),
    ):
        drafts = session_drafts(Lifecycle.RUNNING, status(activity, request))
        queue.sync("s", drafts, NOW)
        assert [item.kind for item in queue.items(NOW)] == expected


@pytest.mark.parametrize(
    ("kind", "text", "title"),
    [
        (DialogKind.TRUST, "/home/user/proj", "trust: /home/user/proj"),
        (DialogKind.TRUST, "Do you trust the files here?", "Do you trust the files here?"),
        (DialogKind.AUTH, "ACME_API_KEY: sk-...", "sign in: ACME_API_KEY: sk-..."),
        (DialogKind.PERMISSION, "$ ls", "$ ls"),
        (DialogKind.TRUST, "", "waits for an approval"),
    ],
)
def test_title_says_what_a_start_up_dialog_is_about(
    kind: DialogKind, text: str, title: str
) -> None:
    request = ASKED.model_copy(update={"kind": kind, "text": text})
    draft = status_draft(status(Activity.NEEDS_APPROVAL, request))
    assert draft is not None
    assert draft.title == title
