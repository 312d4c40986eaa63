"""Mermaid, DOT, SVG and text; the Gantt rows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.workflows import TaskDefinition, WorkflowDefinition
from quarterdeck.core.workflows.drawing import (
    FORMATS,
    Graph,
    Node,
    Span,
    dot,
    duration,
    gantt,
    graph_of,
    lines_of,
    mermaid,
    svg,
    text,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
DIAMOND = Graph.of([
    Node("a", status="completed"), Node("b", ("a",), "running"), Node("c", ("a",), "lost"),
    Node("d", ("a", "b", "c")), Node("e", (), "pending", final=True),
])  # fmt: skip


def test_mermaid() -> None:
    assert mermaid(DIAMOND).splitlines() == [
        "flowchart TD",
        '    t0["✓ a completed"]:::completed',
        '    t1["▸ b running"]:::running',
        '    t2["? c lost"]:::lost',
        '    t3["○ d"]',
        '    t4(["· e pending"])',
        "    t0 --> t1",
        "    t0 --> t2",
        "    t1 --> t3",
        "    t2 --> t3",
        "    classDef completed fill:#dcfce7,stroke:#15803d,color:#18181b",
        "    classDef lost fill:#fee2e2,stroke:#b91c1c,color:#18181b",
        "    classDef running fill:#dbeafe,stroke:#1d4ed8,color:#18181b",
    ]


def test_dot() -> None:
    lines = dot(DIAMOND).splitlines()
    assert (lines[0], lines[-1]) == ("digraph workflow {", "}")
    assert '    "a" [label="✓ a completed", fillcolor="#dcfce7", color="#15803d"];' in lines
    assert [line for line in lines if "->" in line] == [
        '    "a" -> "b";', '    "a" -> "c";', '    "b" -> "d";', '    "c" -> "d";',
    ]  # fmt: skip


def test_svg() -> None:
    picture = ET.fromstring(svg(DIAMOND))  # noqa: S314  # our own
    space = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{space}g")) == 5
    assert len(picture.findall(f"{space}path")) == 4
    told = [one.text for one in picture.iter(f"{space}text")]
    assert "▸ b running" in told


awkward = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(awkward, min_size=1, max_size=4, unique=True))
def test_names_of_any_letters_break_no_form(names: list[str]) -> None:
    graph = Graph.of(Node(name, tuple(names[:at])) for at, name in enumerate(names))
    picture = ET.fromstring(svg(graph))  # noqa: S314  # our own
    assert len([one for one in picture if one.tag.endswith("}g")]) == len(names)
    for line in dot(graph).splitlines()[2:-1]:
        assert re.fullmatch(
            r'    "(?:[^"\\]|\\.)*"( -> "(?:[^"\\]|\\.)*"| \[label="(?:[^"\\]|\\.)*", .*\]);', line
        )
    for line in mermaid(graph).splitlines()[1:]:
        assert re.fullmatch(r'    t\d+(?:\["[^"\n]*"\]| --> t\d+)', line)
    assert all(form(graph) for form in FORMATS.values())


def test_text_takes_one_line_a_row_where_there_is_much() -> None:
    assert "╭" in text(DIAMOND)
    assert "╭" not in text(DIAMOND, boxed=False)
    many = Graph.of(Node(f"t{at}", (f"t{at - 1}",)) for at in range(40))
    assert "╭" not in text(many)
    assert "╭" in text(many, boxed=True)
    assert text(Graph()) == ""
    assert mermaid(Graph()) == "flowchart TD"


def test_the_graph_of_a_definition() -> None:
    definition = WorkflowDefinition(
        "x",
        (
            TaskDefinition("a", "claude", "agent"),
            TaskDefinition("b", "b", "foreach", ("a",)),
            TaskDefinition("c", "c", "run", final=True),
        ),
    )
    assert [node.text for node in graph_of(definition).nodes.values()] == [
        "○ a agent",
        "○ b foreach",
        "○ c final",
    ]
    live = graph_of(definition, {"a": "completed", "b": "running", "c": "pending"}, {"b": "3/12"})
    assert [node.text for node in live.nodes.values()] == [
        "✓ a completed",
        "▸ b 3/12",
        "· c pending",
    ]
    assert live.nodes["b"].needs == ("a",)
    assert live.nodes["c"].final


# ---- time ----------------------------------------------------------------------------------


def span(
    task: str, attempt: int, start: float, end: float | None, status: str = "completed"
) -> Span:
    ended = None if end is None else START + timedelta(seconds=end)
    return Span(task, attempt, START + timedelta(seconds=start), ended, status)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_attempts_along_the_time() -> None:
    spans = [
        span("build", 2, 50, 75),
        span("plan", 1, 0, 25),
        span("build", 1, 25, 45, "failed"),
        span("test", 1, 75, None, "running"),
    ]
    assert lines_of(gantt(spans, at(100), width=48)) == [
        "        │0s       │25s      │50s      │1m15s",
        "plan  ✓ ███████████",
        "build ✓           ░░░░░░░░░ ███████████",
        "test  ▸                               ▓▓▓▓▓▓▓▓▓▓",
    ]


def test_every_cell_belongs_to_its_task_and_attempt() -> None:
    spans = [span("a", 1, 0, 5), span("b", 1, 5, 9, "failed"), span("b", 2, 9, None, "running")]
    header, plan, build = gantt(spans, at(20))
    assert {cell.task for cell in header} == {None}
    assert {cell.task for cell in plan} == {"a"}
    assert [cell.style for cell in build if cell.text.strip(" ") and cell.text[0] in "░█▓"] == [
        "failed",
        "running",
    ]


def test_nothing_ran() -> None:
    assert gantt([], at(0)) == []


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0s"), (0.25, "250ms"), (1, "1s"), (12.34, "12.3s"), (60, "1m00s"), (200, "3m20s"), (7500, "2h05m"), (90_000, "25h00m")],
)  # fmt: skip
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


times = st.floats(0, 10_000, allow_nan=False)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), times, times | st.none()), min_size=1, max_size=12),
    st.integers(20, 120),
)
def test_rows_stay_within_their_width(
    given_: list[tuple[str, float, float | None]], width: int
) -> None:
    spans = [
        span(task, number, start, None if length is None else start + length)
        for number, (task, start, length) in enumerate(given_, 1)
    ]
    rows = gantt(spans, at(20_000), width=width)
    assert len(rows) == len({task for task, _, _ in given_}) + 1
    assert all(len(line) <= max(width, 14) for line in lines_of(rows))
    assert all(len("".join(cell.text for cell in row)) > 4 for row in rows[1:])
