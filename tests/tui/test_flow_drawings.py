"""The graph and the Gantt of a workflow, made of what the engine says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tui.fleet import R, feature, hundred, task
from tests.tui.fleet import draw as drawn
from tests.tui.flows_hand import NOW, ago, flow_of, texts

from quarterdeck.core.protocol.workflow_views import (
    AttemptView,
    BoxView,
    GraphView,
    TaskDetailView,
)
from quarterdeck.tui.model.cells import row_text, row_width
from quarterdeck.tui.model.flow.gantt import (
    STEPS,
    axis_row,
    gantt_row,
    make_axis,
    make_chart,
    mark_text,
)
from quarterdeck.tui.model.flow.graph import Picture, graph_row
from quarterdeck.tui.model.flow.state import Flow

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
    assert "12/36 1✗" in shown
    (box,) = (box for box in picture.graph.boxes if box.name == "fan")
    narrow = box.model_copy(update={"x": 0, "y": 0, "width": 16, "height": 1})
    picture = Picture(GraphView(width=16, height=1, lines=("[" + " " * 14 + "]",), boxes=(narrow,)))
    assert "✗ fan (36)  1✗" in texts(picture, flow)[0]


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
