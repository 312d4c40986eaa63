"""Workflows: what one no-op task costs, beside asyncio and graphlib with a Task for each node.

    python -m bench workflows

W1 a chain of 1 000, W2 a fan-out of 1 000, W3 a random DAG of 2 000 with ten at once, W4 50
workflows of 100, at ten at once; in memory through ``WorkflowEngine`` and durable through
``WorkflowOrchestrator`` on SQLite, with each start and each end acknowledged after its commit
(safe against ``kill -9``). Both include the making of the engine and of the plan; the definitions are
made before. Power-cut safe ones stand beside the floor of this disk, too (``_floor.py``). Rounds are
interleaved; ratios are medians of the rounds' ratios.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from quarterdeck.core.workflows import (
    StateManager,
    Task,
    TaskDefinition,
    TaskExecutionContext,
    Workflow,
    WorkflowDefinition,
    WorkflowEngine,
    WorkflowOrchestrator,
)

from ._floor import floor_seconds, rounds_of, sleeping
from ._rows import row

Needs = dict[str, list[str]]
Run = Callable[[], Awaitable[None]]

ROUNDS = 9
AT_ONCE = 10
UNBOUNDED = 100_000
IN_FLIGHT = 5_000
SLEEP_MORE = 0.00008
"""Seconds that a sleep takes longer than it was told to, about."""


def chain(count: int) -> Needs:
    return {f"t{at}": [f"t{at - 1}"] if at else [] for at in range(count)}


def fan_out(count: int) -> Needs:
    return {"root": []} | {f"t{at}": ["root"] for at in range(count)}


def random_dag(count: int, seed: int = 1) -> Needs:
    random = Random(seed)
    return {
        f"t{at}": [
            f"t{one}"
            for one in random.sample(range(max(0, at - 50), at), min(at, random.randint(0, 3)))
        ]
        for at in range(count)
    }


CASES: dict[str, tuple[list[Needs], int]] = {
    "W1 chain of 1 000": ([chain(1000)], UNBOUNDED),
    "W2 fan-out of 1 000": ([fan_out(1000)], UNBOUNDED),
    "W3 random DAG of 2 000, ten at once": ([random_dag(2000)], AT_ONCE),
    "W4 50 workflows of 100": ([random_dag(100, seed) for seed in range(50)], AT_ONCE),
}
GOALS = {
    "W1": (1.5, 0.9, 4, 2.5),
    "W2": (1.8, 1.2, 3.5, 2.5),
    "W3": (1.5, 0.9, 3, 2),
    "W4": (1.5, 0.9, 2.5, 1.7),
}


async def noop(*_: Any) -> None:
    return None


async def _graph(
    needs: Needs, slots: asyncio.Semaphore | None, work: Callable[[], Awaitable[Any]]
) -> None:
    """The reference: graphlib says what is ready, a Task does it."""
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def one(name: str) -> None:
        if slots is None:
            await work()
        else:
            async with slots:
                await work()
        ended.put_nowait(name)

    async with asyncio.TaskGroup() as group:
        while sorter.is_active():
            for name in sorter.get_ready():
                group.create_task(one(name))
            sorter.done(await ended.get())
            while not ended.empty():
                sorter.done(ended.get_nowait())


async def reference(graphs: Sequence[Needs], limit: int) -> None:
    slots = None if limit == UNBOUNDED else asyncio.Semaphore(limit)
    await asyncio.gather(*(_graph(needs, slots, noop) for needs in graphs))


def light(graphs: Sequence[Needs], limit: int) -> Run:
    flows = [
        Workflow(
            "w", "w", {name: Task(name, name, "t", {}, given) for name, given in needs.items()}
        )
        for needs in graphs
    ]

    async def run() -> None:
        engine = WorkflowEngine(limit)
        engine.register_handler("t", noop)
        await asyncio.gather(*(engine.execute_workflow(flow) for flow in flows))

    return run


def definitions(graphs: Sequence[Needs]) -> list[WorkflowDefinition]:
    return [
        WorkflowDefinition(
            "w", [TaskDefinition(name, "a", "t", given) for name, given in needs.items()]
        )
        for needs in graphs
    ]


FULL_GOALS = {"W1": (13, 10), "W2": (4.5, 3), "W3": (4.5, 3), "W4": (4.5, 3)}


async def durable(
    wanted: Sequence[WorkflowDefinition], limit: int, file: Path, durability: str = "normal"
) -> float:
    """Seconds from the first start to the last acknowledged end."""
    async with (
        StateManager(f"sqlite://{file}", durability=durability) as states,
        WorkflowOrchestrator(states, limit) as engine,
    ):
        engine.register_executor("t", noop)
        ids = [await engine.create_workflow(one) for one in wanted]
        gc.collect()
        started = time.perf_counter()
        await asyncio.gather(*(engine.execute_workflow(one) for one in ids))
        return time.perf_counter() - started


def timed(run: Callable[[], Awaitable[Any]]) -> float:
    gc.collect()
    started = time.perf_counter()
    asyncio.run(_awaited(run))
    return time.perf_counter() - started


async def _awaited(run: Callable[[], Awaitable[Any]]) -> Any:
    return await run()


def case_rows(name: str, graphs: Sequence[Needs], limit: int) -> list[dict[str, Any]]:
    count = sum(map(len, graphs))
    ours, wanted, rounds = light(graphs, limit), definitions(graphs), rounds_of(graphs, limit)
    taken = Taken()
    with tempfile.TemporaryDirectory() as place:
        for number in range(ROUNDS):
            file = Path(place) / f"{number}"
            taken.memory.append(timed(ours))
            taken.reference.append(timed(lambda: reference(graphs, limit)))
            taken.disk.append(asyncio.run(durable(wanted, limit, file.with_suffix(".db"))))
            taken.full.append(asyncio.run(durable(wanted, limit, file.with_suffix(".f"), "full")))
            taken.plain.append(floor_seconds(rounds, file.with_suffix(".p")))
            laid = floor_seconds(rounds, file.with_suffix(".l"), laid=True)
            taken.laid.append(laid)
            with sleeping(max(0.0, laid / len(rounds) - SLEEP_MORE)):
                taken.slept.append(asyncio.run(durable(wanted, limit, file.with_suffix(".s"))))
    full_must, full_goal = FULL_GOALS[name[:2]]
    must, goal, durable_must, durable_goal = GOALS[name[:2]]
    tasks, commits = taken.reference, len(rounds)
    return [
        _ratio_row(f"{name}, in memory", taken.memory, tasks, count, must=must, goal=goal),
        _ratio_row(
            f"{name}, durable", taken.disk, tasks, count, must=durable_must, goal=durable_goal
        ),
        _ratio_row(
            f"{name}, durable, power-cut safe", taken.full, tasks, count,
            must=full_must, goal=full_goal,
        ),
        _ratio_row(
            f"  this disk's floor: {commits} commits in plain sqlite3", taken.plain, tasks, count
        ),
        _ratio_row("  the same, the journal laid down beforehand", taken.laid, tasks, count),
        _ratio_row("  durable, with a sleep as long at each commit", taken.slept, tasks, count),
        _ratio_row("  power-cut safe, beside plain sqlite3", taken.full, taken.plain, count),
    ]  # fmt: skip


@dataclass
class Taken:
    """Seconds of each round."""

    memory: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    disk: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    laid: list[float] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)


def _ratio_row(
    name: str,
    ours: list[float],
    floor: list[float],
    count: int,
    *,
    must: float | None = None,
    goal: float | None = None,
) -> dict[str, Any]:
    ratio = median(one / other for one, other in zip(ours, floor, strict=True))
    per_task = 1e6 / count
    return row(
        name, median(ours) * per_task, "us per task", reference=median(floor) * per_task,
        ratio=ratio, must=must, goal=goal,
    )  # fmt: skip


# ---- memory, flatness, latency -----------------------------------------------------------------


def memory_row() -> dict[str, Any]:
    """Memory at the moment when all tasks are in flight."""
    needs: Needs = {f"t{at}": [] for at in range(IN_FLIGHT)}

    def at_peak(run: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]) -> float:
        arrived, seen = 0, 0.0
        gate: asyncio.Event

        async def work(*_: Any) -> None:
            nonlocal arrived, seen
            arrived += 1
            if arrived == IN_FLIGHT:
                seen = tracemalloc.get_traced_memory()[0]
                gate.set()
            await gate.wait()

        async def main() -> None:
            nonlocal gate
            gate = asyncio.Event()
            await run(work)

        gc.collect()
        tracemalloc.start()
        asyncio.run(main())
        tracemalloc.stop()
        return seen / 1e6

    async def ours(work: Callable[..., Awaitable[Any]]) -> None:
        engine = WorkflowEngine(IN_FLIGHT)
        engine.register_handler("t", work)
        tasks = {name: Task(name, name, "t", {}, given) for name, given in needs.items()}
        await engine.execute_workflow(Workflow("w", "w", tasks))

    async def theirs(work: Callable[[], Awaitable[Any]]) -> None:
        await _graph(needs, None, work)

    mine, other = at_peak(ours), at_peak(theirs)
    return row("5 000 tasks in flight, memory", mine, "MB", reference=other, must=2, goal=1.5)


def posting_row() -> dict[str, Any]:
    """What bringing the tables up to date costs afterwards, on a thread, when somebody reads."""

    async def main(file: Path) -> float:
        async with (
            StateManager(f"sqlite://{file}") as states,
            WorkflowOrchestrator(states) as engine,
        ):
            engine.register_executor("t", noop)
            workflow_id = await engine.create_workflow(definitions([chain(1000)])[0])
            await engine.execute_workflow(workflow_id)
            started = time.perf_counter()
            await states.store.version(workflow_id)
            return (time.perf_counter() - started) * 1000

    with tempfile.TemporaryDirectory() as place:
        taken = [asyncio.run(main(Path(place) / f"{at}.db")) for at in range(5)]
    return row(
        "posting a chain's journal to the tables, at the first read", median(taken), "us per task"
    )


def flat_row() -> dict[str, Any]:
    """The cost of a task among 10 000 beside that among 100."""
    small, large = light([chain(100)] * 100, 1), light([chain(10_000)], 1)
    pairs = [(timed(large), timed(small)) for _ in range(5)]
    return row(
        "cost of a task, 10 000 in one workflow, to 100 in each of 100",
        median(one for one, _ in pairs) * 100, "us per task",
        reference=median(other for _, other in pairs) * 100,
        ratio=median(one / other for one, other in pairs), must=1.5, goal=1.1,
    )  # fmt: skip


def recovery_row() -> dict[str, Any]:
    """From the call to the first attempt, with 10 000 tasks of which half are done."""

    async def main(file: Path) -> float:
        needs: Needs = {f"t{at}": [f"t{at - 100}"] if at >= 100 else [] for at in range(10_000)}
        enough = asyncio.Event()
        ended = 0

        async def half(_: TaskExecutionContext) -> int:
            nonlocal ended
            ended += 1
            if ended > 5_000:
                enough.set()
                await asyncio.Event().wait()
            return 1

        async with StateManager(f"sqlite://{file}") as states:
            first = WorkflowOrchestrator(states, 100, engine_id="first")
            first.register_executor("t", half)
            await first.start_workflow(await first.create_workflow(definitions([needs])[0]))
            await enough.wait()
            await first.close()
            begun = asyncio.Event()

            async def see(_: TaskExecutionContext) -> None:
                begun.set()
                await asyncio.Event().wait()

            async with WorkflowOrchestrator(states, 100) as second:
                second.register_executor("t", see)
                started = time.perf_counter()
                await second.recover(former=["first"])
                await begun.wait()
                return time.perf_counter() - started

    with tempfile.TemporaryDirectory() as place:
        taken = [asyncio.run(main(Path(place) / f"{at}.db")) for at in range(3)]
    return row("recovery of a workflow of 10 000 tasks", median(taken), "s", must=1, goal=0.3)


def latency_row() -> dict[str, Any]:
    """From the end of one task to the start of the next, durable."""

    async def main(file: Path) -> list[float]:
        gaps: list[float] = []
        last = 0.0

        async def work(_: TaskExecutionContext) -> None:
            nonlocal last
            if last:
                gaps.append((time.perf_counter() - last) * 1000)
            await asyncio.sleep(0.001)
            last = time.perf_counter()

        async with (
            StateManager(f"sqlite://{file}") as states,
            WorkflowOrchestrator(states) as engine,
        ):
            engine.register_executor("t", work)
            workflow_id = await engine.create_workflow(definitions([chain(300)])[0])
            await engine.execute_workflow(workflow_id)
        return gaps

    with tempfile.TemporaryDirectory() as place:
        gaps = asyncio.run(main(Path(place) / "w.db"))
    return row("dispatch from ready to start, durable, p50", median(gaps), "ms", must=2, goal=0.5)


def rows() -> list[dict[str, Any]]:
    """All rows of this suite."""
    found = [
        one for name, (graphs, limit) in CASES.items() for one in case_rows(name, graphs, limit)
    ]
    return [*found, memory_row(), posting_row(), flat_row(), recovery_row(), latency_row()]
