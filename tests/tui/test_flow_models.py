"""What the Workflows screen lists and keeps true: pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.crew import Crew
from tests.tui.fleet import R, W, feature, task
from tests.tui.flows_hand import NOW, ago, flow_of

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.protocol.workflow_views import (
    AttemptView,
    DifferenceView,
    TaskDetailView,
    VersionView,
)
from quarterdeck.tui.model.cells import row_text
from quarterdeck.tui.model.flow.history import History, difference_rows, value_text, version_row
from quarterdeck.tui.model.flow.rows import FLOWS, EndedRow, FlowRow, flow_rows, in_order, rows_last
from quarterdeck.tui.model.flow.state import Applied, Flow
from quarterdeck.tui.model.flow.tasks import task_row, tasks_vocabulary
from quarterdeck.tui.model.flow.words import bar, loudest, task_note, time_of
from quarterdeck.tui.model.query import parse

# ---- the list


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 80))
def test_a_bar_is_full_only_when_all_is_done(done: int, more: int, width: int) -> None:
    shown = bar(done, done + more, width)
    assert len(shown) == width
    if width and done + more:
        assert (shown == "█" * width) == (not more or (width == 1 and done > 0))
        assert (shown == "░" * width) == (not done)


def test_unfinished_ones_stand_first_and_the_newest_of_each_before_the_others() -> None:
    crew = Crew(ManualClock(NOW))
    fleet = crew.fleet
    for name, status, age in (
        ("old", W.RUNNING, 900), ("done", W.COMPLETED, 10), ("new", W.PAUSED, 20), ("bad", W.FAILED, 50),
    ):  # fmt: skip
        fleet.add(name, [task("a")], status, age=age)
    order = [flow.name for flow in in_order(ship.line for ship in fleet.ships.values())]
    assert order == ["new", "old", "done", "bad"]


def test_a_waiting_workflow_says_so_until_it_has_ended() -> None:
    crew = Crew(ManualClock(NOW))
    ship = crew.fleet.add("release", [task("ship", status=R.RUNNING, started_at=NOW)])
    crew.fleet.gate(ship, "ship")
    (row,) = flow_rows([ship.line], NOW, tall=False)
    assert isinstance(row, FlowRow)
    assert (row.sign, row.word, row.tone) == ("!", "waits for you", "needs")
    ended = ship.line.model_copy(update={"status": W.CANCELLED})
    (row,) = flow_rows([ended], NOW, tall=False)
    assert isinstance(row, FlowRow)
    assert row.word == "cancelled"


def test_ended_ones_fold_into_one_line_that_counts_the_failed() -> None:
    crew = Crew(ManualClock(NOW))
    kept = crew.fleet.add("kept", [task("a")], W.COMPLETED)
    crew.fleet.add("bad", [task("a")], W.FAILED)
    crew.fleet.add("good", [task("a")], W.COMPLETED)
    lines = [ship.line for ship in crew.fleet.ships.values()]
    rows = flow_rows(lines, NOW, tall=True, folded=True, keep=kept.id)
    assert len(rows) == 3
    assert rows[-1] == EndedRow("… 2 workflows ended, 1 failed")


def test_only_what_runs_has_a_time_that_changes() -> None:
    crew = Crew(ManualClock(NOW))
    done = crew.fleet.add("done", [task("a")], W.COMPLETED, age=50, took=3)
    assert rows_last([done.line], NOW) is None
    runs = crew.fleet.add("runs", [task("a")], age=5.25)
    assert rows_last([done.line, runs.line], NOW) == pytest.approx(0.75)
    assert time_of(None, None, NOW) == ""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("is:running", {"run", "wait"}), ("is:waiting", {"wait"}), ("is:failed", {"bad"}),
        ("is:ended", {"bad", "done"}), ("-is:ended", {"run", "wait"}), ("bad", {"bad"}),
        ("name:ru", {"run"}), ("file:done", {"done"}),
    ],
)  # fmt: skip
def test_the_filter_of_workflows(text: str, names: set[str]) -> None:
    crew = Crew(ManualClock(NOW))
    fleet = crew.fleet
    fleet.add("run", [task("a")])
    fleet.gate(fleet.add("wait", [task("a", status=R.RUNNING, started_at=NOW)]), "a")
    fleet.add("bad", [task("a")], W.FAILED)
    fleet.add("done", [task("a")], W.COMPLETED)
    query = parse(text, FLOWS)
    assert not query.faults
    found = {ship.line.name for ship in fleet.ships.values() if query.admits(ship.line)}
    assert found == names


# ---- one workflow, kept true


def test_a_change_that_is_older_than_what_is_held_changes_nothing() -> None:
    flow = flow_of(feature(NOW))
    build = flow.tasks["build"]
    newer = build.model_copy(update={"status": R.COMPLETED, "version": 9})
    assert flow.apply(newer) is Applied.CHANGED
    assert flow.apply(build) is Applied.OLD
    assert flow.tasks["build"].status is R.COMPLETED


def test_a_task_that_is_new_or_needs_something_else_changes_the_structure() -> None:
    flow = flow_of(feature(NOW))
    assert flow.apply(task("other")) is Applied.STRUCTURE
    moved = flow.tasks["test"].model_copy(update={"needs": ("plan",), "version": 9})
    assert flow.apply(moved) is Applied.STRUCTURE


def test_what_came_while_it_was_asked_for_is_kept() -> None:
    crew = Crew(ManualClock(NOW))
    whole = crew.fleet.whole(crew.fleet.add("feature", feature(NOW)).id)
    newer = whole.tasks[0].model_copy(update={"status": R.FAILED, "version": 50})
    flow = Flow(whole)
    flow.keep(None, {newer.id: newer})
    assert flow.tasks["plan"].status is R.FAILED


def test_an_attempt_that_was_seen_is_remembered_when_the_next_begins() -> None:
    flow = flow_of([task("a", status=R.RUNNING, started_at=ago(60), max_attempts=3)])
    first = flow.tasks["a"]
    waits = first.model_copy(update={"status": R.RETRYING, "ended_at": ago(40), "version": 2})
    again = first.model_copy(
        update={"status": R.RUNNING, "attempt": 2, "started_at": ago(10), "version": 3}
    )
    flow.apply(waits)
    flow.apply(again)
    spans = flow.spans(flow.tasks["a"])
    assert [(span.attempt, span.status, span.ended_at) for span in spans] == [
        (1, R.FAILED, ago(40)), (2, R.RUNNING, None),
    ]  # fmt: skip
    assert not flow.lacks_attempts(again)


def test_attempts_that_nobody_saw_are_missed_until_the_task_tells_of_them() -> None:
    flow = flow_of([task("a", status=R.RUNNING, attempt=3, started_at=ago(5), max_attempts=3)])
    one = flow.tasks["a"]
    assert flow.lacks_attempts(one)
    told = tuple(
        AttemptView(
            task_id="a", attempt=n, status=R.FAILED, started_at=ago(90 - n), ended_at=ago(80)
        )
        for n in (1, 2)
    )
    flow.learn(TaskDetailView(workflow_id=flow.id, task=one, attempts=told))
    assert not flow.lacks_attempts(one)
    assert [span.attempt for span in flow.spans(one)] == [1, 2, 3]


def test_a_line_that_was_rolled_back_or_began_anew_asks_for_all_again() -> None:
    flow = flow_of(feature(NOW), status=W.FAILED)
    assert not flow.update(flow.line.model_copy(update={"version": 20}))
    assert flow.update(flow.line.model_copy(update={"restored_from": 3}))
    assert flow.update(flow.line.model_copy(update={"status": W.RUNNING}))


def test_the_loudest_state_stands_for_several() -> None:
    assert loudest(["completed", "running", "failed"]) == "failed"
    assert loudest([]) == "pending"


def test_notes_beside_a_name() -> None:
    tasks = {one.id: one for one in feature(NOW)}
    assert task_note(tasks["plan"], "completed", NOW) == "0:18"
    assert task_note(tasks["build"], "running", NOW) == "0:42"
    assert task_note(tasks["lint"], "completed", NOW) == "0.4s"
    assert task_note(tasks["docs"], "failed", NOW) == "failed"
    assert task_note(tasks["release"], "waiting", NOW) == "your word"
    assert task_note(task("a", attempt=1, max_attempts=3), "retrying", NOW) == "try 2/3"


# ---- the table


def test_a_task_says_what_it_needs_or_why_it_failed() -> None:
    flow = flow_of(feature(NOW), critical=("build",))
    assert task_row(flow, flow.tasks["release"], NOW).note == "needs test, review"
    assert task_row(flow, flow.tasks["docs"], NOW).note == "exit code 2: no such target"
    build = task_row(flow, flow.tasks["build"], NOW)
    assert (build.attempt, build.time, build.critical) == ("2/3", "0:42", True)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("is:failed", {"docs"}), ("is:running", {"build"}), ("kind:agent", {"plan", "build", "review"}),
        ("agent:worker lan", {"plan"}), ("is:ended", {"plan", "lint", "docs"}), ("no such", {"docs"}),
        ("is:waiting", set()), ("name:test", {"test"}),
    ],
)  # fmt: skip
def test_the_filter_of_tasks(text: str, names: set[str]) -> None:
    query = parse(text, tasks_vocabulary(tuple))
    assert {one.id for one in feature(NOW) if query.admits(one)} == names


# ---- versions


def versions(*numbers: int) -> list[VersionView]:
    return [
        VersionView(version=n, at=NOW, kind="task_changed", task_id="a", status="running")
        for n in numbers
    ]


def test_a_history_keeps_its_cursor_on_its_version_while_it_grows() -> None:
    history = History()
    history.take(versions(1, 2, 3), limit=200)
    assert history.complete
    history.cursor = 1
    history.take(versions(4, 5))
    assert history.chosen is not None
    assert history.chosen.version == 2
    history.cursor = 0
    history.take(versions(6))
    assert history.chosen is not None
    assert history.chosen.version == 6


def test_a_pair_is_the_marked_version_and_the_chosen_one_or_the_one_before() -> None:
    history = History()
    assert history.pair() is None
    history.take(versions(1, 2, 3, 4))
    assert history.pair() == (3, 4)
    history.marked = 2
    assert history.pair() == (2, 4)
    history.cursor = 3
    assert history.pair() == (1, 2)
    history.marked = 1
    assert history.pair() is None


def test_a_version_says_what_changed() -> None:
    view = VersionView(version=7, at=NOW, kind="workflow_changed", status="running")
    assert version_row(view, 7).text == "workflow changed: running"
    assert version_row(view, 7).marked
    back = view.model_copy(update={"restored_from": 3})
    assert version_row(back, None).text == "restored from version 3"


def test_a_difference_names_every_field_before_and_after() -> None:
    view = DifferenceView(
        before=2, after=9, workflow={"status": ["running", "failed"]},
        tasks={"a": {"result": [None, {"x": 1}]}}, added=("b",), removed=("c",),
    )  # fmt: skip
    shown = [row_text(row) for row in difference_rows(view)]
    assert shown == [
        "Version 2 → version 9", "the workflow", "  status: running → failed",
        "a", '  result: nothing → {"x": 1}', "+ b  is new", "- c  is gone",
    ]  # fmt: skip
    nothing = difference_rows(DifferenceView(before=1, after=2))
    assert row_text(nothing[-1]) == "Nothing differs."
    assert value_text("") == '""'
