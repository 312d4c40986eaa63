"""Durable updates: what a caller waits until its change is on disk.

    python -m bench.store [--json]

Every figure stands beside its reference of the same run: the same statements, a commit each, on a
writer thread in the standard library's ordinary way, an executor of one thread. Rounds are
interleaved, and figures are medians over them; a ratio is the median of the rounds' ratios.

The rows that the contract limits are updates of one row; a status change writes three, a workflow's
update two. On PostgreSQL the reference is a transaction each on a pool of ten connections. Under a
held loop the reference is the 99th percentile of the turns as they were measured (on a machine that
others use too a turn is longer than asked for, like all else), and the limits on the ratio stand
for "so many turns plus so many milliseconds".
"""

from __future__ import annotations

import asyncio
import gc
import json
import platform
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from statistics import median, quantiles
from typing import Any

import aiosqlite
from bench import _postgres

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.engine.records import AddEvent, Change, EventRecord
from quarterdeck.core.protocol.status import Activity, Lifecycle, Source, Status
from quarterdeck.core.sessions.records import AddStatus, SaveSession, SessionRecord, StatusEntry
from quarterdeck.core.workflows.deltas import task_body
from quarterdeck.core.workflows.records import AddHistory, HistoryRecord, SaveTask, TaskRecord
from quarterdeck.core.workflows.statuses import TaskStatus
from quarterdeck.state.sqlite.rows import statements_of
from quarterdeck.state.sqlite.statements import load_migrations
from quarterdeck.state.sqlite.store import open_store

ROUNDS = 11
WARM_UP = 20
LONE_UPDATES = 300
CALLERS = 100
UPDATES_PER_CALLER = 10
HELD_UPDATES = 200
HELD_ROUNDS = 5
TURNS_MS = (0.2, 3.0, 10.0)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BODY = json.dumps({"type": "status.changed", "text": "x" * 400})

Commit = Callable[[Sequence[Change]], Awaitable[Any]]
Contender = Callable[[Path], AbstractAsyncContextManager[Commit]]


class Changes:
    """Updates whose versions and sequences only grow; all but the sequence is made beforehand."""

    def __init__(self, kind: str, callers: int, updates: int) -> None:
        self._sequence = 0
        self._kind = kind
        self._ready = {
            caller: iter([_STATUS[kind](caller, version) for version in range(1, updates + 1)])
            for caller in range(callers)
        }

    def next(self, caller: int) -> list[Change]:
        """The caller's next update."""
        if self._kind == "workflow":
            return next(self._ready[caller])
        self._sequence += 1
        event = EventRecord(self._sequence, "status.changed", NOW, f"S{caller}", BODY)
        return [*next(self._ready[caller]), AddEvent(event)]


def status_change(caller: int, version: int) -> list[Change]:
    """What a status change writes beside its event: the session and a line of its history."""
    name = f"S{caller}"
    status = Status(activity=Activity.WORKING, source=Source.SCREEN, evidence="e", since=NOW)
    record = SessionRecord(
        name, name, "claude", "/home/me/shop", NOW, status, version=version, started_at=NOW
    )
    line = StatusEntry(name, NOW, Lifecycle.RUNNING, Activity.WORKING, Source.SCREEN, "e")
    return [SaveSession(record), AddStatus(line)]


def workflow_update(caller: int, version: int) -> list[Change]:
    """The start of an attempt: the task and a line of its workflow's history."""
    name = f"W{caller}"
    task = TaskRecord(
        name, "build", "alice", "agent", TaskStatus.RUNNING, attempt=version, started_at=NOW
    )
    line = HistoryRecord(name, version, NOW, "task", task_body(task), "build")
    return [SaveTask(task), AddHistory(line)]


# What goes with the event in each kind of update; a workflow's has none.
_STATUS: dict[str, Callable[[int, int], list[Change]]] = {
    "event": lambda _caller, _version: [],
    "status": status_change,
    "workflow": workflow_update,
}


# ---- contenders ----------------------------------------------------------------------------


@asynccontextmanager
async def ours(path: Path, durability: str = "normal") -> AsyncIterator[Commit]:
    store = open_store(f"sqlite://{path}", clock=SYSTEM_CLOCK, durability=durability)
    await store.open()
    try:
        yield store.commit
    finally:
        await store.close()


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript("".join(sql for _, sql in load_migrations()))
    return connection


def write(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for sql, values in statements_of(changes):
        connection.execute(sql, values)
    connection.execute("COMMIT")


@asynccontextmanager
async def thread_each(path: Path) -> AsyncIterator[Commit]:
    """The reference: an executor of one thread that commits each update."""
    loop = asyncio.get_running_loop()
    with closing(connect(path)) as connection, ThreadPoolExecutor(1) as thread:

        def commit(changes: Sequence[Change]) -> asyncio.Future[None]:
            return loop.run_in_executor(thread, write, connection, changes)

        yield commit


@asynccontextmanager
async def queue_each(path: Path) -> AsyncIterator[Commit]:
    """The leanest way to a thread: a bare queue there, a bare call back."""
    loop = asyncio.get_running_loop()
    queue: SimpleQueue[tuple[Sequence[Change], asyncio.Future[None]] | None] = SimpleQueue()

    def work() -> None:
        with closing(connect(path)) as connection:
            while (item := queue.get()) is not None:
                write(connection, item[0])
                loop.call_soon_threadsafe(item[1].set_result, None)

    def commit(changes: Sequence[Change]) -> asyncio.Future[None]:
        future = loop.create_future()
        queue.put((changes, future))
        return future

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield commit
    finally:
        queue.put(None)
        await asyncio.to_thread(thread.join)


@asynccontextmanager
async def inline_each(path: Path) -> AsyncIterator[Commit]:
    """Plain sqlite3 on the loop, a commit each; gives the loop a turn as any await would."""
    with closing(connect(path)) as connection:

        async def commit(changes: Sequence[Change]) -> None:
            write(connection, changes)
            await asyncio.sleep(0)

        yield commit


@asynccontextmanager
async def aiosqlite_each(path: Path) -> AsyncIterator[Commit]:
    """aiosqlite, a commit each; one caller at a time, since a connection has one transaction."""
    connect(path).close()
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        lock = asyncio.Lock()

        async def commit(changes: Sequence[Change]) -> None:
            async with lock:
                await connection.execute("BEGIN IMMEDIATE")
                for sql, values in statements_of(changes):
                    await connection.execute(sql, values)
                await connection.commit()

        yield commit


full = partial(ours, durability="full")

CONTENDERS: dict[str, Contender] = {
    "ours": ours,
    "thread": thread_each,
    "a bare queue to a thread, a commit each": queue_each,
    "sqlite3 inline, a commit each": inline_each,
    "aiosqlite, a commit each": aiosqlite_each,
    "ours at FULL, against NORMAL": full,
}


ON_POSTGRES: dict[str, Contender] = {"ours": _postgres.ours, "thread": _postgres.pool_each}


# ---- measurements --------------------------------------------------------------------------


async def lone(commit: Commit, changes: Changes) -> float:
    """Microseconds for an update, with one caller that awaits each."""
    started = time.perf_counter()
    for _ in range(LONE_UPDATES):
        await commit(changes.next(0))
    return (time.perf_counter() - started) / LONE_UPDATES * 1e6


async def crowd(commit: Commit, changes: Changes) -> float:
    """Microseconds for an update, with a hundred callers that await each of theirs."""

    async def call(caller: int) -> None:
        for _ in range(UPDATES_PER_CALLER):
            await commit(changes.next(caller))

    started = time.perf_counter()
    await asyncio.gather(*(call(caller) for caller in range(CALLERS)))
    return (time.perf_counter() - started) / (CALLERS * UPDATES_PER_CALLER) * 1e6


async def held(commit: Commit, changes: Changes, turn_ms: float) -> tuple[float, float]:
    """The 99th percentiles, in milliseconds, of an update and of a turn, with the loop held."""
    stop = False
    turns = []

    async def hold() -> None:
        while not stop:
            started = time.perf_counter()
            while time.perf_counter() < started + turn_ms / 1000:
                pass
            await asyncio.sleep(0)
            turns.append((time.perf_counter() - started) * 1000)

    holder = asyncio.create_task(hold())
    taken = []
    for _ in range(HELD_UPDATES):
        started = time.perf_counter()
        await commit(changes.next(0))
        taken.append((time.perf_counter() - started) * 1000)
    stop = True
    await holder
    return quantiles(taken, n=100)[98], quantiles(turns, n=100)[98]


async def measure(
    contender: Contender, kind: str, what: Callable[..., Awaitable[Any]], *more: float
) -> Any:
    """One figure of one contender, on a fresh database."""
    with tempfile.TemporaryDirectory() as directory:
        async with contender(Path(directory) / "state.db") as commit:
            changes = Changes(kind, CALLERS, WARM_UP + LONE_UPDATES)
            for _ in range(WARM_UP):
                await commit(changes.next(0))
            gc.collect()
            return await what(commit, changes, *more)


def interleaved(jobs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """The figures of each job over the rounds, every round in an order of its own."""
    found: dict[str, list[Any]] = {name: [] for name in jobs}
    names = list(jobs)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].append(asyncio.run(jobs[name]()))
    return found


def row(
    name: str,
    values: Sequence[float],
    references: Sequence[float],
    unit: str,
    limits: Limits = (None, None),
) -> dict[str, Any]:
    """One line of the table: medians, and the median of the rounds' ratios."""
    ratios = [mine / its for mine, its in zip(values, references, strict=True)]
    return {
        "name": name,
        "value": round(median(values), 2),
        "unit": unit,
        "reference": round(median(references), 2),
        "ratio": round(median(ratios), 3),
        "must": limits[0],
        "goal": limits[1],
    }


Limits = tuple[float | None, float | None]


def throughput_rows(
    kind: str,
    label: str,
    one: Limits = (None, None),
    many: Limits = (None, None),
    contenders: Mapping[str, Contender] = CONTENDERS,
) -> list[dict[str, Any]]:
    """One caller and a hundred, for one kind of update."""
    found = []
    for callers, what, limits in (("1 caller", lone, one), ("100 callers", crowd, many)):
        figures = interleaved(
            {name: partial(measure, it, kind, what) for name, it in contenders.items()}, ROUNDS
        )
        reference = figures.pop("thread")
        found.append(row(f"{label}, {callers}", figures.pop("ours"), reference, "us", limits))
        found += [row(f"  {name}", values, reference, "us") for name, values in figures.items()]
    return found


def held_rows() -> list[dict[str, Any]]:
    """The p99 under a held loop, at both durabilities."""
    found = []
    for turn in TURNS_MS:
        jobs = {
            name: partial(measure, it, "status", held, turn)
            for name, it in (("normal", ours), ("full", full))
        }
        for name, figures in interleaved(jobs, HELD_ROUNDS).items():
            p99, turns = zip(*figures, strict=True)
            length = median(turns)
            limits = (round(4 + 5 / length, 2), round(3 + 1 / length, 2))
            title = f"durable update p99, loop held {turn} ms a turn"
            if name == "full":
                title, limits = "  at FULL, on the thread", (None, None)
            found.append(row(title, p99, turns, "ms", limits))
    return found


def postgres_rows() -> list[dict[str, Any]]:
    """Workflow updates on a real server, against a transaction each on a pool of ten."""
    if _postgres.server() is None:
        return []
    return throughput_rows("workflow", "workflow updates on PostgreSQL", contenders=ON_POSTGRES)


def rows() -> list[dict[str, Any]]:
    """Every line: name, value, unit, reference, ratio, must and goal (both for the ratio)."""
    return [
        *throughput_rows("event", "durable updates", (0.6, 0.4), (0.3, 0.2)),
        *throughput_rows("status", "durable status changes of three rows"),
        *throughput_rows("workflow", "durable workflow updates", (0.6, 0.4), (0.3, 0.2)),
        *postgres_rows(),
        *held_rows(),
    ]


def main(json_wanted: bool) -> None:
    """Measure, and print a table or JSON."""
    found = rows()
    if json_wanted:
        print(json.dumps(found, indent=2))
        return
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {ROUNDS} rounds")
    print(f"{'':64}{'value':>10}    {'reference':>9}{'ratio':>8}{'must':>8}{'goal':>8}")
    for line in found:
        limits = "".join(
            f"{'' if line[key] is None else round(line[key], 2):>8}" for key in ("must", "goal")
        )
        print(
            f"{line['name']:64}{line['value']:>10} {line['unit']:2} {line['reference']:>9}"
            f"{line['ratio']:>8}{limits}"
        )


if __name__ == "__main__":
    main("--json" in sys.argv[1:])
