"""What the disk alone asks for workflows that are power-cut safe: plain ``sqlite3``, one thread, no engine.

Rounds of a schedule: as many tasks as may run at once end, those that follow start, and all of it is
one synced commit. Nobody who acknowledges each end after its commit does with fewer; only tasks that end at the
same moment can share one.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quarterdeck.state.sqlite.journal import Journal
from quarterdeck.state.sqlite.wal import journal_of, lay_down

BYTES = 450
"""What an end and a start take in the journal, about."""

Needs = Mapping[str, Sequence[str]]


def rounds_of(graphs: Sequence[Needs], limit: int) -> list[Counter[int]]:
    """For each round how many tasks of which graph end; in the order in which they became ready."""
    waiting = [{name: len(needs) for name, needs in graph.items()} for graph in graphs]
    after: list[dict[str, list[str]]] = [{name: [] for name in graph} for graph in graphs]
    for at, graph in enumerate(graphs):
        for name, needs in graph.items():
            for one in needs:
                after[at][one].append(name)
    ready = deque(
        (at, name) for at, open_ in enumerate(waiting) for name in open_ if not open_[name]
    )
    rounds: list[Counter[int]] = []
    while ready:
        ended = [ready.popleft() for _ in range(min(limit, len(ready)))]
        for at, name in ended:
            for follower in after[at][name]:
                waiting[at][follower] -= 1
                if not waiting[at][follower]:
                    ready.append((at, follower))
        rounds.append(Counter(at for at, _ in ended))
    return rounds


def floor_seconds(rounds: Sequence[Counter[int]], file: Path, *, laid: bool = False) -> float:
    """Seconds for one synced commit of each round, a row for each graph in it.

    ``laid``: into a journal that was laid down beforehand, as ours is.
    """
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(
            "CREATE TABLE turns (place INTEGER PRIMARY KEY, graph INTEGER, lines TEXT)"
        )
        if laid:
            lay_down(journal_of(file), 0)
        insert = "INSERT INTO turns (graph, lines) VALUES (?, ?)"
        started = time.perf_counter()
        for ends in rounds:
            connection.execute("BEGIN IMMEDIATE")
            for graph, count in ends.items():
                connection.execute(insert, (graph, "x" * (BYTES * count)))
            connection.execute("COMMIT")
        return time.perf_counter() - started
    finally:
        connection.close()


@contextmanager
def sleeping(seconds: float) -> Iterator[None]:
    """Each commit of turns sleeps in place of a sync: what a wait costs besides itself.

    A core that slept goes on with cold caches, and slower.
    """
    append = Journal.append

    def wait(journal: Journal, turns: Sequence[Sequence[Any]]) -> bool:
        done = append(journal, turns)
        time.sleep(seconds)
        return done

    Journal.append = wait  # type: ignore[method-assign]  # for a measurement
    try:
        yield
    finally:
        Journal.append = append  # type: ignore[method-assign]  # as it was
