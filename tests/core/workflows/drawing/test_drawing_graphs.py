"""Graphs in characters: whoever follows the lines finds exactly the dependencies."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.workflows import DependencyError
from quarterdeck.core.workflows.drawing import (
    GLYPHS,
    Direction,
    Graph,
    Layout,
    Node,
    fold,
    lay_out,
    lines_of,
    paint,
)
from quarterdeck.core.workflows.drawing.ranking import arrange, crossings, rank, split
from quarterdeck.core.workflows.statuses import TaskStatus

UP, DOWN, LEFT, RIGHT = (0, -1), (0, 1), (-1, 0), (1, 0)
WAYS = {
    "│": (UP, DOWN), "─": (LEFT, RIGHT), "┘": (UP, LEFT), "└": (UP, RIGHT), "┐": (DOWN, LEFT),
    "┌": (DOWN, RIGHT), "┤": (UP, DOWN, LEFT), "├": (UP, DOWN, RIGHT), "┴": (UP, LEFT, RIGHT),
    "┬": (DOWN, LEFT, RIGHT),
}  # fmt: skip


def graph(**needs: str) -> Graph:
    return Graph.of(Node(name, tuple(given.split())) for name, given in needs.items())


def drawn(given: Graph, *, width: int = 80, boxed: bool = True) -> str:
    return "\n".join(lines_of(paint(lay_out(given, width=width, boxed=boxed))))


def traced(layout: Layout) -> set[tuple[str, str]]:
    """The (need, task) pairs that a reader finds who follows the lines; what crosses goes straight on."""
    lines = lines_of(paint(layout))

    def sign(x: int, y: int) -> str:
        return lines[y][x] if 0 <= y < len(lines) and 0 <= x < len(lines[y]) else " "

    found = set()
    for name, box in layout.boxes.items():
        below = box.y + box.height
        for x in range(box.x, box.x + box.width):
            if sign(x, below - 1) == "┬":
                found |= {(name, end) for end in _follow(layout, sign, x, below)}
    return found


def _follow(layout: Layout, sign: Callable[[int, int], str], x: int, y: int) -> set[str]:
    ends: set[str] = set()
    seen: set[tuple[int, int, tuple[int, int]]] = set()
    pending = [(x, y, DOWN)]
    while pending:
        here = pending.pop()
        if here in seen:
            continue
        seen.add(here)
        x, y, way = here
        inside = layout.at(x, y)
        if inside is not None:
            if way == DOWN:
                assert sign(x, y) == "┴", f"a line ends at the {sign(x, y)!r} of {inside}"
                ends.add(inside)
            continue
        char = sign(x, y)
        back = (-way[0], -way[1])
        ways = (way,) if char == "┼" else WAYS[char]
        assert char == "┼" or back in ways, f"a line breaks off at {x}, {y}"
        pending += [(x + dx, y + dy, (dx, dy)) for dx, dy in ways if (dx, dy) != back]
    return ends


def expected(layout: Layout) -> set[tuple[str, str]]:
    return {(need, name) for name, given in layout.needs.items() for need in given}


@st.composite
def graphs(draw: st.DrawFn, most: int = 16) -> Graph:
    count = draw(st.integers(1, most))
    nodes = []
    for at in range(count):
        needs = draw(st.sets(st.integers(0, at - 1), max_size=4)) if at else set()
        status = draw(st.sampled_from(["", *TaskStatus]))
        final = draw(st.integers(0, 9)) == 0
        nodes.append(Node(f"t{at}", tuple(f"t{need}" for need in needs), status, final=final))
    finals = {node.id for node in nodes if node.final}
    # No task but a final one needs a final one.
    return Graph.of(
        node
        if node.final
        else Node(node.id, tuple(n for n in node.needs if n not in finals), node.status)
        for node in nodes
    )


@settings(max_examples=300, deadline=None)
@given(graphs(), st.integers(20, 120))
def test_the_lines_say_what_needs_what(given: Graph, width: int) -> None:
    layout = lay_out(given, width=width)
    assert traced(layout) == expected(layout)


@settings(max_examples=150, deadline=None)
@given(graphs(30), st.integers(20, 100), st.booleans())
def test_boxes_lie_apart_within_the_drawing_needs_above(
    given: Graph, width: int, boxed: bool
) -> None:
    layout = lay_out(given, width=width, boxed=boxed)
    taken: dict[tuple[int, int], str] = {}
    for name, box in layout.boxes.items():
        for x in range(box.x, box.x + box.width):
            for y in range(box.y, box.y + box.height):
                assert taken.setdefault((x, y), name) == name
                assert 0 <= x < layout.width
                assert 0 <= y < layout.height
                assert layout.at(x, y) == name
    for name, needs in layout.needs.items():
        assert all(layout.boxes[need].row < layout.boxes[name].row for need in needs)
    rows = paint(layout)
    assert len(rows) == layout.height
    assert all(len(line) <= layout.width for line in lines_of(rows))
    assert {cell.task for row in rows for cell in row} - {None} == set(given.nodes)


@settings(max_examples=100, deadline=None)
@given(graphs(12))
def test_cells_lie_where_their_tasks_boxes_do(given: Graph) -> None:
    layout = lay_out(given, width=60)
    for y, row in enumerate(paint(layout)):
        x = 0
        for cell in row:
            if cell.task is not None:
                assert layout.at(x, y) == cell.task
                assert cell.style == given.nodes[cell.task].status
            x += len(cell.text)


@settings(max_examples=100, deadline=None)
@given(graphs(25))
def test_every_task_is_in_one_fold_or_by_itself(given: Graph) -> None:
    folded = fold(given)
    members = [one for node in folded.nodes.values() for one in node.members or (node.id,)]
    assert sorted(members) == sorted(given.nodes)
    lay_out(folded)
    home = {one: node.id for node in folded.nodes.values() for one in node.members or (node.id,)}
    edges = {(home[need], home[name]) for name, node in given.nodes.items() for need in node.needs}
    assert edges == {(need, name) for name, node in folded.nodes.items() for need in node.needs}


@settings(max_examples=60, deadline=None)
@given(graphs(20))
def test_every_task_is_reached_by_arrows(given: Graph) -> None:
    layout = lay_out(given, width=50)
    start = layout.rows[0][0]
    seen, pending = {start}, [start]
    while pending:
        name = pending.pop()
        for direction in Direction:
            to = layout.move(name, direction)
            if to not in seen:
                seen.add(to)
                pending.append(to)
    assert seen == set(given.nodes)


# ---- by example ----------------------------------------------------------------------------


def test_a_diamond() -> None:
    assert drawn(graph(a="", b="a", c="a", d="b c"), width=40).splitlines() == [
        "╭─────╮",
        "│ ○ a │",
        "╰─┬───╯",
        "  ├────────┐",
        "  │        │",
        "╭─┴───╮  ╭─┴───╮",
        "│ ○ b │  │ ○ c │",
        "╰─┬───╯  ╰──┬──╯",
        "  └────┬────┘",
        "       │",
        "     ╭─┴───╮",
        "     │ ○ d │",
        "     ╰─────╯",
    ]


def test_a_chain_is_one_straight_line() -> None:
    lines = drawn(graph(a="", b="a", c="b"), boxed=False).splitlines()
    assert lines == ["[○ a]", "  │", "[○ b]", "  │", "[○ c]"]


def test_states_are_told_by_sign_and_word() -> None:
    nodes = [Node(f"n{at}", status=status) for at, status in enumerate(TaskStatus)]
    text = drawn(Graph.of(nodes), width=200)
    for at, status in enumerate(TaskStatus):
        assert f"{GLYPHS[status]} n{at} {status}" in text
    assert {str(status) for status in TaskStatus} <= set(GLYPHS)


def test_what_others_imply_is_not_drawn() -> None:
    layout = lay_out(graph(a="", b="a", c="a b"))
    assert list(layout.needs["c"]) == ["b"]


def test_final_tasks_stand_below_all_others() -> None:
    nodes = [
        Node("end", ("a",), final=True),
        Node("a"),
        Node("b", ("a",)),
        Node("last", ("end",), final=True),
    ]
    layout = lay_out(Graph.of(nodes))
    assert [list(row) for row in layout.rows] == [["a"], ["b"], ["end"], ["last"]]
    assert {name: list(given) for name, given in layout.needs.items()} == {
        "end": [], "a": [], "b": ["a"], "last": ["end"],
    }  # fmt: skip


def test_long_names_are_cut_and_wide_ones_measured() -> None:
    text = drawn(Graph.of([Node("x" * 80, status="running"), Node("端末", ("x" * 80,))]), width=40)
    assert "▸ xxxx" in text
    assert "…" in text
    assert "│ ○ 端末 │" in text


def test_a_cycle_is_refused() -> None:
    with pytest.raises(DependencyError, match="wait for each other"):
        lay_out(graph(a="b", b="a"))


def test_nothing_is_drawn_as_nothing() -> None:
    layout = lay_out(Graph())
    assert (layout.width, layout.height, paint(layout)) == (0, 0, [])


def test_the_cursor_has_a_style_of_its_own() -> None:
    rows = paint(lay_out(graph(a="", b="a")), cursor="b")
    assert {cell.style for row in rows for cell in row if cell.task == "b"} == {"cursor"}
    assert {cell.style for row in rows for cell in row if cell.task == "a"} == {""}


# ---- folds ---------------------------------------------------------------------------------


def wide(count: int = 12) -> list[Node]:
    states = ["completed", "running", "failed"]
    middle = [Node(f"work-{at}", ("start",), states[at % 3]) for at in range(count)]
    return [Node("start"), *middle, Node("end", tuple(node.id for node in middle))]


def test_a_fan_out_is_one_box_with_its_states() -> None:
    folded = fold(Graph.of(wide()))
    assert list(folded.nodes) == ["start", "[work-0]", "end"]
    node = folded.nodes["[work-0]"]
    assert node.text == "✗ work… (12) 4 failed, 4 running, 4 completed"
    assert len(node.members) == 12
    assert node.status == "failed"


def test_a_fold_can_be_opened() -> None:
    assert len(fold(Graph.of(wide()), unfolded={"[work-0]"}).nodes) == 14
    assert len(fold(Graph.of(wide()), least=13).nodes) == 14


def test_chains_side_by_side_are_folded_along_their_length() -> None:
    nodes = [Node("start")]
    for at in range(20):
        nodes += [
            Node(f"a{at}", ("start",)),
            Node(f"b{at}", (f"a{at}",)),
            Node(f"c{at}", (f"b{at}",)),
        ]
    nodes.append(Node("end", tuple(f"c{at}" for at in range(20))))
    assert [node.text for node in fold(Graph.of(nodes)).nodes.values()] == [
        "○ start", "○ a… (20)", "○ b… (20)", "○ c… (20)", "○ end",
    ]  # fmt: skip


def test_a_task_that_differs_is_not_folded() -> None:
    nodes = [*wide(), Node("more", ("work-3",))]
    assert "work-3" in fold(Graph.of(nodes)).nodes


# ---- a hundred tasks -----------------------------------------------------------------------


def hundred() -> Graph:
    nodes = [Node("start")]
    for at in range(98):
        needs = (
            ("start",)
            if at < 7
            else (f"t{at - 7}", f"t{at - 7 - at % 3}")
            if at > 9
            else (f"t{at - 7}",)
        )
        nodes.append(Node(f"t{at}", needs))
    return Graph.of([*nodes, Node("end", tuple(f"t{at}" for at in range(91, 98)))])


def test_a_hundred_tasks_are_readable_at_eighty_columns() -> None:
    begun = time.process_time()
    layout = lay_out(hundred(), width=80, boxed=False)
    lines = lines_of(paint(layout))
    assert time.process_time() - begun < 2
    assert layout.width <= 80
    assert all(f"t{at}" in " ".join(lines) for at in range(98))


def test_wide_rows_are_split_evenly() -> None:
    widths = {f"n{at}": 10 for at in range(10)}
    rows = split([list(widths)], widths, 60, 2)
    assert [len(row) for row in rows] == [5, 5]
    assert split([["a"]], {"a": 99}, 10, 2) == [["a"]]
    assert split([["a", "b"]], {"a": 99, "b": 3}, 10, 2) == [["a"], ["b"]]


def test_crossings_become_fewer() -> None:
    needs = {"a": [], "b": [], "c": [], "x": ["c"], "y": ["b"], "z": ["a"]}
    rows = [["a", "b", "c"], ["x", "y", "z"]]
    assert crossings(rows, needs) == 3
    assert crossings(arrange(rows, needs), needs) == 0


def test_a_task_without_needs_stands_just_above_its_first_dependent() -> None:
    needs = {"a": [], "b": ["a"], "c": ["b"], "late": [], "d": ["c", "late"]}
    assert rank(needs, frozenset()) == [["a"], ["b"], ["c", "late"], ["d"]]


# ---- moving about --------------------------------------------------------------------------


def test_arrows_follow_lines() -> None:
    layout = lay_out(graph(a="", b="a", c="a", d="b c"), width=60)
    left, right = layout.rows[1]
    assert layout.move("a", Direction.DOWN) == left
    assert layout.move(left, Direction.RIGHT) == right
    assert layout.move(right, Direction.RIGHT) == "d"
    assert layout.move(right, Direction.LEFT) == left
    assert layout.move(left, Direction.LEFT) == "a"
    assert layout.move("a", Direction.LEFT) == "a"
    assert layout.move("d", Direction.RIGHT) == "d"
    assert layout.move(right, Direction.DOWN) == "d"
    assert layout.move("d", Direction.DOWN) == "d"
    assert layout.move("d", Direction.UP) in {left, right}
    assert layout.move("a", Direction.UP) == "a"


def test_what_is_not_connected_is_reached_too() -> None:
    nodes = [Node("a"), Node("b", ("a",)), Node("end", final=True)]
    layout = lay_out(Graph.of(nodes))
    assert layout.move("b", Direction.DOWN) == "end"
    assert layout.move("end", Direction.UP) == "b"


def test_tasks_are_found_by_name_and_by_state() -> None:
    layout = lay_out(fold(Graph.of([*wide(), Node("bad", status="failed")])))
    assert layout.find("WORK-7") == ["[work-0]"]
    assert layout.find("nothing") == []
    assert set(layout.where(lambda node: node.status == "failed")) == {"[work-0]", "bad"}
    assert layout.at(-1, 0) is None
