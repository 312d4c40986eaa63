"""What the Workflows screen shows, made of what the engine says: pure functions."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tui.crew import Crew
from tests.tui.fleet import R, W, feature, hundred, many, task
from tests.tui.fleet import draw as drawn

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.client.view import View
from quarterdeck.core.protocol.workflow_views import (
    ArtifactView,
    AttemptView,
    BoxView,
    DifferenceView,
    GraphView,
    HandoffView,
    TaskDetailView,
    TaskView,
    VersionView,
    WholeWorkflowView,
)
from quarterdeck.tui.model.cells import row_text, row_width
from quarterdeck.tui.model.flow import detail as details
from quarterdeck.tui.model.flow.desk import Desk, Mode
from quarterdeck.tui.model.flow.gantt import (
    STEPS,
    axis_row,
    gantt_row,
    make_axis,
    make_chart,
    mark_text,
)
from quarterdeck.tui.model.flow.graph import Picture, graph_row
from quarterdeck.tui.model.flow.history import History, difference_rows, value_text, version_row
from quarterdeck.tui.model.flow.log import LINES_KEPT, SLACK, LogPart, TaskLog
from quarterdeck.tui.model.flow.rows import FLOWS, EndedRow, FlowRow, flow_rows, in_order, rows_last
from quarterdeck.tui.model.flow.state import Applied, Flow
from quarterdeck.tui.model.flow.tasks import task_row, tasks_vocabulary
from quarterdeck.tui.model.flow.words import bar, loudest, task_note, time_of
from quarterdeck.tui.model.query import parse

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def flow_of(tasks: list[TaskView], *, critical: tuple[str, ...] = (), **more: object) -> Flow:
    crew = Crew(ManualClock(NOW))
    ship = crew.fleet.add("feature", tasks, **more)  # type: ignore[arg-type]
    ship.critical = critical
    return Flow(crew.fleet.whole(ship.id))


def texts(picture: Picture, flow: Flow, cursor: str | None = None) -> list[str]:
    lines = range(len(picture.graph.lines))
    return [row_text(graph_row(picture, flow, y, NOW, cursor=cursor)) for y in lines]


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


# ---- the graph


@pytest.fixture
def drawing() -> tuple[Picture, Flow]:
    critical = ("plan", "build", "test", "release")
    flow = flow_of(feature(NOW), critical=critical)
    return Picture(drawn(list(flow.tasks.values()), 80)), flow


def test_every_box_says_how_its_task_stands(drawing: tuple[Picture, Flow]) -> None:
    shown = "\n".join(texts(*drawing))
    for words in ("✓ plan", "0:18", "▸ build", "0:42", "✗ docs", "failed", "· review"):
        assert words in shown


def test_lines_between_boxes_are_the_drawings_own(drawing: tuple[Picture, Flow]) -> None:
    picture, flow = drawing
    for y, text in enumerate(texts(picture, flow)):
        line = picture.graph.lines[y].ljust(picture.graph.width)
        inside = {x for box in picture.on_line(y) for x in range(box.x, box.x + box.width)}
        outside = [x for x in range(picture.graph.width) if x not in inside]
        assert [text.ljust(picture.graph.width)[x] for x in outside] == [line[x] for x in outside]


def test_the_critical_path_has_heavy_frames(drawing: tuple[Picture, Flow]) -> None:
    picture, flow = drawing
    shown = texts(picture, flow)
    for name, box in picture.boxes.items():
        assert (shown[box.y][box.x] == "┏") == (name in flow.path.at(NOW))


def test_cursor_and_matches_have_tones_of_their_own(drawing: tuple[Picture, Flow]) -> None:
    picture, flow = drawing
    y = picture.boxes["build"].y + 1
    row = graph_row(picture, flow, y, NOW, cursor="build", found=frozenset(("docs",)))
    tones = {cell.text.strip().split()[1]: cell.tone for cell in row if len(cell.text.split()) > 1}
    assert tones["build"] == "cursor"
    y = picture.boxes["docs"].y + 1
    row = graph_row(picture, flow, y, NOW, found=frozenset(("docs",)))
    assert "match" in {cell.tone for cell in row}


def test_a_name_that_has_no_room_is_cut_and_loses_its_note() -> None:
    flow = flow_of([task("a-name-that-is-rather-long", status=R.RUNNING, started_at=ago(9))])
    box = BoxView(name="a-name-that-is-rather-long", x=0, y=0, width=14, height=1)
    picture = Picture(GraphView(width=14, height=1, lines=("[" + " " * 12 + "]",), boxes=(box,)))
    assert texts(picture, flow) == ["┃▸ a-name-th…┃"]


def test_a_folded_fan_out_counts_its_parts_and_says_the_worst() -> None:
    flow = flow_of(hundred(ago(60)))
    picture = Picture(drawn(list(flow.tasks.values()), 200))
    shown = "\n".join(texts(picture, flow))
    assert "▸ fan (36)" in shown
    assert "12/36" in shown
    bad = flow.tasks["fan[30]"].model_copy(update={"status": R.FAILED, "version": 9})
    flow.apply(bad)
    picture.touch("fan[30]")
    shown = "\n".join(texts(picture, flow))
    assert "✗ fan (36)" in shown
    assert "1✗" in shown


def test_what_a_fold_stands_for_is_found_in_it() -> None:
    flow = flow_of(hundred(ago(60)))
    picture = Picture(drawn(list(flow.tasks.values()), 200))
    assert picture.finds("fan[3") == ["fan"]
    assert picture.box_of("fan[3]") == "fan"
    assert picture.failed(flow) == ["c3-5"]


def test_places_and_steps(drawing: tuple[Picture, Flow]) -> None:
    picture, _ = drawing
    build = picture.boxes["build"]
    assert picture.at(build.x + 1, build.y + 1) == "build"
    assert picture.at(picture.graph.width + 5, 0) is None
    assert picture.step("build", "up") == "plan"
    assert picture.step("plan", "up") is None


@settings(max_examples=25, deadline=None)
@given(st.integers(30, 220), st.sets(st.sampled_from(["fan", "[c0-9]", "nothing"])))
def test_every_line_is_as_wide_as_the_drawing_at_most(width: int, unfolded: set[str]) -> None:
    flow = flow_of(hundred(ago(60)), critical=("start", "fan", "gather"))
    picture = Picture(drawn(list(flow.tasks.values()), width, sorted(unfolded)))
    for y in range(len(picture.graph.lines)):
        assert row_width(graph_row(picture, flow, y, NOW)) <= picture.graph.width
    assert {picture.box_of(name) for name in flow.tasks} <= set(picture.boxes)


# ---- the Gantt


@given(st.floats(0, 10_000_000), st.integers(10, 300))
def test_an_axis_ends_at_a_mark_behind_the_last_moment(seconds: float, width: int) -> None:
    axis = make_axis(NOW, NOW + timedelta(seconds=seconds), width)
    assert axis.seconds >= max(seconds, 1) * 0.999999
    assert axis.seconds / axis.step == pytest.approx(round(axis.seconds / axis.step))
    assert axis.seconds / axis.step <= max(1, width // 9) + 1
    assert 0 <= axis.column(NOW + timedelta(seconds=seconds)) < width
    assert row_width(axis_row(axis, 7)) == 7 + width


def test_an_axis_holds_still_while_bars_grow() -> None:
    widths = {make_axis(NOW, NOW + timedelta(seconds=41 + n), 60).seconds for n in range(5)}
    assert len(widths) == 1


def test_marks_are_round() -> None:
    assert [mark_text(s) for s in (0, 30, 90, 3600, 5400, 86400)] == [
        "0s", "30s", "1m30", "1h", "1h30", "1d",
    ]  # fmt: skip
    assert sorted(STEPS) == list(STEPS)


def test_a_row_has_a_bar_for_each_attempt() -> None:
    flow = flow_of(feature(NOW))
    build = flow.tasks["build"]
    first = AttemptView(
        task_id="build", attempt=1, status=R.FAILED, started_at=ago(70), ended_at=ago(50)
    )
    flow.learn(TaskDetailView(workflow_id=flow.id, task=build, attempts=(first,)))
    chart = make_chart(flow, NOW, 80)
    assert chart is not None
    text = row_text(gantt_row(chart, flow, build, NOW))
    assert text.startswith("▸ build")
    assert text.index("░") < text.index("▓")
    assert text.endswith("0:42")
    assert row_width(gantt_row(chart, flow, build, NOW)) == 80


def test_what_has_not_begun_has_no_bar_and_no_chart() -> None:
    flow = flow_of([task("a")])
    assert make_chart(flow, NOW, 80) is None
    flow = flow_of(feature(NOW))
    chart = make_chart(flow, NOW, 80)
    assert chart is not None
    assert not set(row_text(gantt_row(chart, flow, flow.tasks["test"], NOW))) & set("█▓▒░")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), max_size=6), st.integers(40, 200))
def test_bars_never_leave_the_chart(times: list[tuple[float, float]], width: int) -> None:
    last = task("a", status=R.RUNNING, attempt=len(times) + 1, started_at=ago(3))
    flow = flow_of([last, task("b", status=R.COMPLETED, started_at=ago(600), ended_at=ago(500))])
    told = tuple(
        AttemptView(
            task_id="a",
            attempt=n,
            status=R.FAILED,
            started_at=ago(600 - a),
            ended_at=ago(600 - a - b),
        )
        for n, (a, b) in enumerate(times, 1)
    )
    flow.learn(TaskDetailView(workflow_id=flow.id, task=last, attempts=told))
    chart = make_chart(flow, NOW, width)
    assert chart is not None
    for one in flow.tasks.values():
        assert row_width(gantt_row(chart, flow, one, NOW)) <= max(width, chart.names + 3 + 10 + 9)


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
