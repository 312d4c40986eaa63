"""Pipelines without Textual: lanes, the list of payloads, a payload's chain."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.tui.crew import Crew
from tests.tui.lanes import P, S, debate

from quarterdeck.core.protocol.pipeline_views import PayloadView
from quarterdeck.tui.dialogs.propel import read_data, read_deadline, read_priority
from quarterdeck.tui.model.cells import row_text
from quarterdeck.tui.model.lanes.desk import LanesDesk
from quarterdeck.tui.model.lanes.detail import (
    behind,
    chain_rows,
    detail_lasts,
    detail_rows,
)
from quarterdeck.tui.model.lanes.payloads import (
    KEPT,
    PAYLOAD_WORDS,
    Payloads,
    payload_rows,
    payloads_last,
    wanted_statuses,
)
from quarterdeck.tui.model.lanes.rows import (
    handler_rows,
    handlers_last,
    lane_key,
    lane_rows,
    lanes_last,
)
from quarterdeck.tui.model.query import Query, parse
from quarterdeck.tui.model.table import AnyRow, lay_out


def texts(rows: list[AnyRow], width: int = 78) -> list[str]:
    return [row_text(lay_out(row, width)).rstrip() for row in rows]


def named(crew: Crew, summary: str) -> PayloadView:
    return next(one for one in crew.lanes.payloads.values() if one.summary == summary)


# ---- lanes and handlers


def test_lanes_tell_of_depth_work_and_ends(crew: Crew) -> None:
    lanes = debate(crew)
    rows = lane_rows(list(lanes.pipelines.values()), crew.now())
    shown = texts(rows)
    assert shown[1].startswith("▸ debate · at work · ~/shop/debate.yaml")
    assert shown[3].split() == [
        "proposals_ready", "34", "CHNNNNLLB", "3+1↻", "▅▇▄▂▅██▆", "10m", "128", "2", "9", "1",
    ]  # fmt: skip
    assert [row.key for row in rows if row.key][:2] == [
        lane_key("debate"), lane_key("debate", "topic_raised"),
    ]  # fmt: skip
    assert lanes_last(lanes.pipelines.values(), crew.now()) == 1
    assert lane_rows([], crew.now()) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"paused": True}, "‖ debate · paused"), ({"error": "line 3: no event"}, "✗ debate · faulty")],
)
def test_a_pipeline_says_how_it_stands(crew: Crew, changes: dict[str, object], word: str) -> None:
    view = debate(crew).pipelines["debate"].changed(**changes)
    assert texts(lane_rows([view], crew.now()))[1].startswith(word)
    resting = view.changed(paused=False, error=None, lanes=())
    assert "at rest" in texts(lane_rows([resting], crew.now()))[1]


def test_handlers_tell_of_load_results_and_the_last_error(crew: Crew) -> None:
    whole = debate(crew).whole("debate")
    shown = "\n".join(texts(handler_rows(whole, "", crew.now())))
    assert "critique gemini 2/2 33 126 9 14 2:08" in " ".join(shown.split())
    assert "✗ exit code 3: the model refused to answer" in shown
    assert "on critiques_ready · emits verdict · 5 a second at most" in shown
    assert "shared limits reviewers 2" in shown
    assert "0 9 * * 1" in shown
    assert "3h" in shown
    of_one = "\n".join(texts(handler_rows(whole, "verdict", crew.now())))
    assert "note" in of_one
    assert "TRIGGERS" not in of_one
    assert "no handler" in "\n".join(texts(handler_rows(whole, "nothing", crew.now())))
    assert handlers_last(whole, crew.now()) == 1


# ---- payloads


def test_the_list_is_kept_true_by_what_happens(crew: Crew) -> None:
    debate(crew)
    held = Payloads()
    held.begin("debate", "proposals_ready")
    assert not held.known
    late = named(crew, "Proposal number 3").changed(status=S.RUNNING)
    assert held.change(late)
    held.take([one for one in crew.lanes.payloads.values() if one.event == "proposals_ready"])
    assert held.get(late.id) is late
    assert not held.change(named(crew, "rejected"))
    assert not held.change(late.changed(pipeline="other"))
    listed = held.listed(Query())
    assert [one.created_at for one in listed] == sorted(
        (one.created_at for one in listed), reverse=True
    )
    held.remove(late.id)
    assert held.get(late.id) is None
    held.begin("debate", "")
    assert (len(held), held.known) == (0, False)


def test_the_list_never_grows_without_end(crew: Crew) -> None:
    held = Payloads()
    held.begin("debate", "")
    for number in range(KEPT * 2 + 10):
        held.change(crew.lanes.payload("topic_raised", age=number))
    assert len(held.listed(Query())) == KEPT
    assert len(held) == KEPT


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("is:dead", ["A cache of caches"]), ("priority:crit", ["Proposal number 0"]),
        ("handler:crit", ["A write-through cache in the engine"]), ("event:verd", ["rejected"]),
        ("is:retrying beside", ["A cache beside the store"]),
        ("-is:ended -is:waiting", ["A write-through cache in the engine"]),
    ],
)  # fmt: skip
def test_payloads_are_filtered(crew: Crew, text: str, found: list[str]) -> None:
    debate(crew)
    query = parse(text, PAYLOAD_WORDS)
    assert [one.summary for one in crew.lanes.payloads.values() if query.admits(one)] == found


@pytest.mark.parametrize(
    ("text", "asked"),
    [("", ()), ("cache", ()), ("is:dead x", (S.DEAD,)), ("-is:dead", ()),
     ("is:waiting", (S.QUEUED, S.RETRYING)), ("is:nonsense", ())],
)  # fmt: skip
def test_the_engine_is_asked_for_the_states_of_the_filter(text: str, asked: tuple[S, ...]) -> None:
    assert wanted_statuses(parse(text, PAYLOAD_WORDS)) == tuple(sorted(asked))


def test_a_payload_says_what_keeps_it(crew: Crew) -> None:
    debate(crew)
    mine = list(crew.lanes.payloads.values())
    shown = "\n".join(texts(payload_rows(mine, crew.now(), of_a_lane=True)))
    assert "▸ running   000002 H critique  A write-through cache" in shown
    assert "critique takes 2 at once  Proposal number 1" in shown
    assert "✗ dead      000005 N exit code 3" in shown
    assert "topic_raised" not in shown
    assert "topic_raised" in "\n".join(texts(payload_rows(mine, crew.now(), of_a_lane=False)))
    assert payloads_last(mine, crew.now()) == 1
    assert payloads_last([named(crew, "rejected")], crew.now()) is None


# ---- one payload


def test_a_chain_is_a_tree_of_causes_and_effects(crew: Crew) -> None:
    debate(crew)
    mine = named(crew, "A write-through cache in the engine")
    rows = chain_rows(crew.lanes.detail(mine.id), crew.now())
    assert [line.partition(" 0")[0] for line in texts(rows)] == [
        "  ✓ topic_raised",
        "  └─ ▸ proposals_ready ← this one  2:00",
        "     ├─ ✓ critiques_ready",
        "     │  └─ ✓ verdict",
        "     └─ ○ critiques_ready",
    ]
    assert rows[1].key == ""
    assert rows[3].key == f"payload/{named(crew, 'rejected').id}"


def test_a_chain_names_the_workflow_or_the_trigger_that_began_it(crew: Crew) -> None:
    lanes = debate(crew)
    first = named(crew, "Which cache do we use?").changed(cause="workflow/01JW000042/review")
    lanes.payloads[first.id] = first
    rows = chain_rows(lanes.detail(first.id), crew.now())
    assert texts(rows)[0] == "  ◆ workflow 000042 · task review"
    assert rows[0].key == "workflow/01JW000042/review"
    assert behind(lanes.detail(first.id)) == "workflow/01JW000042/review"
    watched = first.changed(cause="trigger/watch")
    lanes.payloads[first.id] = watched
    rows = chain_rows(lanes.detail(first.id), crew.now())
    assert (texts(rows)[0], rows[0].key) == ("  ◆ watch trigger", "")


def test_a_workflow_between_two_payloads_stands_between_them(crew: Crew) -> None:
    debate(crew)
    first = crew.lanes.payload("begin")
    through = f"workflow/{'0' * 20}FLOW55/tell"
    mine = crew.lanes.payload("second", cause=through, above=first.id, root=first.id, hops=1)
    last = crew.lanes.payload("third", cause=through, above=mine.id, root=first.id, hops=2)
    detail = crew.lanes.detail(mine.id).changed(causes=(first,), effects=(last,))
    rows = chain_rows(detail, crew.now())
    lines = texts(rows)
    assert lines[0].split()[1:4] == ["begin", first.id[-6:], "0:30"]
    assert lines[1].strip() == "└─ ◆ workflow FLOW55 · task tell"
    assert "second ← this one" in lines[2]
    assert lines[3].strip() == "└─ ◆ workflow FLOW55 · task tell"
    assert lines[4].strip().startswith("└─ ○ third")
    indents = [len(line) - len(line.lstrip()) for line in lines]
    assert indents == sorted(indents)
    assert rows[1].key == through


def test_a_circle_of_effects_ends(crew: Crew) -> None:
    debate(crew)
    mine = named(crew, "A write-through cache in the engine")
    one = named(crew, "Too costly").changed(cause=f"payload/{named(crew, 'rejected').id}")
    two = named(crew, "rejected").changed(cause=f"payload/{one.id}")
    stray = named(crew, "What of restarts?").changed(cause="payload/unknown")
    detail = crew.lanes.detail(mine.id).changed(effects=(one, two, stray))
    assert len(chain_rows(detail, crew.now())) == 3


def test_all_about_a_payload(crew: Crew) -> None:
    worker = crew.add("worker")
    debate(crew)
    mine = named(crew, "A write-through cache in the engine")
    detail = crew.lanes.detail(mine.id)
    rows = detail_rows(mine, detail, crew.now())
    shown = "\n".join(texts(rows))
    assert "▸ running · 2:00 · high · attempt 2 of 3 · due in 95s" in shown
    assert '"topic": "Which cache do we use?"' in shown
    assert "↻ 1 retrying  critique  gemini  11:58:10 0:40" in shown
    assert "ExecutionError: exit code 3" in shown
    assert "led to 000013" in shown
    assert behind(detail) == f"session/{worker.id}"
    assert [row.key for row in rows if row.key.startswith("session")] == [f"session/{worker.id}"]
    late = mine.changed(deadline=crew.now() - timedelta(seconds=5), error="boom")
    assert "overdue" in "\n".join(texts(detail_rows(late, detail, crew.now())))
    assert "boom" in "\n".join(texts(detail_rows(late, detail, crew.now())))
    assert detail_lasts(detail, crew.now()) == 1
    assert detail_lasts(None, crew.now()) is None
    assert len(detail_rows(mine, None, crew.now())) == 2


# ---- where the person stands


def test_the_person_stays_on_a_lane_that_is_there(crew: Crew) -> None:
    debate(crew)
    desk = LanesDesk()
    desk.reconcile()
    assert desk.pipeline is None
    desk.view.pipelines = dict(crew.lanes.pipelines)
    desk.reconcile()
    assert desk.key == lane_key("debate")
    desk.select(lane_key("debate", "verdict"))
    desk.payload_id = "x"
    desk.reconcile()
    assert (desk.lane, desk.payload_id) == ("verdict", "x")
    desk.view.pipelines["debate"] = crew.lanes.pipelines["debate"].changed(lanes=())
    desk.reconcile()
    assert desk.key == lane_key("debate")
    other = crew.lanes.add("alpha", [])
    desk.view.pipelines = {"alpha": other}
    desk.reconcile()
    assert (desk.name, desk.payload_id) == ("alpha", "")


# ---- the form


@pytest.mark.parametrize(
    ("text", "value", "fault"),
    [("", None, ""), ('{"a": 1}', {"a": 1}, ""), ("[1", None, "line 1, column 3"),
     ("text", None, "No JSON: expecting value in line 1, column 1.")],
)  # fmt: skip
def test_data_are_json_and_a_fault_names_its_place(text: str, value: object, fault: str) -> None:
    found, why = read_data(text)
    assert found == value
    assert fault in why


def test_priorities_and_deadlines_are_read(crew: Crew) -> None:
    now = crew.now()
    assert read_priority("h") == (P.HIGH, "")
    assert read_priority(" ") == (None, "")
    assert "is one of" in read_priority("urgent")[1]
    assert read_deadline("90", now) == (now + timedelta(seconds=90), "")
    assert read_deadline("2h", now) == (now + timedelta(hours=2), "")
    assert read_deadline("", now) == (None, "")
    assert "such as" in read_deadline("soon", now)[1]
    assert "such as" in read_deadline("nan", now)[1]
    assert "such as" in read_deadline("9" * 400, now)[1]
    assert "ahead" in read_deadline("-1m", now)[1]
