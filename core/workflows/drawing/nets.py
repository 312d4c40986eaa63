"""The lines between boxes.

A net joins tasks with all that needs them: those with the same dependents share one. Between two
rows lies a channel, in which every net has a line of its own to run along (a track). A net that
goes past a row runs down a lane beside the boxes. Lines leave a box at even columns and enter at
odd ones, or straight from above: so no two nets ever lie on each other, and what crosses, crosses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Net:
    """``sources`` are all needed by all ``targets``; rows count from the top.

    ``lane`` is the column it runs down in, if it goes past a row.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    first: int
    last: int
    lane: int | None = None


@dataclass(slots=True)
class Strand:
    """A net within one channel: the columns it comes from and goes to, and its track.

    ``track`` is ``None`` where it only goes straight down.
    """

    net: int
    tops: list[int] = field(default_factory=list)
    bottoms: list[int] = field(default_factory=list)
    track: int | None = None

    @property
    def columns(self) -> list[int]:
        """All of them."""
        return [*self.tops, *self.bottoms]


@dataclass(slots=True)
class Channel:
    """What lies between two rows; ``height`` is in lines."""

    strands: list[Strand]
    height: int


def make_nets(rows: Sequence[Sequence[str]], needs: Mapping[str, Sequence[str]]) -> list[Net]:
    """The nets of a graph, in the order of their first sources."""
    row_of = {name: at for at, row in enumerate(rows) for name in row}
    targets: dict[str, list[str]] = {}
    for row in rows:
        for name in row:
            for need in needs[name]:
                targets.setdefault(need, []).append(name)
    joined: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        for name in row:
            if name in targets:
                joined.setdefault(tuple(targets[name]), []).append(name)
    return [
        Net(
            tuple(sources),
            ends,
            min(row_of[name] for name in sources),
            max(row_of[name] for name in ends),
        )
        for ends, sources in joined.items()
    ]


def assign_lanes(nets: Sequence[Net]) -> int:
    """Give a lane to every net that goes past a row; how many lanes there are."""
    taken: list[int] = []
    for net in sorted(nets, key=lambda net: (net.first, net.last)):
        net.lane = None
        if net.last - net.first < 2:
            continue
        free = next((lane for lane, until in enumerate(taken) if until < net.first), len(taken))
        if free == len(taken):
            taken.append(net.last)
        taken[free] = net.last
        net.lane = free
    return len(taken)


def route(
    rows: Sequence[Sequence[str]],
    nets: Sequence[Net],
    spans: Mapping[str, int],
    widths: Mapping[str, int],
) -> list[Channel]:
    """The channels below each row but the last."""
    row_of = {name: at for at, row in enumerate(rows) for name in row}
    outs = {name: _even(spans[name] + widths[name] // 2) for net in nets for name in net.sources}
    bent: set[tuple[int, str]] = set()
    while True:
        entries = _entries(nets, spans, widths, outs, row_of, bent=bent)
        strands = [_strands(at, nets, outs, entries, row_of) for at in range(len(rows) - 1)]
        more = _ambiguous(strands, nets, entries, row_of) - bent
        if not more:
            return [Channel(found, 1 + _give_tracks(found)) for found in strands]
        bent |= more


def _strands(
    at: int,
    nets: Sequence[Net],
    outs: Mapping[str, int],
    entries: Mapping[tuple[int, str], int],
    row_of: Mapping[str, int],
) -> list[Strand]:
    """The nets in the channel below row ``at``."""
    found = []
    for number, net in enumerate(nets):
        if not net.first <= at < net.last:
            continue
        tops = [outs[name] for name in net.sources if row_of[name] == at]
        bottoms = [entries[number, name] for name in net.targets if row_of[name] == at + 1]
        if net.lane is not None:
            if at > net.first:
                tops.append(net.lane)
            if at + 1 < net.last:
                bottoms.append(net.lane)
        found.append(Strand(number, tops, bottoms))
    return found


def _ambiguous(
    channels: Sequence[Sequence[Strand]],
    nets: Sequence[Net],
    entries: Mapping[tuple[int, str], int],
    row_of: Mapping[str, int],
) -> set[tuple[int, str]]:
    """Entries straight below a source, where the net also goes to both sides.

    That would be drawn as lines that cross are.
    """
    found = set()
    for at, strands in enumerate(channels):
        for strand in strands:
            inner = {
                column
                for column in set(strand.tops) & set(strand.bottoms)
                if min(strand.columns) < column < max(strand.columns)
            }
            found |= {
                (strand.net, name)
                for name in nets[strand.net].targets
                if row_of[name] == at + 1 and entries[strand.net, name] in inner
            }
    return found


def _entries(
    nets: Sequence[Net],
    spans: Mapping[str, int],
    widths: Mapping[str, int],
    outs: Mapping[str, int],
    row_of: Mapping[str, int],
    *,
    bent: set[tuple[int, str]],
) -> dict[tuple[int, str], int]:
    """The column at which each net enters each of its targets; not straight where it is ``bent``."""
    into: dict[str, list[int]] = {}
    for number, net in enumerate(nets):
        for name in net.targets:
            into.setdefault(name, []).append(number)
    found: dict[tuple[int, str], int] = {}
    for name, numbers in into.items():
        inner = range(spans[name] + 1, spans[name] + widths[name] - 1)
        middle, above = inner[len(inner) // 2], row_of[name] - 1
        free = [column for column in inner if column % 2]
        for number in numbers:
            sources = [outs[one] for one in nets[number].sources if row_of[one] == above]
            straight = [column for column in sources if column in inner]
            if straight and (number, name) not in bent:
                found[number, name] = min(straight, key=lambda x: abs(x - middle))
                continue
            wanted = _pull(nets[number], sources, above, middle)
            found[number, name] = min(free, key=lambda x: abs(x - wanted))
            free.remove(found[number, name])
    return found


def _pull(net: Net, sources: Sequence[int], above: int, middle: int) -> float:
    """Where a net comes from, so that it enters on that side."""
    tops = list(sources)
    if net.lane is not None and net.first < above:
        tops.append(net.lane)
    if not tops:
        return middle
    return middle + max(-3, min(3, (sum(tops) / len(tops) - middle) / 8))


def count_entries(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many nets enter each task."""
    dependents: dict[str, list[str]] = {}
    for name, given in needs.items():
        for need in given:
            dependents.setdefault(need, []).append(name)
    return {
        name: len({frozenset(dependents[need]) for need in given}) for name, given in needs.items()
    }


def _give_tracks(strands: Sequence[Strand]) -> int:
    """Give each strand that runs sideways the first track that is free there; how many there are."""
    ends: list[int] = []
    sideways = [strand for strand in strands if len(set(strand.columns)) > 1]
    for strand in sorted(sideways, key=lambda strand: (min(strand.columns), max(strand.columns))):
        start, end = min(strand.columns), max(strand.columns)
        track = next((one for one, until in enumerate(ends) if until < start), len(ends))
        if track == len(ends):
            ends.append(end)
        ends[track] = end
        strand.track = track
    return len(ends)


def _even(column: int) -> int:
    return column - column % 2
