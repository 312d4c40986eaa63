"""Events, their merging, and every message as a line of JSON and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.errors import Category, ErrorInfo
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.protocol import crew_events as k
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol import pipeline_events as p
from quarterdeck.core.protocol import workflow_events as f
from quarterdeck.core.protocol.attention import (
    AttentionItem,
    AttentionKind,
    is_snoozed,
    urgency,
)
from quarterdeck.core.protocol.commands import ListSessions, command
from quarterdeck.core.protocol.crew_views import BreakerView, BudgetView, HaltView, ViolationView
from quarterdeck.core.protocol.pipeline_views import (
    LaneView,
    PayloadStatus,
    PayloadView,
    PipelineView,
)
from quarterdeck.core.protocol.preferences import (
    PREFERENCES,
    InvalidPreference,
    UnknownPreference,
    check_preference,
    with_defaults,
)
from quarterdeck.core.protocol.screen import Cursor, Modes, Run, ScreenFrame, row_text
from quarterdeck.core.protocol.status import Activity, Lifecycle, Status, shown_status
from quarterdeck.core.protocol.validation import CommandFault
from quarterdeck.core.protocol.views import (
    AgentView,
    Check,
    EngineView,
    HealthStatus,
    HealthView,
    SessionView,
    StateView,
)
from quarterdeck.core.protocol.wire import (
    Bye,
    Follow,
    Frame,
    Goodbye,
    Hello,
    KeyInput,
    MouseInput,
    Output,
    PasteInput,
    RawInput,
    Reply,
    SizeInput,
    Unwatch,
    Watch,
    Welcome,
    decode_client,
    decode_server,
    encode,
)
from quarterdeck.core.protocol.workflow_status import TaskStatus, WorkflowStatus
from quarterdeck.core.protocol.workflow_views import TaskView, WorkflowView

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = "01JXQ1D0R4V5S6T7W8X9Y0Z1A2"
ERROR = ErrorInfo(code="x", category=Category.BUSINESS, message="m", details={"a": 1})


def view(**changes: Any) -> SessionView:
    values: dict[str, Any] = {
        "id": ID,
        "name": "a",
        "agent": "shell",
        "cwd": "/",
        "lifecycle": Lifecycle.RUNNING,
        "status": Status(activity=Activity.IDLE, since=NOW),
        "cols": 80,
        "lines": 24,
        "created_at": NOW,
    }
    return SessionView(**{**values, **changes})


def item(**changes: Any) -> AttentionItem:
    values: dict[str, Any] = {
        "item_id": ID,
        "kind": AttentionKind.APPROVAL,
        "session_id": ID,
        "request_id": "r",
        "title": "t",
        "created_at": NOW,
    }
    return AttentionItem(**{**values, **changes})


ENGINE = EngineView(
    engine_id=ID,
    pid=1,
    version="0",
    protocol=1,
    state_dir="/s",
    store="sqlite:///x",
    headless=True,
    started_at=NOW,
)
HEALTH = HealthView(
    status=HealthStatus.DEGRADED,
    active_sessions=1,
    rate_limiters=2,
    worker_count=3,
    max_sessions=10,
    uptime_seconds=1.5,
    checks=(Check(name="store", status=HealthStatus.DEGRADED, message="slow"),),
)
STATE = StateView(
    sequence=7,
    engine=ENGINE,
    sessions=(view(),),
    attention=(item(),),
    preferences={"theme": "x"},
    agents=(AgentView(name="shell", title="Shell", command=("sh",)),),
    health=HEALTH,
)

CHANGED = e.StatusChanged(
    session_id=ID,
    old_lifecycle=Lifecycle.STARTING,
    old_activity=Activity.UNKNOWN,
    lifecycle=Lifecycle.RUNNING,
    status=Status(activity=Activity.WORKING, since=NOW),
    session=view(),
)
WORKFLOW = WorkflowView(
    id=ID,
    name="w",
    status=WorkflowStatus.RUNNING,
    counts={TaskStatus.RUNNING: 1, TaskStatus.COMPLETED: 2},
    created_at=NOW,
    waiting=("a",),
)
PIPELINE = PipelineView(
    name="debate",
    loaded_at=NOW,
    lanes=(LaneView(event="ready", depths={Priority.HIGH: 2}, oldest_at=NOW, per_minute=(0, 3)),),
)
PAYLOAD = PayloadView(
    id=ID, pipeline="debate", event="ready", status=PayloadStatus.RETRYING, created_at=NOW, root=ID
)
BUDGET = BudgetView(
    name="day", scope="day", key="2026-01-01", unit="cost", limit=5.0, spent=4.0, left=1.0
)
PAYLOADS: list[e.EventPayload] = [
    e.SessionCreated(session=view()),
    e.SessionDeleted(session_id=ID, name="a"),
    e.SessionUpdated(session=view(), changed=("name",)),
    e.SessionListed(count=3),
    CHANGED,
    e.StatusProgress(session_id=ID, progress=5, title="t"),
    e.SessionUsage(session_id=ID, cost=0.5, tokens=9, started_at=NOW, session=view()),
    e.EnvReady(session_id=ID, cwd="/"),
    e.EnvError(session_id=ID, error=ERROR),
    e.AttentionRaised(item=item()),
    e.AttentionUpdated(item=item(snoozed_until=NOW)),
    e.AttentionClosed(item=item(answer="y")),
    e.SystemError_(error=ERROR),
    e.SystemWarning(code="c", message="m", details={"a": [1]}),
    e.SystemInfo(code="c", message="m"),
    e.StateSnapshot(state=STATE),
    e.HealthReport(health=HEALTH),
    e.PreferenceChanged(name="theme", value="y"),
    f.WorkflowCreated(workflow=WORKFLOW),
    f.WorkflowChanged(workflow=WORKFLOW, old_status=WorkflowStatus.PENDING),
    f.WorkflowProgress(workflow=WORKFLOW),
    f.TaskChanged(
        workflow_id=ID, task=TaskView(id="a", kind="run", status=TaskStatus.RUNNING, needs=("b",))
    ),
    f.TaskOutput(workflow_id=ID, task_id="a", attempt=1, size=9),
    f.WorkflowDeleted(workflow_id=ID, name="w"),
    p.PipelineLoaded(pipeline=PIPELINE),
    p.PipelineChanged(pipeline=PIPELINE.changed(paused=True)),
    p.PipelineUnloaded(name="debate"),
    p.PayloadChanged(payload=PAYLOAD),
    p.PayloadDied(payload=PAYLOAD.changed(status=PayloadStatus.DEAD, error="no")),
    k.CrewChanged(),
    k.SafetyViolated(
        violation=ViolationView(
            at=NOW, rule="max_cost", level="high", operation="session.prompt", message="m"
        )
    ),
    k.SafetyHalted(halt=HaltView(reason="stop", since=NOW)),
    k.SafetyReset(),
    k.BreakerChanged(breaker=BreakerView(name="b", about="agent/claude", state="open")),
    k.BudgetBreached(budget=BUDGET, wanted=2.0),
    k.BudgetGranted(budget=BUDGET, more=1.5),
]


def wrapped(payload: e.EventPayload, sequence: int = 3) -> e.Event:
    metadata = e.Metadata(command_id=ID, session_id=ID, sequence=sequence, timestamp=NOW)
    return e.Event(type=payload.type, metadata=metadata, payload=payload)


def test_every_event_type_is_met_below() -> None:
    assert {type(payload) for payload in PAYLOADS} == set(e.EVENTS.values())


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: p.type)
def test_an_event_survives_the_wire(payload: e.EventPayload) -> None:
    sent = wrapped(payload)
    assert decode_server(encode(sent)) == sent
    assert e.Event.parse(json.loads(json.dumps(sent.dump()))) == sent


def test_an_event_of_a_newer_engine_is_kept_as_it_is() -> None:
    raw = {"kind": "event", "type": "dream.begun", "metadata": {}, "payload": {"depth": 3}}
    got = e.Event.parse(raw)
    assert got.type == "dream.begun"
    assert got.payload == e.UnknownEvent(body={"depth": 3})


def test_a_coalesced_status_tells_the_change_from_what_stood_first() -> None:
    newer = CHANGED.model_copy(
        update={"old_lifecycle": Lifecycle.RUNNING, "old_activity": Activity.WORKING}
    )
    merged = newer.merged(CHANGED)
    assert isinstance(merged, e.StatusChanged)
    assert (merged.old_lifecycle, merged.old_activity) == (Lifecycle.STARTING, Activity.UNKNOWN)
    assert merged.status == newer.status


def test_a_coalesced_update_names_every_field_that_changed() -> None:
    older = e.SessionUpdated(session=view(name="b"), changed=("name", "title"))
    newer = e.SessionUpdated(session=view(name="c"), changed=("priority", "name"))
    merged = newer.merged(older)
    assert isinstance(merged, e.SessionUpdated)
    assert merged.changed == ("name", "title", "priority")
    assert merged.session.name == "c"


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: p.type)
def test_merging_with_something_else_keeps_the_newer(payload: e.EventPayload) -> None:
    assert payload.merged(e.UnknownEvent()) == payload


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: p.type)
def test_what_coalesces_by_session_has_its_key(payload: e.EventPayload) -> None:
    about_a_session = hasattr(payload, "session_id") or hasattr(payload, "item")
    if payload.coalesce and about_a_session:
        assert payload.key() == ID


def test_what_must_not_be_lost_never_coalesces() -> None:
    never = {"session.created", "session.deleted", "attention.raised", "attention.closed"}
    never |= {"system.error", "system.warning", "system.info", "env.error", "env.ready"}
    assert not any(e.EVENTS[name].coalesce for name in never)


# Messages

CLIENT = [
    Hello(client="c", pid=3, host=True),
    Follow(topics=("a.*",), since=3, snapshot=False),
    Watch(session_id=ID, mode="bytes"),
    Unwatch(session_id=ID),
    KeyInput(session_id=ID, keys=("ctrl+c", "x")),
    PasteInput(session_id=ID, text="a\nb ❯"),
    RawInput(session_id=ID, data=bytes(range(256))),
    MouseInput(session_id=ID, action="press", button=1, x=3, y=4, ctrl=True),
    SizeInput(session_id=ID, cols=100, lines=30),
    Bye(),
]
FRAME = ScreenFrame(
    session_id=ID,
    generation=4,
    base=3,
    cols=3,
    lines=1,
    rows={0: (Run("ab", 1, -1, 4), Run("漢"))},
    cursor=Cursor(1, 0),
    modes=Modes(alt_screen=True),
)
SERVER = [
    Welcome(client_id=ID, engine=ENGINE),
    Reply(command_id=ID, ok=True, result={"a": [1, None]}),
    Reply(command_id=None, ok=False, error=ERROR),
    Frame(frame=FRAME),
    Output(session_id=ID, data=b"\x00\xff\n", ended=True),
    Goodbye(reason="r", takeover=True),
]


@pytest.mark.parametrize("message", CLIENT, ids=lambda m: m.kind)
def test_a_front_ends_message_survives_the_wire(message: Any) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_client(line) == message


@pytest.mark.parametrize("message", SERVER, ids=lambda m: m.kind)
def test_an_engines_message_survives_the_wire(message: Any) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode_server(line) == message


def test_a_command_stays_raw_for_the_workers_to_check() -> None:
    sent = command(ListSessions())
    assert decode_client(encode(sent)) == sent.model_dump(mode="json")
    assert decode_client(b'{"colour": 1}\n') == {"colour": 1}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"nonsense\n",
        b"[1]\n",
        b'"x"\n',
        b"\xff\xfe\n",
        b'{"kind": null}\n',
        b'{"kind": "dance"}\n',
        b'{"kind": "watch"}\n',
        b'{"kind": "input.raw", "session_id": "' + ID.encode() + b'", "data": "!"}\n',
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"1" * 5000, id="a long number"),
        json.dumps({"kind": "follow", "topics": ["a"] * 101}).encode(),
    ],
)
def test_a_line_that_is_no_message_says_so(line: bytes) -> None:
    with pytest.raises(CommandFault) as caught:
        decode_client(line)
    assert caught.value.code == "malformed"


@pytest.mark.parametrize("line", [b"x\n", b"{}\n", b'{"kind":"event","type":"session.created"}\n'])
def test_an_engines_line_that_is_no_message_says_so(line: bytes) -> None:
    with pytest.raises(CommandFault) as caught:
        decode_server(line)
    assert caught.value.code == "malformed"


def code_of(decode: Callable[[bytes], Any], line: bytes) -> str:
    """The code of the fault that decoding ``line`` raises; empty if it raises none."""
    try:
        decode(line)
    except CommandFault as fault:
        return fault.code
    return ""


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_malformed(line: bytes) -> None:
    for decode in (decode_client, decode_server):
        assert code_of(decode, line) in {"", "malformed"}


@settings(deadline=None)
@given(st.text(st.characters(), max_size=50))
def test_any_text_can_be_sent_in_a_result(text: str) -> None:
    """Half surrogate pairs included, as file names that are no UTF-8 have them."""
    sent = Reply(command_id=ID, ok=True, result={"cwd": text})
    assert decode_server(encode(sent)) == sent


def test_such_text_can_be_sent_in_an_event() -> None:
    sent = wrapped(e.SystemInfo(code="c", message="\udcff"))
    assert decode_server(encode(sent)) == sent


# Words shared by views


def test_only_a_running_session_shows_its_activity() -> None:
    assert shown_status(Lifecycle.RUNNING, Activity.NEEDS_APPROVAL) == "needs approval"
    assert shown_status(Lifecycle.LOST, Activity.WORKING) == "lost"
    assert view().shown == "idle"


@pytest.mark.parametrize("lifecycle", list(Lifecycle))
def test_a_living_session_has_a_process(lifecycle: Lifecycle) -> None:
    living = {Lifecycle.STARTING, Lifecycle.RUNNING, Lifecycle.STOPPING}
    assert view(lifecycle=lifecycle).living is (lifecycle in living)


def test_the_text_of_a_row() -> None:
    assert row_text((Run("a"), Run("b", 1))) == "ab"


def test_the_queue_is_ordered_by_kind_priority_deadline_and_age() -> None:
    soon, late = NOW + timedelta(minutes=1), NOW + timedelta(hours=1)
    ordered = [
        item(kind=AttentionKind.APPROVAL, priority=Priority.HIGH),
        item(kind=AttentionKind.APPROVAL, deadline=soon),
        item(kind=AttentionKind.APPROVAL, deadline=late),
        item(kind=AttentionKind.APPROVAL),
        item(kind=AttentionKind.APPROVAL, created_at=late),
        item(kind=AttentionKind.QUESTION, priority=Priority.CRITICAL),
        item(kind=AttentionKind.TURN_DONE),
    ]
    mixed = [*ordered[3:], *ordered[:3]]
    assert sorted(mixed, key=urgency) == ordered


def test_a_snoozed_item_comes_back_by_itself() -> None:
    snoozed = item(snoozed_until=NOW)
    assert is_snoozed(snoozed, NOW - timedelta(seconds=1))
    assert not is_snoozed(snoozed, NOW)
    assert not is_snoozed(item(), NOW)


# Preferences


def test_every_preference_keeps_its_own_default() -> None:
    for name, known in PREFERENCES.items():
        assert check_preference(name, known.default) == known.default
        assert check_preference(name, None) == known.default


def test_an_unknown_preference_names_the_nearest() -> None:
    with pytest.raises(UnknownPreference, match="Did you mean theme"):
        check_preference("them", "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("theme", 3),
        ("theme", ["x"]),
        ("minimal", 1),
        ("minimal", "true"),
        ("list_width", True),
        ("list_width", 34.0),
        ("list_width", 19),
        ("list_width", 121),
        ("keymap", "emacs"),
        ("theme", {"a": "x" * 1_000_000}),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidPreference) as caught:
        check_preference(name, value)
    assert name in caught.value.message
    assert len(caught.value.message) < 300


def test_kept_preferences_stand_over_the_defaults() -> None:
    found = with_defaults({"theme": "nord", "forgotten": 1})
    assert found["theme"] == "nord"
    assert set(found) == set(PREFERENCES)
