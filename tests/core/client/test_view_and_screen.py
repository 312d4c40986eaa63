"""The view and the screen that a front end keeps by what comes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.screen import EVERYTHING, ScreenModel
from quarterdeck.core.client.view import EVENTS_KEPT, View
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind, ItemState
from quarterdeck.core.protocol.crew_events import SafetyHalted, SafetyReset
from quarterdeck.core.protocol.crew_views import HaltView
from quarterdeck.core.protocol.pipeline_events import (
    PipelineChanged,
    PipelineLoaded,
    PipelineUnloaded,
)
from quarterdeck.core.protocol.pipeline_views import PipelineView
from quarterdeck.core.protocol.screen import Cursor, Run, ScreenFrame
from quarterdeck.core.protocol.status import Activity, Lifecycle, Source, Status
from quarterdeck.core.protocol.views import (
    EngineView,
    HealthStatus,
    HealthView,
    SessionView,
    StateView,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENGINE = EngineView(
    engine_id="e",
    pid=1,
    version="0",
    protocol=1,
    state_dir="/s",
    store="x",
    headless=False,
    started_at=NOW,
)
HEALTH = HealthView(
    status=HealthStatus.HEALTHY,
    active_sessions=0,
    rate_limiters=0,
    worker_count=3,
    max_sessions=10,
    uptime_seconds=1,
)


def session(name: str = "a", **changes: Any) -> SessionView:
    values: dict[str, Any] = {
        "id": new_id(),
        "name": name,
        "agent": "shell",
        "cwd": "/",
        "lifecycle": Lifecycle.RUNNING,
        "status": Status(activity=Activity.IDLE, since=NOW),
        "cols": 80,
        "lines": 24,
        "created_at": NOW,
    }
    return SessionView(**{**values, **changes})


def item(about: SessionView, **changes: Any) -> AttentionItem:
    values: dict[str, Any] = {
        "item_id": new_id(),
        "kind": AttentionKind.APPROVAL,
        "session_id": about.id,
        "request_id": "r",
        "title": "t",
        "created_at": NOW,
    }
    return AttentionItem(**{**values, **changes})


def event(payload: e.EventPayload, sequence: int) -> e.Event:
    return e.Event(type=payload.type, metadata=e.Metadata(sequence=sequence), payload=payload)


def fed(*payloads: e.EventPayload) -> View:
    view = View()
    for number, payload in enumerate(payloads, 1):
        view.apply(event(payload, number))
    return view


def state(sequence: int, *sessions: SessionView, **more: Any) -> e.StateSnapshot:
    view = StateView(sequence=sequence, engine=ENGINE, sessions=sessions, attention=(), **more)
    return e.StateSnapshot(state=view)


def test_sessions_come_change_and_go() -> None:
    one, two = session("one"), session("two")
    renamed = one.model_copy(update={"name": "uno"})
    view = fed(
        e.SessionCreated(session=one),
        e.SessionCreated(session=two),
        e.SessionUpdated(session=renamed, changed=("name",)),
        e.SessionDeleted(session_id=two.id, name="two"),
        e.SessionDeleted(session_id="unheard of", name="x"),
    )
    assert list(view.sessions.values()) == [renamed]
    assert view.sequence == 5
    assert len(view.events) == 5


def test_a_status_replaces_the_whole_session() -> None:
    one = session()
    busy = one.model_copy(update={"status": Status(activity=Activity.WORKING, since=NOW)})
    view = fed(
        e.SessionCreated(session=one),
        e.StatusChanged(
            session_id=one.id,
            old_lifecycle=one.lifecycle,
            old_activity=Activity.IDLE,
            lifecycle=one.lifecycle,
            status=busy.status,
            session=busy,
        ),
    )
    assert view.sessions[one.id] == busy


def test_a_whole_view_is_newer_than_the_steps_before_it() -> None:
    view = View()
    one = session("one")
    for number, payload in enumerate(
        [
            e.SessionCreated(session=one),
            e.StatusProgress(session_id=one.id, progress=40),
            e.SessionUpdated(session=one.changed(progress=50), changed=()),
        ],
        1,
    ):
        view.apply(event(payload, number))
    assert view.sessions[one.id].progress == 50
    view.apply(event(e.StatusProgress(session_id=one.id, progress=60), 4))
    view.apply(event(e.SessionDeleted(session_id=one.id, name="one"), 5))
    assert view.sessions == {}


def test_progress_is_shown_on_its_session() -> None:
    one = session()
    view = fed(
        e.SessionCreated(session=one),
        e.StatusProgress(session_id=one.id, progress=40, title="building"),
        e.StatusProgress(session_id="unheard of", progress=1),
    )
    assert (view.sessions[one.id].progress, view.sessions[one.id].title) == (40, "building")


def test_attention_is_open_until_it_is_closed() -> None:
    about = session()
    urgent, later, gone = (
        item(about),
        item(about, kind=AttentionKind.TURN_DONE),
        item(about, kind=AttentionKind.QUESTION),
    )
    snoozed = later.model_copy(update={"snoozed_until": NOW})
    answered = item(about, state=ItemState.ANSWERED)
    view = fed(
        e.AttentionRaised(item=later),
        e.AttentionRaised(item=urgent),
        e.AttentionRaised(item=gone),
        e.AttentionRaised(item=answered),
        e.AttentionUpdated(item=snoozed),
        e.AttentionClosed(item=gone),
        e.AttentionClosed(item=gone),
    )
    assert view.open_items() == [urgent, snoozed]


def test_pipelines_come_change_and_go_and_a_halt_stands_until_it_is_reset() -> None:
    debate = PipelineView(name="debate", loaded_at=NOW)
    halt = HaltView(reason="enough", since=NOW)
    view = fed(
        PipelineLoaded(pipeline=debate), PipelineLoaded(pipeline=debate.changed(name="other")),
        PipelineChanged(pipeline=debate.changed(paused=True)), SafetyHalted(halt=halt),
    )  # fmt: skip
    assert {name: one.paused for name, one in view.pipelines.items()} == {
        "debate": True, "other": False,
    }  # fmt: skip
    assert view.halt == halt
    view.apply(event(PipelineUnloaded(name="debate"), 5))
    view.apply(event(SafetyReset(), 6))
    assert list(view.pipelines) == ["other"]
    assert fed(SafetyHalted(halt=halt), SafetyReset()).halt is None
    view.apply(event(state(9, pipelines=(debate,), halt=halt), 0))
    assert (list(view.pipelines), view.halt) == (["debate"], halt)


def test_preferences_and_health_are_the_last_told() -> None:
    view = fed(
        e.PreferenceChanged(name="theme", value="nord"),
        e.HealthReport(health=HEALTH),
        e.SystemInfo(code="c", message="m"),
    )
    assert view.preferences["theme"] == "nord"
    assert view.preferences["minimal"] is False
    assert view.health == HEALTH


def test_a_snapshot_is_the_truth_and_what_is_older_changes_nothing() -> None:
    old, new = session("old"), session("new")
    view = fed(e.SessionCreated(session=old))
    view.apply(event(state(10, new, preferences={"theme": "nord"}), 10))
    view.apply(event(e.SessionDeleted(session_id=new.id, name="new"), 9))
    assert list(view.sessions.values()) == [new]
    assert (view.sequence, view.engine) == (10, ENGINE)
    assert view.preferences["theme"] == "nord"
    view.apply(event(e.SessionDeleted(session_id=new.id, name="new"), 11))
    assert view.sessions == {}


def test_a_snapshot_may_go_back_as_a_new_engine_does() -> None:
    view = View()
    view.apply(event(e.SystemInfo(code="c", message="m"), 50))
    view.apply(event(state(40), 40))
    view.apply(event(e.SystemInfo(code="d", message="m"), 41))
    assert view.sequence == 41


def test_health_outlives_a_snapshot_without_it() -> None:
    view = fed(e.HealthReport(health=HEALTH))
    view.apply(event(state(5), 5))
    assert view.health == HEALTH


def test_events_without_a_number_always_count() -> None:
    one = session()
    view = fed(e.SessionCreated(session=one))
    view.apply(event(e.StatusProgress(session_id=one.id, progress=1), 0))
    view.apply(event(e.StatusProgress(session_id=one.id, progress=2), 0))
    assert view.sessions[one.id].progress == 2
    assert view.sequence == 1


def test_only_so_many_events_are_kept() -> None:
    view = View()
    for number in range(1, EVENTS_KEPT + 10):
        view.apply(event(e.SystemInfo(code="c", message="m"), number))
    assert len(view.events) == EVENTS_KEPT
    assert view.events[0].metadata.sequence == 10


# Screens


def frame(generation: int, base: int, rows: dict[int, str], **changes: Any) -> ScreenFrame:
    values: dict[str, Any] = {
        "session_id": "s",
        "generation": generation,
        "base": base,
        "full": base == 0,
        "cols": 10,
        "lines": 3,
        "rows": {y: (Run(text),) for y, text in rows.items()},
    }
    return ScreenFrame(**{**values, **changes})


def texts(model: ScreenModel) -> list[str]:
    return ["".join(run.text for run in row) for row in model.rows]


def test_a_full_frame_repaints_everything() -> None:
    model = ScreenModel("s")
    assert model.generation == 0
    assert model.apply(frame(4, 0, {0: "a", 2: "c"}, title="t", history=9)) is EVERYTHING
    assert texts(model) == ["a", "", "c"]
    assert (model.generation, model.title, model.history) == (4, "t", 9)


def test_a_frame_repaints_what_it_holds_and_both_ends_of_the_cursors_way() -> None:
    model = ScreenModel("s")
    model.apply(frame(1, 0, {0: "a", 1: "b", 2: "c"}))
    assert model.apply(frame(2, 1, {1: "B"}, cursor=Cursor(0, 2))) == frozenset({0, 1, 2})
    assert model.apply(frame(3, 2, {1: "x"}, cursor=Cursor(0, 2))) == frozenset({1})
    assert texts(model) == ["a", "x", "c"]


def test_a_frame_that_builds_on_another_is_left_out() -> None:
    model = ScreenModel("s")
    model.apply(frame(1, 0, {0: "a"}))
    assert model.apply(frame(9, 8, {0: "z"})) == frozenset()
    assert texts(model)[0] == "a"


def test_a_frame_of_another_size_brings_its_lines_along() -> None:
    model = ScreenModel("s")
    model.apply(frame(1, 0, {0: "a", 1: "b", 2: "c"}))
    assert model.apply(frame(2, 1, {4: "e"}, lines=5)) is EVERYTHING
    assert texts(model) == ["a", "b", "c", "", "e"]
    assert model.apply(frame(3, 2, {0: "A", 4: "gone"}, lines=2)) is EVERYTHING
    assert texts(model) == ["A", "b"]


ROWS = st.dictionaries(st.integers(0, 5), st.text("xyz", max_size=3), max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(ROWS, st.integers(1, 6)), max_size=8))
def test_a_screen_has_its_frames_lines_and_text_whatever_comes(
    steps: list[tuple[dict[int, str], int]],
) -> None:
    model = ScreenModel("s")
    for generation, (rows, lines) in enumerate(steps, 1):
        sent = frame(generation, generation - 1, rows, lines=lines)
        model.apply(sent)
        assert len(model.rows) == lines
        for y, text in rows.items():
            if y < lines:
                assert texts(model)[y] == text


def test_a_changed_copy_of_a_view_is_what_pydantic_would_copy() -> None:
    now = datetime.now(UTC)
    status = Status(activity=Activity.IDLE, source=Source.OSC7501, since=now)
    before = SessionView(
        id="01J" + "0" * 23, name="one", agent="shell", cwd="/", repo="",
        lifecycle=Lifecycle.RUNNING, status=status, cols=80, lines=24, created_at=now,
    )  # fmt: skip
    after = before.changed(progress=40, title="half way")
    copied = before.model_copy(update={"progress": 40, "title": "half way"})
    assert after == copied
    assert after.model_fields_set == copied.model_fields_set
    assert after.model_dump_json() == copied.model_dump_json()
    assert before.progress is None
