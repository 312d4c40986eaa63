"""Which row a node stands in, and its place in it.

Ranks are longest paths; a rank that is too wide becomes several rows. Within rows, nodes go where
those they are connected with stand (barycentres, swept down and up), so that few lines cross.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import graph

SWEEPS = 6

Needs = Mapping[str, Sequence[str]]


def rank(needs: Needs, finals: frozenset[str]) -> list[list[str]]:
    """The nodes by rank; final ones below all others.

    One that needs nothing stands just above the first that needs it: that keeps its line short.
    """
    levels = graph.levels(needs)
    first: dict[str, int] = {}
    for name, given in needs.items():
        for need in given:
            first[need] = min(first.get(need, levels[name]), levels[name])
    levels.update({name: at - 1 for name, at in first.items() if not needs[name]})
    deepest = max((levels[name] for name in needs if name not in finals), default=-1)
    inner = graph.levels({
        name: [need for need in needs[name] if need in finals] for name in needs if name in finals
    }) if finals else {}  # fmt: skip
    levels.update({name: deepest + 1 + level for name, level in inner.items()})
    found: list[list[str]] = [[] for _ in range(max(levels.values(), default=-1) + 1)]
    for name, level in levels.items():
        found[level].append(name)
    return [row for row in found if row]


def arrange(rows: Sequence[Sequence[str]], needs: Needs) -> list[list[str]]:
    """The same rows, each in the order in which the fewest lines cross that was found."""
    dependents: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for name, given in needs.items():
        for need in given:
            dependents[need].append(name)
    best = current = [list(row) for row in rows]
    fewest = crossings(best, needs)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        current = _swept(current, dependents if sweep % 2 else needs, up=bool(sweep % 2))
        count = crossings(current, needs)
        if count < fewest:
            best, fewest = current, count
    return best


def crossings(rows: Sequence[Sequence[str]], needs: Needs) -> int:
    """How many pairs of lines cross; a line over several rows counts from its end to its end."""
    place = _places(rows)
    row_of = {name: at for at, row in enumerate(rows) for name in row}
    total = 0
    by_rows: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for name, given in needs.items():
        for need in given:
            by_rows.setdefault((row_of[need], row_of[name]), []).append((place[need], place[name]))
    for lines in by_rows.values():
        lines.sort()
        ends: list[float] = []
        for _, end in lines:
            total += sum(other > end for other in ends)
            ends.append(end)
    return total


def split(
    rows: Sequence[Sequence[str]], widths: Mapping[str, int], width: int, gap: int
) -> list[list[str]]:
    """Rows of which none is wider than ``width``, unless one node alone is."""
    found: list[list[str]] = []
    for row in rows:
        parts = _parts(row, widths, width, gap)
        # Rows of about the same length look like one thing; a full one and a rest do not.
        even = -(-len(row) // len(parts))
        chunks = [list(row[at : at + even]) for at in range(0, len(row), even)]
        fits = all(_length(chunk, widths, gap) <= width for chunk in chunks)
        found += chunks if fits else parts
    return found


def _parts(row: Sequence[str], widths: Mapping[str, int], width: int, gap: int) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for name in row:
        if parts[-1] and _length([*parts[-1], name], widths, gap) > width:
            parts.append([])
        parts[-1].append(name)
    return parts


def _length(row: Sequence[str], widths: Mapping[str, int], gap: int) -> int:
    return sum(widths[name] for name in row) + gap * (len(row) - 1)


def _places(rows: Sequence[Sequence[str]]) -> dict[str, float]:
    return {name: (at + 0.5) / len(row) for row in rows for at, name in enumerate(row)}


def _swept(rows: Sequence[Sequence[str]], towards: Needs, *, up: bool) -> list[list[str]]:
    found = [list(row) for row in rows]
    place = _places(found)
    for at in reversed(range(len(found))) if up else range(len(found)):
        wanted = {}
        for name in found[at]:
            others = [place[other] for other in towards[name]]
            wanted[name] = sum(others) / len(others) if others else place[name]
        found[at].sort(key=wanted.__getitem__)
        place.update({name: (one + 0.5) / len(found[at]) for one, name in enumerate(found[at])})
    return found
