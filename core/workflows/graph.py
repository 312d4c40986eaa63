"""The graph of a workflow: what is wrong with it, its order, and how it is drawn.

Every function takes ``needs``: for each task the tasks it depends on. Whatever order that mapping
has, levels and faults are the same; ``order`` keeps it wherever the dependencies let it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from .faults import DependencyError

if TYPE_CHECKING:
    import networkx as nx

Needs = Mapping[str, Sequence[str]]


class FaultKind(StrEnum):
    """What can be wrong with a graph."""

    EMPTY = "empty"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"
    CYCLE = "cycle"


@dataclass(frozen=True, slots=True)
class GraphFault:
    """One fault: ``tasks`` are the cycle in its order, or the task and the unknown dependency."""

    kind: FaultKind
    message: str
    tasks: tuple[str, ...] = ()


def duplicates(ids: Iterable[str]) -> list[GraphFault]:
    """One fault for every id that occurs more than once."""
    return [
        GraphFault(FaultKind.DUPLICATE, f"{times} tasks have the id {task!r}.", (task,))
        for task, times in Counter(ids).items()
        if times > 1
    ]


def find_faults(needs: Needs) -> list[GraphFault]:
    """All faults of the graph: every unknown dependency, and one cycle of each knot."""
    if not needs:
        return [GraphFault(FaultKind.EMPTY, "The workflow has no tasks.")]
    unknown = [
        GraphFault(
            FaultKind.UNKNOWN,
            f"Task {task!r} depends on {need!r}, which is no task of the workflow.",
            (task, need),
        )
        for task, given in needs.items()
        for need in dict.fromkeys(given)
        if need not in needs
    ]
    return unknown + ([] if len(_sorted(needs)) == len(needs) else _cycles(needs))


def check(needs: Needs) -> None:
    """Nothing, if the graph can be run.

    :raises DependencyError: if not; the message tells all faults.
    """
    refuse(find_faults(needs))


def refuse(faults: Sequence[GraphFault]) -> None:
    """Nothing, if there are none.

    :raises DependencyError: with the messages of all of them.
    """
    if faults:
        raise DependencyError(
            " ".join(fault.message for fault in faults),
            faults=[{"kind": str(fault.kind), "tasks": list(fault.tasks)} for fault in faults],
        )


def order(needs: Needs) -> list[str]:
    """The tasks so that each stands behind what it needs; otherwise in the given order.

    :raises DependencyError: if the graph can't be run.
    """
    found = _sorted(needs)
    if len(found) != len(needs):
        check(needs)
    return found


def levels(needs: Needs) -> dict[str, int]:
    """For each task the length of the longest chain before it; in the order of ``needs``."""
    found: dict[str, int] = {}
    for task in order(needs):
        found[task] = max((found[need] + 1 for need in needs[task]), default=0)
    return {task: found[task] for task in needs}


def layers(needs: Needs) -> list[list[str]]:
    """The tasks by level, each level ordered so that few lines cross when it is drawn."""
    by_level = levels(needs)
    found: list[list[str]] = [[] for _ in range(max(by_level.values(), default=-1) + 1)]
    for task, level in by_level.items():
        found[level].append(task)
    place: dict[str, float] = {}
    for layer in found:
        wanted = {task: _middle([place[need] for need in needs[task]]) for task in layer}
        layer.sort(key=wanted.__getitem__)
        place.update((task, at / max(len(layer) - 1, 1)) for at, task in enumerate(layer))
    return found


def critical_path(needs: Needs, durations: Mapping[str, float]) -> list[str]:
    """The chain of tasks that takes longest, first to last; a missing duration counts as 0."""
    total: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for task in order(needs):
        slowest = max(needs[task], key=total.__getitem__, default=None)
        before[task] = slowest
        total[task] = durations.get(task, 0.0) + (total[slowest] if slowest is not None else 0.0)
    last = max(total, key=total.__getitem__, default=None)
    path: list[str] = []
    while last is not None:
        path.append(last)
        last = before[last]
    return path[::-1]


def reduced(needs: Needs) -> dict[str, list[str]]:
    """The graph without dependencies that others imply, for drawing."""
    import networkx as nx  # noqa: PLC0415  # start-up time: drawing and faults only

    check(needs)
    kept = nx.transitive_reduction(_graph(needs))
    return {
        task: [need for need in given if kept.has_edge(need, task)] for task, given in needs.items()
    }


def _sorted(needs: Needs) -> list[str]:
    """Tasks in a stable topological order; those on or behind a cycle are left out."""
    place = {task: at for at, task in enumerate(needs)}
    waiting = {
        task: len({need for need in given if need in place}) for task, given in needs.items()
    }
    followers: dict[str, list[str]] = {task: [] for task in needs}
    for task, given in needs.items():
        for need in set(given):
            if need in place:
                followers[need].append(task)
    names = list(needs)
    ready = [place[task] for task, count in waiting.items() if not count]
    heapify(ready)
    found = []
    while ready:
        task = names[heappop(ready)]
        found.append(task)
        for follower in followers[task]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heappush(ready, place[follower])
    return found


def _cycles(needs: Needs) -> list[GraphFault]:
    """A cycle of every knot of tasks that need each other."""
    import networkx as nx  # noqa: PLC0415  # start-up time: drawing and faults only

    place = {task: at for at, task in enumerate(needs)}
    graph = _graph(needs)
    found = []
    for knot in nx.strongly_connected_components(graph):
        part = graph.subgraph(knot)
        if part.number_of_edges():
            start = min(knot, key=place.__getitem__)
            ring = [edge[0] for edge in nx.find_cycle(part, start)]
            first = min(range(len(ring)), key=lambda at: place[ring[at]])
            found.append(tuple(ring[first:] + ring[:first]))
    found.sort(key=lambda ring: place[ring[0]])
    return [
        GraphFault(FaultKind.CYCLE, f"Tasks wait for each other: {_drawn(ring)}.", ring)
        for ring in found
    ]


def _drawn(ring: Sequence[str]) -> str:
    return " -> ".join([*ring, ring[0]])


def _graph(needs: Needs) -> nx.DiGraph:
    import networkx as nx  # noqa: PLC0415  # start-up time: drawing and faults only

    graph = nx.DiGraph()
    graph.add_nodes_from(needs)
    graph.add_edges_from(
        (need, task) for task, given in needs.items() for need in given if need in needs
    )
    return graph


def _middle(places: Sequence[float]) -> float:
    return sum(places) / len(places) if places else 0.5
