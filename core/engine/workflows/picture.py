"""Workflows drawn on a grid of characters, for front ends that fill the boxes themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from rich.cells import cell_len

from ...protocol.workflow_views import BoxView, GraphView, TaskView
from ...workflows.drawing.layout import Direction, Layout, lay_out
from ...workflows.drawing.nodes import Graph, Node, fold
from ...workflows.drawing.painting import Cell, paint

ROOM = "completed"
"""The widest of the states: boxes have room for it, so that they stay where they are."""

BRIEF = "failed"
"""The same where there are many: room for a time."""

BOXED = 30
"""So many boxes at most have frames; larger graphs have one line for each row of boxes."""


def draw(tasks: Sequence[TaskView], width: int, unfolded: Collection[str] = ()) -> GraphView:
    """The graph of tasks; a fan-out is one box with its parts, unless it is in ``unfolded``."""
    graph = Graph.of(_nodes(tasks, unfolded))
    opened = {f"[{task.id}]" for task in tasks if task.parent in unfolded}
    nodes = fold(graph, unfolded={*unfolded, *opened}).nodes.values()
    boxed = len(nodes) <= BOXED
    room = ROOM if boxed else BRIEF
    roomy = Graph.of(replace(node, note=_room(node, room)) for node in nodes)
    layout = lay_out(roomy, width=width, boxed=boxed)
    return GraphView(
        width=layout.width,
        height=layout.height,
        lines=tuple(_line(row) for row in paint(layout)),
        boxes=tuple(_boxes(layout)),
    )


def _room(node: Node, least: str) -> str:
    """What there must be room for: a fold says how many are done, and how many have failed."""
    count = len(node.members)
    return max(least, f"{count}/{count} {count}✗" if count else "", key=len)


def task_graph(tasks: Sequence[TaskView], waiting: Collection[str] = ()) -> Graph:
    """The graph of tasks with their states, fan-outs folded, for the text formats."""
    return Graph.of(
        replace(node, status=status, note="")
        for node, status in zip(
            _nodes(tasks, ()),
            (
                "waiting" if task.id in waiting else str(task.status)
                for task in tasks
                if task.parent is None
            ),
            strict=True,
        )
    )


def _nodes(tasks: Sequence[TaskView], unfolded: Collection[str]) -> list[Node]:
    parts: dict[str, list[str]] = {}
    for task in tasks:
        if task.parent is not None:
            parts.setdefault(task.parent, []).append(task.id)
    nodes = []
    for task in tasks:
        if task.parent is None:
            inner = () if task.id in unfolded else tuple(parts.get(task.id, ()))
            needs = [one for need in task.needs for one in _ends(need, parts, unfolded)]
            label = f"{task.id} ({len(inner)})" if inner else ""
            nodes.append(_node(task, needs, label, inner))
        elif task.parent in unfolded:
            nodes.append(_node(task, [task.parent], "", ()))
    return nodes


def _ends(need: str, parts: dict[str, list[str]], unfolded: Collection[str]) -> list[str]:
    """What a dependent waits for: the parts of a fan-out that is shown."""
    return parts[need] if need in unfolded and need in parts else [need]


def _node(task: TaskView, needs: Sequence[str], label: str, members: tuple[str, ...]) -> Node:
    return Node(
        task.id,
        tuple(needs),
        label=label,
        note=ROOM,
        kind=task.kind,
        members=members,
        final=task.final,
    )


def _line(row: Sequence[Cell]) -> str:
    return "".join(_empty(cell) for cell in row).rstrip()


def _empty(cell: Cell) -> str:
    if cell.task is None or not cell.text.startswith("│"):
        return cell.text
    return f"│{' ' * (cell_len(cell.text) - 2)}│"


def _boxes(layout: Layout) -> list[BoxView]:
    return [
        BoxView(
            name=name,
            x=box.x,
            y=box.y,
            width=box.width,
            height=box.height,
            members=layout.nodes[name].members,
            **{way.value: _beside(layout, name, way) for way in Direction},
        )
        for name, box in layout.boxes.items()
    ]


def _beside(layout: Layout, name: str, way: Direction) -> str | None:
    found = layout.move(name, way)
    return None if found == name else found
