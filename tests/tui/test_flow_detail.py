"""A task in full, its output, and where the person stands."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tui.crew import Crew
from tests.tui.fleet import R, feature, hundred, many, task
from tests.tui.fleet import draw as drawn
from tests.tui.flows_hand import NOW, ago, flow_of

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.client.view import View
from quarterdeck.core.protocol.workflow_views import (
    ArtifactView,
    AttemptView,
    HandoffView,
    TaskDetailView,
    WholeWorkflowView,
)
from quarterdeck.tui.model.cells import row_text
from quarterdeck.tui.model.flow import detail as details
from quarterdeck.tui.model.flow.desk import Desk, Mode
from quarterdeck.tui.model.flow.graph import Picture
from quarterdeck.tui.model.flow.log import LINES_KEPT, SLACK, LogPart, TaskLog
from quarterdeck.tui.model.flow.tasks import task_row

# ---- a task


def test_all_that_is_known_of_a_task_is_told() -> None:
    docs = next(one for one in feature(NOW) if one.id == "docs")
    view = TaskDetailView(
        workflow_id="w", task=docs, has_result=True, result={"lines": ["a", "b"]},
        given={"prompt": "Write it\nwell", "count": 3},
        attempts=(AttemptView(task_id="docs", attempt=1, status=R.FAILED, started_at=ago(70), ended_at=ago(40), error="no"),),
        handoffs=(HandoffView(id="h", source="plan", target="docs", status="accepted", created_at=NOW,
                              body={"context": {"task_description": "go on"}}),),
        artifacts=(ArtifactView(name="out.txt", path="/tmp/out.txt", size=12_345, sha256="0", attempt=1, created_at=NOW),),
    )  # fmt: skip
    shown = "\n".join(row_text(row) for row in details.detail_rows(docs, view, (), NOW))
    for words in (
        "✗ failed", "needs plan", "ERROR", "ExecutionError: exit code 2", "RESULT", '"lines": [',
        "GIVEN", "prompt:", "Write it", "count: 3", "ATTEMPTS", "0:30", "HANDOFFS", "plan → docs",
        "go on", "FILES", "out.txt", "12.3 kB",
    ):  # fmt: skip
        assert words in shown, words


def test_a_falsy_result_is_a_result_and_a_missing_one_is_none() -> None:
    plan = feature(NOW)[0]
    empty = TaskDetailView(workflow_id="w", task=plan, result="", has_result=True)
    shown = [row_text(row) for row in details.detail_rows(plan, empty, (), NOW)]
    assert "RESULT" in shown
    none = TaskDetailView(workflow_id="w", task=plan)
    assert "RESULT" not in [row_text(row) for row in details.detail_rows(plan, none, (), NOW)]


def test_a_long_value_is_cut_and_says_so() -> None:
    rows = details.value_rows("\n".join(str(n) for n in range(500)))
    assert row_text(rows[-1]).strip() == "… 440 lines more"


def test_what_waits_for_its_next_attempt_says_when() -> None:
    waits = task(
        "a", status=R.RETRYING, started_at=ago(9), next_attempt_at=NOW + timedelta(seconds=5)
    )
    assert any("tried again in 5.0s" in row_text(row) for row in details.facts(waits, (), NOW))


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB")]
)
def test_sizes(size: int, text: str) -> None:
    assert details.size_text(size) == text


# ---- output


def test_output_grows_at_its_end_line_by_line() -> None:
    log = TaskLog("a", 1)
    log.take(LogPart(0, 3, 3, "one"))
    assert log.lines == ["one"]
    log.take(LogPart(3, 9, 9, "\ntwo\nt"))
    assert log.lines == ["one", "two", "t"]
    log.take(LogPart(9, 12, 12, "hr\n"))
    assert log.lines == ["one", "two", "thr"]
    assert not log.has_newer
    log.grown(40)
    assert log.has_newer


def test_output_of_the_past_comes_before_it_and_a_cut_line_is_whole_again() -> None:
    log = TaskLog("a", 1)
    log.take(LogPart(10, 20, 20, "lf\nnewer\n"))
    assert log.has_older
    assert log.take(LogPart(0, 10, 20, "old\nha")) == 1
    assert log.lines == ["old", "half", "newer"]
    assert not log.has_older


def test_output_that_fits_nowhere_is_left_out() -> None:
    log = TaskLog("a", 1)
    log.take(LogPart(0, 4, 9, "one\n"))
    log.take(LogPart(7, 9, 9, "x\n"))
    assert log.lines == ["one"]


def test_colours_and_overwritten_lines_are_not_shown() -> None:
    log = TaskLog("a", 1)
    log.take(LogPart(0, 40, 40, "\x1b[31mred\x1b[0m\n 10%\r 90%\rdone\r\n"))
    assert log.lines == ["red", "done"]


def test_what_is_held_of_the_output_is_bounded() -> None:
    log = TaskLog("a", 1)
    text = "x\n" * (LINES_KEPT + SLACK + 10)
    log.take(LogPart(0, len(text), len(text), text))
    assert len(log.lines) == LINES_KEPT
    assert log.start == len(text) - 2 * LINES_KEPT


@settings(max_examples=60)
@given(st.text(alphabet="ab\n", max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_output_in_pieces_is_the_output(text: str, cuts: list[int]) -> None:
    log = TaskLog("a", 1)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    for start, end in itertools.pairwise(places):
        log.take(LogPart(start, end, len(text), text[start:end]))
    assert log.lines == text.splitlines()


def test_matches_in_the_output() -> None:
    log = TaskLog("a", 1)
    log.take(LogPart(0, 20, 20, "Needle\nhay\nneedle 2\n"))
    assert log.find("needle") == [2, 0]


# ---- where the person stands


def desk_on(crew: Crew) -> Desk:
    desk = Desk(crew.clock)
    desk.view = View()
    desk.view.workflows = {ship.id: ship.line for ship in crew.fleet.ships.values()}
    return desk


def test_the_neighbour_of_a_workflow_that_is_gone_is_looked_at() -> None:
    crew = Crew(ManualClock(NOW))
    ids = [
        crew.fleet.add(name, [task("a")], age=age).id
        for name, age in (("x", 30), ("y", 20), ("z", 10))
    ]
    desk = desk_on(crew)
    desk.reconcile()
    assert desk.flow_id == ids[2]
    desk.select(ids[1])
    desk.reconcile()
    del desk.view.workflows[ids[1]]
    desk.reconcile()
    assert desk.flow_id == ids[0]
    desk.view.workflows.clear()
    desk.reconcile()
    assert desk.flow_id is None


def test_the_first_task_looked_at_is_one_that_matters() -> None:
    crew = Crew(ManualClock(NOW))
    desk = desk_on(crew)
    flow = flow_of(feature(NOW))
    desk.settle(flow, None)
    assert desk.task_id == "docs"
    flow.line = flow.line.model_copy(update={"waiting": ("build",)})
    desk.task_id = None
    desk.settle(flow, None)
    assert desk.task_id == "build"


def test_a_fan_out_unfolds_and_folds_around_the_cursor() -> None:
    desk = Desk(ManualClock(NOW))
    flow = flow_of(hundred(ago(60)))
    tasks = list(flow.tasks.values())
    picture = Picture(drawn(tasks, 120))
    desk.point_box(picture, "fan")
    assert desk.on_fold(picture)
    desk.fold(picture)
    assert set(desk.unfolded) == {"fan"}
    picture = Picture(drawn(tasks, 120, sorted(desk.unfolded)))
    desk.point("fan[7]")
    desk.settle(flow, picture)
    assert desk.box == "fan[7]"
    desk.fold(picture)
    assert not desk.unfolded
    picture = Picture(drawn(tasks, 120))
    desk.settle(flow, picture)
    assert desk.box == "fan"
    assert desk.task_id == "fan[7]"


def test_going_elsewhere_forgets_what_belonged_to_the_place() -> None:
    crew = Crew(ManualClock(NOW))
    one, two = (crew.fleet.add(name, [task("a")]).id for name in ("one", "two"))
    desk = desk_on(crew)
    desk.select(one, "a")
    desk.detail, desk.needle, desk.unfolded = True, "x", {"fan": ("a",)}
    desk.select(two)
    assert (desk.detail, desk.needle, desk.unfolded, desk.task_id) == (False, "", {}, None)
    assert desk.mode is Mode.GRAPH


def test_ten_thousand_tasks_are_held_in_little_time() -> None:
    tasks = many(10_000, NOW)
    flow = flow_of(tasks)
    assert isinstance(flow.whole, WholeWorkflowView)
    rows = [task_row(flow, flow.tasks[flow.order[at]], NOW) for at in range(5_000, 5_060)]
    assert rows[0].id == "t05000"
    assert len(flow.find("t0999")) == 10
