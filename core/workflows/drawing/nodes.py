"""What is drawn: tasks with their states, folded where many stand for the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os.path import commonprefix

from .. import graph as graphs

FOLD_FROM = 4
"""So many tasks with the same needs and the same dependents are drawn as one."""

GLYPHS: Mapping[str, str] = {
    "": "○",
    "pending": "·",
    "ready": "○",
    "running": "▸",
    "waiting": "!",
    "retrying": "↻",
    "completed": "✓",
    "failed": "✗",
    "skipped": "»",
    "cancelled": "⊘",
    "lost": "?",
}
"""A sign for every state; the first is for a task that has none, in a file."""

_LOUDEST = (
    "failed", "lost", "waiting", "retrying", "running", "ready", "cancelled", "pending", "skipped",
    "completed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """A box: a task, or a fold of several.

    ``status`` is a task's status, ``waiting`` for one that waits for a person, or empty. ``note`` stands
    behind its name in place of the status. ``members`` are the tasks of a fold.
    """

    id: str
    needs: tuple[str, ...] = ()
    status: str = ""
    label: str = ""
    note: str = ""
    kind: str = ""
    members: tuple[str, ...] = ()
    final: bool = False

    @property
    def text(self) -> str:
        """Sign, name and state, as they stand in the box; what can't be printed as ``?``."""
        words = [GLYPHS.get(self.status, "?"), self.label or self.id, self.note or self.status]
        return printable(" ".join(word for word in words if word))


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order they were given; a need that is no node of it is left out."""

    nodes: Mapping[str, Node] = field(default_factory=dict)

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Graph:
        """A graph of these."""
        given = {node.id: node for node in nodes}
        return cls({
            name: replace(node, needs=tuple(dict.fromkeys(n for n in node.needs if n in given)))
            for name, node in given.items()
        })  # fmt: skip

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """For each node what it needs."""
        return {name: node.needs for name, node in self.nodes.items()}

    @property
    def dependents(self) -> dict[str, list[str]]:
        """For each node what needs it."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for name, node in self.nodes.items():
            for need in node.needs:
                found[need].append(name)
        return found


def printable(text: str) -> str:
    """``text`` with a ``?`` for every control, line end and half of a letter: names may come from anywhere."""
    return "".join(char if char.isprintable() else "?" for char in text)


def fold(graph: Graph, *, least: int = FOLD_FROM, unfolded: Collection[str] = ()) -> Graph:
    """The graph with tasks that stand side by side, and mean the same to all others, as one.

    Chains that run side by side are folded along their length. ``unfolded`` are ids of folds that
    stay open; a fold's id is that of its first task, in brackets.

    :raises DependencyError: if tasks wait for each other.
    """
    folds: dict[str, str] = {}
    made: dict[str, Node] = {}
    for names in _twins(graph):
        # Those above are folded by now: what needs different boxes is no part of one.
        apart: dict[frozenset[str], list[str]] = defaultdict(list)
        for name in names:
            apart[frozenset(folds.get(need, need) for need in graph.nodes[name].needs)].append(name)
        for members in apart.values():
            key = f"[{members[0]}]"
            if len(members) >= least and key not in unfolded:
                folds.update(dict.fromkeys(members, key))
                made[key] = _folded(key, [graph.nodes[name] for name in members])
    found: dict[str, Node] = {}
    for name, node in graph.nodes.items():
        key = folds.get(name, name)
        if key not in found:
            needs = tuple(dict.fromkeys(folds.get(need, need) for need in node.needs))
            found[key] = replace(made.get(key, node), needs=needs)
    return Graph(found)


def _twins(graph: Graph) -> list[list[str]]:
    """The tasks of each class, those of upper levels first."""
    found: dict[int, list[str]] = defaultdict(list)
    for name, kind in _classes(graph).items():
        found[kind].append(name)
    levels = graphs.levels(graph.needs)
    return sorted(found.values(), key=lambda names: levels[names[0]])


def _classes(graph: Graph) -> dict[str, int]:
    """Equal numbers for tasks that differ in name and state only.

    Colour refinement: tasks of one level are told apart by the classes of what they need and of
    what needs them, until no class falls apart. Levels keep a need out of its dependent's class.
    """
    levels = graphs.levels(graph.needs)
    dependents = graph.dependents
    found = _numbered({name: (levels[name], node.final) for name, node in graph.nodes.items()})
    while True:
        finer = _numbered({
            name: (
                found[name],
                tuple(sorted(found[need] for need in node.needs)),
                tuple(sorted(found[other] for other in dependents[name])),
            )
            for name, node in graph.nodes.items()
        })  # fmt: skip
        if len(set(finer.values())) == len(set(found.values())):
            return finer
        found = finer


def _numbered(colours: Mapping[str, object]) -> dict[str, int]:
    numbers: dict[object, int] = {}
    return {name: numbers.setdefault(colour, len(numbers)) for name, colour in colours.items()}


def _folded(key: str, nodes: Sequence[Node]) -> Node:
    names = [node.label or node.id for node in nodes]
    start = commonprefix(names).rstrip("-_[.")  # noqa: RUF071  # by characters is what is meant
    counts = Counter(node.status for node in nodes)
    loudest = next((status for status in _LOUDEST if counts[status]), "")
    told = ", ".join(f"{counts[status]} {status}" for status in _LOUDEST if counts[status])
    return Node(
        key,
        status=loudest,
        label=f"{start or names[0]}… ({len(nodes)})",
        note=told if len(counts) > 1 or loudest else "",
        kind=nodes[0].kind if len({node.kind for node in nodes}) == 1 else "",
        members=tuple(node.id for node in nodes),
        final=nodes[0].final,
    )
