"""Where every box of a graph stands on a grid of characters, and how one moves between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rich.cells import cell_len

from .. import graph as graphs
from .nets import Channel, Net, assign_lanes, count_entries, make_nets, route
from .nodes import Graph, Node
from .ranking import arrange, rank, split

GAP = 2
WIDEST = 34
NARROWEST = 8
PADDING = 4
_LANE_SHARES = (0.1, 0.2, 0.3, 0.45)
"""Which parts of the width are tried for lanes: narrower rows are more rows, which need more lanes."""


class Direction(StrEnum):
    """Where the cursor goes."""

    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place: its left upper corner, its size, its row in the layout and place in it."""

    x: int
    y: int
    width: int
    height: int
    row: int
    column: int

    @property
    def middle(self) -> int:
        """The column in its middle."""
        return self.x + self.width // 2


@dataclass(frozen=True, slots=True)
class Layout:
    """A graph's boxes and lines. ``rows`` are the nodes from top to bottom, left to right.

    ``needs`` are those that are drawn: what others imply is left out.
    """

    nodes: Mapping[str, Node]
    needs: Mapping[str, Sequence[str]]
    rows: Sequence[Sequence[str]]
    boxes: Mapping[str, Box]
    width: int
    height: int
    boxed: bool = True
    nets: Sequence[Net] = ()
    channels: Sequence[Channel] = ()
    tops: Sequence[int] = field(default_factory=list)

    def at(self, x: int, y: int) -> str | None:
        """The node at a place."""
        for name, box in self.boxes.items():
            if box.x <= x < box.x + box.width and box.y <= y < box.y + box.height:
                return name
        return None

    def move(self, name: str, direction: Direction) -> str:
        """The node that lies in ``direction`` of ``name``; itself if there is none.

        Up and down prefer what it is connected with. Left and right go on in the rows above and
        below, so that every node is reached.
        """
        box = self.boxes[name]
        if direction in {Direction.LEFT, Direction.RIGHT}:
            order = [one for row in self.rows for one in row]
            to = order.index(name) + (1 if direction is Direction.RIGHT else -1)
            return order[to] if 0 <= to < len(order) else name
        if direction is Direction.UP:
            linked = list(self.needs[name])
        else:
            linked = [one for one, given in self.needs.items() if name in given]
        if linked:
            nearest = min if direction is Direction.DOWN else max
            wanted = nearest(self.boxes[one].row for one in linked)
            linked = [one for one in linked if self.boxes[one].row == wanted]
        else:
            to = box.row + (1 if direction is Direction.DOWN else -1)
            linked = list(self.rows[to]) if 0 <= to < len(self.rows) else [name]
        return min(linked, key=lambda one: abs(self.boxes[one].middle - box.middle))

    def find(self, text: str) -> list[str]:
        """The nodes whose name, or that of a task folded in them, holds ``text``; top first."""
        sought = text.casefold()
        return [
            name
            for row in self.rows
            for name in row
            if any(sought in one.casefold() for one in (name, *self.nodes[name].members))
        ]

    def where(self, wanted: Callable[[Node], bool]) -> list[str]:
        """The nodes that are wanted, such as failed ones; top first."""
        return [name for row in self.rows for name in row if wanted(self.nodes[name])]


def lay_out(graph: Graph, *, width: int = 80, boxed: bool = True) -> Layout:
    """The layout of a graph, at most ``width`` wide where its lines allow it.

    :raises DependencyError: if its tasks wait for each other.
    """
    if not graph.nodes:
        return Layout({}, {}, [], {}, 0, 0, boxed)
    needs = graphs.reduced(_without_finals(graph))
    finals = frozenset(name for name, node in graph.nodes.items() if node.final)
    ranked = arrange(rank(needs, finals), needs)
    widest = max(min(WIDEST, width), NARROWEST)
    padding = PADDING if boxed else 2
    entries = count_entries(needs)
    widths = {
        name: max(min(cell_len(node.text) + padding, widest), 2 * entries[name] + 3)
        for name, node in graph.nodes.items()
    }
    tried = [
        _tried(
            graph, needs, ranked, widths=widths, width=width, share=share, pitch=pitch, boxed=boxed
        )
        for pitch in (2, 1)
        for share in (0.0, *_LANE_SHARES)
    ]
    fitting = next((one for one in tried if one.width <= width), None)
    return fitting or min(tried, key=lambda one: (one.width, one.height))


def _tried(
    graph: Graph,
    needs: Mapping[str, Sequence[str]],
    ranked: Sequence[Sequence[str]],
    *,
    widths: Mapping[str, int],
    width: int,
    share: float,
    pitch: int,
    boxed: bool,
) -> Layout:
    """The layout with a share of the width left to lanes, which are ``pitch`` columns apart."""
    room = width - int(width * share)
    rows = arrange(split(ranked, widths, room, GAP), needs)
    nets = make_nets(rows, needs)
    lanes = assign_lanes(nets)
    return _placed(
        graph,
        needs,
        rows,
        nets=nets,
        lanes=lanes,
        pitch=pitch,
        widths=widths,
        width=room,
        boxed=boxed,
    )


def _without_finals(graph: Graph) -> dict[str, Sequence[str]]:
    """What is drawn: final tasks wait for all others, so only what they need of finals says much."""
    return {
        name: [need for need in node.needs if not node.final or graph.nodes[need].final]
        for name, node in graph.nodes.items()
    }


def _placed(
    graph: Graph,
    needs: Mapping[str, Sequence[str]],
    rows: Sequence[Sequence[str]],
    *,
    nets: Sequence[Net],
    lanes: int,
    pitch: int,
    widths: Mapping[str, int],
    width: int,
    boxed: bool,
) -> Layout:
    spans = _across(rows, needs, widths, width)
    right = max(x + widths[name] for name, x in spans.items())
    for net in nets:
        if net.lane is not None:
            net.lane = right + 1 + pitch * net.lane
    channels = route(rows, nets, spans, widths)
    height = 3 if boxed else 1
    boxes: dict[str, Box] = {}
    tops: list[int] = []
    y = 0
    for at, row in enumerate(rows):
        tops.append(y)
        for column, name in enumerate(row):
            boxes[name] = Box(spans[name], y, widths[name], height, at, column)
        y += height + (channels[at].height if at < len(channels) else 0)
    total = right + 1 + pitch * (lanes - 1) + 1 if lanes else right
    return Layout(graph.nodes, needs, rows, boxes, total, y, boxed, nets, channels, tops)


def _across(
    rows: Sequence[Sequence[str]],
    needs: Mapping[str, Sequence[str]],
    widths: Mapping[str, int],
    width: int,
) -> dict[str, int]:
    """The left edge of every node: below what it needs, as far as its neighbours allow."""
    found: dict[str, int] = {}
    for row in rows:
        edges: list[int] = []
        end = 0
        for name in row:
            above = [found[need] + widths[need] // 2 for need in needs[name] if need in found]
            if above:
                wanted = round(sum(above) / len(above)) - widths[name] // 2
            else:
                wanted = (width - sum(widths[n] for n in row) - GAP * (len(row) - 1)) // 2
            edges.append(max(end, wanted))
            end = edges[-1] + widths[name] + GAP
        limit = max(width, sum(widths[name] for name in row) + GAP * (len(row) - 1))
        for at in reversed(range(len(row))):
            edges[at] = min(edges[at], limit - widths[row[at]])
            limit = edges[at] - GAP
        found.update(zip(row, edges, strict=True))
    least = min(found.values())
    return {name: x - least for name, x in found.items()}
