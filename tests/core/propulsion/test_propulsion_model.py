"""The engine beside a simple model: order, expiry, nothing lost, nothing twice, crashes in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.propulsion import PropulsionEngine, PropulsionPayload
from quarterdeck.state.memory import MemoryStore

AT_ONCE = RetryPolicy(1_000_000, 0.0)


@dataclass(frozen=True)
class Job:
    """A payload; ``fails`` says how often each of the two handlers fails it, ``late`` that it expired."""

    priority: Priority
    fails: tuple[int, int]
    late: bool


jobs = st.lists(
    st.builds(
        Job,
        st.sampled_from(Priority),
        st.tuples(st.integers(0, 3), st.integers(0, 3)),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=12,
)


class World:
    """Handlers that note what they did, over a store that outlives engines."""

    def __init__(self, jobs: list[Job], crashes: int) -> None:
        self.jobs = jobs
        self.clock = ManualClock()
        self.store = MemoryStore(clock=self.clock)
        self.tried: Counter[tuple[str, int]] = Counter()
        self.order: list[int] = []
        self.steps = crashes
        self.crashed = asyncio.Event()

    def engine(self, limit: int) -> PropulsionEngine:
        engine = PropulsionEngine(
            max_concurrent=limit, store=self.store, submit_policy=AT_ONCE, clock=self.clock,
            ageing_seconds=None,
        )  # fmt: skip
        for at in (0, 1):
            engine.register_handler("e", self.handler(at), name=f"h{at}")
        return engine

    def handler(self, at: int) -> Callable[[PropulsionPayload], Awaitable[None]]:
        async def handle(payload: PropulsionPayload) -> None:
            self.steps -= 1
            if self.steps == 0:
                self.crashed.set()
                await asyncio.Event().wait()  # whatever it did, nobody hears of it
            number = payload.data
            self.tried[f"h{at}", number] += 1
            if not at and self.tried["h0", number] == 1:
                self.order.append(number)
            if self.tried[f"h{at}", number] <= self.jobs[number].fails[at]:
                raise ValueError(number)

        return handle


@given(jobs, st.integers(1, 3), st.integers(0, 25))
@settings(max_examples=120)
def test_each_handler_succeeds_once_or_the_payload_is_dead(
    given: list[Job], limit: int, crash: int
) -> None:
    asyncio.run(play(given, limit, crash))


async def play(jobs: list[Job], limit: int, crash: int) -> None:
    world = World(jobs, crash)
    await world.store.open()
    engine = world.engine(limit)
    past = world.clock.now() - timedelta(seconds=1)
    payloads = [
        PropulsionPayload(number, job.priority, past if job.late else None)
        for number, job in enumerate(jobs)
    ]
    await asyncio.gather(*(engine.submit("e", one) for one in payloads))
    async with asyncio.timeout(60):
        drained = asyncio.ensure_future(engine.drain())
        crashed = asyncio.ensure_future(world.crashed.wait())
        await asyncio.wait([drained, crashed], return_when=asyncio.FIRST_COMPLETED)
        if world.crashed.is_set():
            drained.cancel()
            await engine.close(drain=False)
            engine = world.engine(limit)
            await engine.recover()
            await engine.drain()
        crashed.cancel()
        await asyncio.wait([drained, crashed])
    dead = {one.payload.data: one for one in engine.dead_letters()}
    for number, job in enumerate(jobs):
        tried = [world.tried[f"h{at}", number] for at in (0, 1)]
        if job.late:
            assert tried == [0, 0]
            assert number not in dead
            continue
        doomed = max(job.fails) > 2
        assert (number in dead) == doomed
        for at in (0, 1):
            wanted = min(job.fails[at] + 1, 3)
            assert tried[at] == wanted, "nothing twice that had succeeded, and nothing left out"
        if doomed:
            names = {f"h{at}" for at in (0, 1) if job.fails[at] <= 2}
            assert set(dead[number].succeeded) == names
    if limit == 1 and not crash:
        begun = [number for number, job in enumerate(jobs) if not job.late]
        assert world.order == sorted(begun, key=lambda one: (jobs[one].priority, one))
    assert engine.get_stats()["pending_payloads"] == 0
    await engine.close()
    await world.store.close()
