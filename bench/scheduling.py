"""The crew: scheduling, locks and safety checks.

    python -m bench scheduling

10 000 no-op tasks over 100 agents by each strategy, beside 10 000 no-op tasks of the loop under a
semaphore; a decision of the machine (an end, and the start that follows) with 100 and with 10 000
waiting; the hand-over of a lock from its release to the next holder; a safety check with 100
constraints, of the monitor alone and of a command in the engine, there with none beside it. Medians of interleaved rounds.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections import deque
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.base.kept import KeptStore, MemoryKept
from quarterdeck.core.coordination.locks import Locks
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.safety.service import SafetyService
from quarterdeck.core.protocol.commands import Prompt
from quarterdeck.core.safety import (
    ConstraintType,
    OperationContext,
    SafetyConstraint,
    SafetyMonitor,
)
from quarterdeck.core.scheduling import (
    AgentCapacity,
    LoadBalanceStrategy,
    Task,
    TaskScheduler,
    TaskSchedulerConfig,
)
from quarterdeck.core.scheduling.decisions import Start
from quarterdeck.core.scheduling.machine import Machine
from quarterdeck.core.settings import Settings
from quarterdeck.state.memory import MemoryStore
from quarterdeck.state.sqlite.store import SqliteStore

from ._rows import interleaved, row

TASKS, AGENTS, SLOTS = 10_000, 100, 10
ROUNDS = 5
DECISIONS = 2_000


def agents() -> list[AgentCapacity]:
    return [
        AgentCapacity(f"a{at}", {"x", "y"} if at % 2 else {"x"}, SLOTS, performance_score=1.0 + at)
        for at in range(AGENTS)
    ]


async def schedule(strategy: LoadBalanceStrategy) -> float:
    async def work(_: Task) -> None: ...

    config = TaskSchedulerConfig(
        load_balance_strategy=strategy, max_concurrent_tasks=AGENTS * SLOTS
    )
    scheduler = TaskScheduler(config)
    await scheduler.start()
    for one in agents():
        scheduler.register_agent(one)
    scheduler.register_executor("*", work)
    tasks = [Task("y" if at % 4 == 0 else "x") for at in range(TASKS)]
    gc.collect()
    begun = time.perf_counter()
    for task in tasks:
        scheduler.submit(task)
    await scheduler.stop(drain=True)
    return (time.perf_counter() - begun) * 1e6 / TASKS


async def plain() -> float:
    gate = asyncio.Semaphore(AGENTS * SLOTS)

    async def work() -> None:
        async with gate:
            pass

    gc.collect()
    begun = time.perf_counter()
    await asyncio.gather(*(asyncio.create_task(work()) for _ in range(TASKS)))
    return (time.perf_counter() - begun) * 1e6 / TASKS


def strategy_rows() -> list[dict[str, Any]]:
    found = []
    for strategy in LoadBalanceStrategy:
        ours, reference, ratio = interleaved(
            lambda strategy=strategy: asyncio.run(schedule(strategy)),  # type: ignore[misc]  # mypy: the default
            lambda: asyncio.run(plain()),
            ROUNDS,
        )
        name = f"scheduler, 10 000 tasks over 100 agents, {strategy}, each"
        found.append(row(name, ours, "us", reference=reference, ratio=ratio))
    return found


def decision(waiting: int) -> float:
    config = TaskSchedulerConfig(max_queue_size=TASKS * 3, max_concurrent_tasks=TASKS)
    machine = Machine(config, Random(1))
    for one in agents():
        machine.add_agent(one, 0.0)
    for at in range(waiting + AGENTS * SLOTS + DECISIONS):
        machine.add(Task("y" if at % 4 == 0 else "x", priority=at % 5), 0.0)  # type: ignore[arg-type]  # a level
    running = deque(one.task for one in machine.decide(0.0) if isinstance(one, Start))
    gc.collect()
    gc.disable()
    begun = time.process_time()
    for _ in range(DECISIONS):
        task = running.popleft()
        machine.ended(task.task_id, task.attempt, 0.0)
        running.extend(one.task for one in machine.decide(0.0) if isinstance(one, Start))
    spent = time.process_time() - begun
    gc.enable()
    return spent * 1e6 / DECISIONS


def flat_row() -> dict[str, Any]:
    many, few, ratio = interleaved(lambda: decision(10_000), lambda: decision(100), ROUNDS)
    name = "scheduler, a decision with 10 000 waiting, beside 100 waiting"
    return row(name, many, "us", reference=few, ratio=ratio, must=1.5, goal=1.1)


async def hand_over(store: KeptStore, count: int) -> float:
    locks = Locks(store)
    took: list[float] = []
    released = 0.0

    async def use(number: int) -> None:
        nonlocal released
        grant = await locks.acquire("r", str(number))
        if released:
            took.append(time.perf_counter() - released)
        await asyncio.sleep(0)
        released = time.perf_counter()
        await locks.release(grant)

    await asyncio.gather(*(use(number) for number in range(count)))
    await locks.close()
    return median(took) * 1e6


def lock_rows() -> list[dict[str, Any]]:
    async def durable(path: Path) -> float:
        store = SqliteStore(path, clock=SYSTEM_CLOCK)
        await store.open()
        try:
            return await hand_over(store.kept, 500)
        finally:
            await store.close()

    memory = median(asyncio.run(hand_over(MemoryKept(), 500)) for _ in range(ROUNDS))
    with tempfile.TemporaryDirectory() as place:
        kept = median(asyncio.run(durable(Path(place) / f"{at}.db")) for at in range(ROUNDS))
    return [
        row("lock, from a release to the next holder, in memory, p50", memory, "us"),
        row("lock, from a release to the next holder, durable, p50", kept, "us"),
    ]


def check_once() -> float:
    monitor = SafetyMonitor()
    for at in range(100):
        monitor.add_constraint(SafetyConstraint(f"max_p{at}", ConstraintType.THRESHOLD, 10.0))
    monitor.add_circuit_breaker("scada")
    monitor.add_rate_limiter("api_calls", 100)
    context = OperationContext("session.prompt", "a", {"p1": 1, "p50": 2, "text": "x"})
    begun = time.process_time()
    for _ in range(20_000):
        monitor.check(context)
    return (time.process_time() - begun) * 1e6 / 20_000


def command_checked(constraints: int) -> float:
    """Microseconds for what the engine asks about one command, fault-free."""
    given = [
        {"name": f"max_p{at}", "type": "threshold", "max_value": 10.0} for at in range(constraints)
    ]
    if constraints:
        given[-1] |= {"operation": "session.prompt", "parameter": "cols"}
    settings = Settings.model_validate({"safety": {"constraints": given}})
    store = MemoryStore(clock=SYSTEM_CLOCK)
    safety = SafetyService(settings, store.kept, Journal(store))
    wish = Prompt(session_id=new_id(), text="go on")
    begun = time.process_time()
    for _ in range(20_000):
        safety.check_command(wish, reads=False, session=None, client_id="bench")
    return (time.process_time() - begun) * 1e6 / 20_000


def rows() -> list[dict[str, Any]]:
    """All rows of this suite."""
    safety = median(check_once() for _ in range(ROUNDS))
    return [
        *strategy_rows(),
        flat_row(),
        *lock_rows(),
        row(
            "safety check with 100 constraints, a breaker and a limit",
            safety,
            "us",
            must=20,
            goal=10,
        ),
        row(
            "engine: a command held against 100 constraints",
            median(command_checked(100) for _ in range(ROUNDS)),
            "us",
            must=20,
            goal=10,
        ),
        row(
            "engine: a command where there are no rules",
            median(command_checked(0) for _ in range(ROUNDS)),
            "us",
            must=2,
            goal=1,
        ),
    ]
