"""Graphs in the forms that other programs draw: Mermaid, Graphviz' DOT, SVG; and as text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from html import escape

from .. import graph as graphs
from ..definition import TaskDefinition, WorkflowDefinition
from .layout import Box, Layout, lay_out
from .nodes import Graph, Node, fold, printable
from .painting import lines_of, paint

CELL_WIDTH, CELL_HEIGHT = 8, 18
_COLOURS: Mapping[str, tuple[str, str]] = {
    "": ("#f4f4f5", "#71717a"),
    "running": ("#dbeafe", "#1d4ed8"),
    "ready": ("#e0f2fe", "#0369a1"),
    "waiting": ("#fef9c3", "#a16207"),
    "retrying": ("#ffedd5", "#c2410c"),
    "completed": ("#dcfce7", "#15803d"),
    "failed": ("#fee2e2", "#b91c1c"),
    "lost": ("#fee2e2", "#b91c1c"),
    "cancelled": ("#e4e4e7", "#3f3f46"),
    "skipped": ("#e4e4e7", "#71717a"),
}
"""Fill and line of a state; text says the state, too."""


def graph_of(
    definition: WorkflowDefinition,
    statuses: Mapping[str, str] | None = None,
    notes: Mapping[str, str] | None = None,
) -> Graph:
    """The graph of a definition; ``statuses`` and ``notes`` (such as ``3/12``) by task."""
    known = statuses or {}
    told = notes or {}
    return Graph.of(
        Node(
            task.task_id,
            tuple(task.dependencies),
            str(known.get(task.task_id, "")),
            note=told.get(task.task_id, "") or _kind_note(task, known),
            kind=task.agent_type,
            final=task.final,
        )
        for task in definition.tasks
    )


def _kind_note(task: TaskDefinition, statuses: Mapping[str, str]) -> str:
    """What kind of task it is, where there is no state to tell."""
    if task.task_id in statuses:
        return ""
    return "final" if task.final else task.agent_type


def text(
    graph: Graph,
    *,
    width: int = 80,
    boxed: bool | None = None,
    unfolded: Collection[str] = (),
    folding: bool = True,
) -> str:
    """The graph in characters; large ones with one line for each row of tasks."""
    shown = fold(graph, unfolded=unfolded) if folding else graph
    narrow = len(shown.nodes) > 30 if boxed is None else not boxed
    return "\n".join(lines_of(paint(lay_out(shown, width=width, boxed=not narrow))))


def mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flow chart."""
    names = {name: f"t{at}" for at, name in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    for name, node in graph.nodes.items():
        start, end = ("([", "])") if node.final else ("[", "]")
        shown = escape(node.text, quote=True).replace("#", "#35;")
        shape = f'{names[name]}{start}"{shown}"{end}'
        mark = f":::{node.status}" if node.status and node.status in _COLOURS else ""
        lines.append(f"    {shape}{mark}")
    for name, given in _drawn(graph).items():
        lines += [f"    {names[need]} --> {names[name]}" for need in given]
    for status in sorted({node.status for node in graph.nodes.values()} & set(_COLOURS) - {""}):
        fill, line = _COLOURS[status]
        lines.append(f"    classDef {status} fill:{fill},stroke:{line},color:#18181b")
    return "\n".join(lines)


def dot(graph: Graph) -> str:
    """The graph in Graphviz' language."""
    lines = ["digraph workflow {", '    node [shape=box, style="rounded,filled"];']
    for name, node in graph.nodes.items():
        fill, line = _COLOURS.get(node.status, _COLOURS[""])
        shown = f'label={_quoted(node.text)}, fillcolor="{fill}", color="{line}"'
        lines.append(f"    {_quoted(name)} [{shown}];")
    for name, given in _drawn(graph).items():
        lines += [f"    {_quoted(need)} -> {_quoted(name)};" for need in given]
    return "\n".join([*lines, "}"])


def svg(graph: Graph, *, width: int = 120) -> str:
    """The graph as a picture that any browser shows."""
    layout = lay_out(graph, width=width)
    wide, high = (layout.width + 2) * CELL_WIDTH, (layout.height + 2) * CELL_HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}"',
        f'    width="{wide}" height="{high}" font-family="monospace" font-size="13">',
    ]
    lines += [_svg_line(layout, need, name) for name in layout.needs for need in layout.needs[name]]
    lines += [_svg_box(layout.nodes[name], box) for name, box in layout.boxes.items()]
    return "\n".join([*lines, "</svg>"])


def _svg_line(layout: Layout, need: str, name: str) -> str:
    above, below = layout.boxes[need], layout.boxes[name]
    x1, y1 = _x(above.x + above.width / 2), _y(above.y + above.height)
    x2, y2 = _x(below.x + below.width / 2), _y(below.y)
    bend = (y2 - y1) / 2
    path = f"M{x1:g},{y1:g} C{x1:g},{y1 + bend:g} {x2:g},{y2 - bend:g} {x2:g},{y2:g}"
    return f'<path d="{path}" fill="none" stroke="#a1a1aa"/>'


def _svg_box(node: Node, box: Box) -> str:
    fill, line = _COLOURS.get(node.status, _COLOURS[""])
    x, y = _x(box.x), _y(box.y)
    width, height = box.width * CELL_WIDTH, box.height * CELL_HEIGHT
    told = escape(node.text)
    inside = (
        f'textLength="{width - 12}" lengthAdjust="spacingAndGlyphs" '
        if len(told) > box.width
        else ""
    )
    return (
        f"<g><title>{escape(printable(node.id))}</title>"
        f'<rect x="{x:g}" y="{y:g}" width="{width}" height="{height}" rx="6" '
        f'fill="{fill}" stroke="{line}"/>'
        f'<text x="{x + width / 2:g}" y="{y + height / 2 + 4:g}" text-anchor="middle" {inside}'
        f'fill="#18181b">{told}</text></g>'
    )


def _x(column: float) -> float:
    return (column + 1) * CELL_WIDTH


def _y(row: float) -> float:
    return (row + 1) * CELL_HEIGHT


def _drawn(graph: Graph) -> dict[str, list[str]]:
    return graphs.reduced(graph.needs) if graph.nodes else {}


def _quoted(text: str) -> str:
    inner = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


FORMATS: Mapping[str, Callable[[Graph], str]] = {
    "text": text,
    "mermaid": mermaid,
    "dot": dot,
    "svg": svg,
}
"""Every form by its name."""
