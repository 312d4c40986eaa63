"""The log: lines for events, what is kept, what passes a filter; health in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.crew import Crew

from quarterdeck.core.base.errors import Category, ErrorInfo
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.protocol.views import Check, HealthStatus
from quarterdeck.tui.model.cells import row_text
from quarterdeck.tui.model.log import (
    KEPT,
    SLACK,
    Log,
    describe,
    detail_rows,
    faults_cells,
    health_cells,
    log_row,
    session_of,
    sparkline,
)
from quarterdeck.tui.model.query import events_vocabulary, parse


def payloads(crew: Crew) -> dict[str, tuple[e.EventPayload, str, str]]:
    """Each kind of event with its words and its tone."""
    session = crew.add("login", cwd="/x")
    item = crew.item(session)
    error = ErrorInfo(code="disk_full", category=Category.RESOURCE, message="No room.")
    changed = e.StatusChanged(
        session_id=session.id,
        old_lifecycle=Lifecycle.RUNNING,
        old_activity=Activity.WORKING,
        lifecycle=Lifecycle.RUNNING,
        status=session.status.model_copy(
            update={"activity": Activity.NEEDS_APPROVAL, "evidence": "blocked"}
        ),
        session=session,
    )
    sick = crew.healthy(status=HealthStatus.UNHEALTHY)
    return {
        "created": (e.SessionCreated(session=session), "claude in /x", ""),
        "deleted": (e.SessionDeleted(session_id=session.id, name="login"), "login", "muted"),
        "updated": (
            e.SessionUpdated(session=session, changed=("name", "env")),
            "name, env",
            "muted",
        ),
        "changed": (changed, "working → needs approval  (osc7501: blocked)", "needs"),
        "progress": (
            e.StatusProgress(session_id=session.id, progress=40, title="T", message=""),
            "40% T",
            "muted",
        ),
        "raised": (e.AttentionRaised(item=item), "approval: run: npm i", "needs"),
        "updated item": (e.AttentionUpdated(item=item), "approval: run: npm i", "needs"),
        "closed": (e.AttentionClosed(item=item), "open: run: npm i", "muted"),
        "error": (e.SystemError_(error=error), "disk_full: No room.", "error"),
        "warning": (e.SystemWarning(code="slow", message="Slow."), "slow: Slow.", "needs"),
        "info": (e.SystemInfo(code="up", message="Up."), "up: Up.", ""),
        "preference": (e.PreferenceChanged(name="theme", value="nord"), 'theme = "nord"', "muted"),
        "health": (e.HealthReport(health=crew.healthy()), "healthy", "done"),
        "sick": (e.HealthReport(health=sick), "unhealthy", "error"),
        "env": (e.EnvReady(session_id=session.id, cwd="/x"), "", "muted"),
        "unknown": (e.UnknownEvent(body={"a": 1}), "", "muted"),
    }


@pytest.mark.parametrize("kind", list(payloads(Crew())))
def test_every_kind_of_event_has_its_words(crew: Crew, kind: str) -> None:
    payload, text, tone = payloads(crew)[kind]
    assert describe(payload) == (text, tone)


def test_an_event_knows_its_session_by_payload_or_metadata(crew: Crew) -> None:
    found = {kind: session_of(crew.event(one[0])) for kind, one in payloads(crew).items()}
    login = next(iter(crew.sessions))
    about = {"created", "deleted", "updated", "changed", "progress", "raised", "updated item"}
    assert {kind for kind, session_id in found.items() if session_id == login} == about | {
        "closed",
        "env",
    }
    assert session_of(crew.event(e.SystemInfo(code="c", message="m"), login)) == login


def infos(crew: Crew, number: int, start: int = 0) -> list[e.Event]:
    return [
        crew.event(e.SystemInfo(code=f"n{count}", message="x"))
        for count in range(start, start + number)
    ]


def test_rows_name_time_type_and_session_and_are_safe(crew: Crew) -> None:
    session = crew.add("login")
    event = crew.event(e.StatusProgress(session_id=session.id, title="a\x1b[0mb"))
    row = log_row(event, {session.id: "login"})
    assert (row.type, row.session, row.text) == ("status.progress", "login", "a [0mb")
    assert row.time == "12:00:00"


def test_the_newest_are_kept_and_the_rows_have_a_bound(crew: Crew) -> None:
    log = Log()
    dropped = 0
    events = infos(crew, 200)
    for _ in range((KEPT + SLACK) // 200 + 5):
        dropped += log.take(events)
        assert len(log.rows) <= KEPT + SLACK
    assert len(log) == KEPT
    assert dropped > 0
    assert log.rows[-1].event == events[-1]
    assert [entry.number for entry in log.rows] == list(
        range(log.rows[0].number, log.rows[-1].number + 1)
    )


def test_a_filter_holds_for_old_and_new_events(crew: Crew) -> None:
    log = Log()
    vocabulary = events_vocabulary({})
    log.take(infos(crew, 4))
    log.filter(parse("n1", vocabulary))
    assert [log_row(entry.event, {}).text for entry in log.rows] == ["n1: x"]
    log.take(infos(crew, 8, start=10))
    assert len(log.rows) == 9
    log.filter(parse("", vocabulary))
    assert len(log.rows) == 12


def test_loop_lags_are_gathered_from_health_reports(crew: Crew) -> None:
    log = Log()
    log.take([crew.event(e.HealthReport(health=crew.healthy(loop_lag_ms=n))) for n in (1, 3)])
    assert list(log.lags) == [1, 3]


def test_detail_is_json_with_keys_apart(crew: Crew) -> None:
    rows = detail_rows(crew.event(e.SystemInfo(code="up", message="a\x1b[31mb: c")))
    texts = [row_text(row) for row in rows]
    assert texts[0] == "{"
    assert '  "kind": "event",' in texts
    assert all("\x1b" not in text for text in texts)
    key = next(row for row in rows if row_text(row).startswith('  "type"'))
    assert [cell.tone for cell in key] == ["working", ""]


def test_health_is_one_line_of_facts(crew: Crew) -> None:
    line, rest = health_cells(crew.health, 100)
    assert (row_text(line), rest) == (
        " healthy  4 of 10 sessions · up 3h 12m · queue 0 · dropped 0 · 1 client · store normal",
        "",
    )
    assert row_text(health_cells(None, 100)[0]) == " health: not reported yet"


def test_uptime_goes_on_after_health_was_told(crew: Crew) -> None:
    line, _ = health_cells(crew.healthy(uptime_seconds=50.0), 100, age=1200.0)
    assert "up 20m" in row_text(line)


@pytest.mark.parametrize("width", [10, 40, 75, 80, 86, 87, 200])
def test_health_is_folded_between_facts(crew: Crew, width: int) -> None:
    whole, _ = health_cells(crew.health, 200)
    line, rest = health_cells(crew.health, width)
    assert " · ".join(filter(None, (row_text(line), rest))) == row_text(whole)
    assert len(row_text(line)) <= width or row_text(line) == " healthy  4 of 10 sessions"
    first = rest.partition(" · ")[0]
    assert not rest or len(f"{row_text(line)} · {first}") > width


@pytest.mark.parametrize(
    ("seconds", "text"), [(59, "up 59s"), (60, "up 1m"), (3599, "up 59m"), (90000, "up 1d 1h")]
)
def test_spans_have_two_parts_at_most(crew: Crew, seconds: float, text: str) -> None:
    assert f"· {text} ·" in row_text(health_cells(crew.healthy(uptime_seconds=seconds), 200)[0])


def test_failing_checks_are_named(crew: Crew) -> None:
    disk = Check(name="disk", status=HealthStatus.DEGRADED, message="95 % full")
    sick = crew.healthy(checks=(*crew.health.checks, disk))
    assert row_text(faults_cells(sick)) == " disk: 95 % full"
    assert faults_cells(sick)[0].tone == "needs"
    assert row_text(faults_cells(crew.health)) == " 2 checks, all well"
    assert faults_cells(crew.healthy(checks=())) == ()
    assert faults_cells(None) == ()


def test_a_sparkline_goes_from_nothing_to_its_greatest() -> None:
    assert sparkline([0, 1, 2, 4], 10) == "▁▃▅█"
    assert sparkline([0, 0], 10) == "▁▁"
    assert sparkline([1, 2, 3], 2) == "▆█"
    assert sparkline([1], 0) == ""


@given(st.lists(st.floats(0, 1e9), max_size=50), st.integers(0, 40))
def test_a_sparkline_has_a_bar_for_each_value(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == min(len(values), width)
