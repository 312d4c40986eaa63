"""Locks under crashes and clock jumps: one holder at a time, first come first served, growing tokens."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.kept import MemoryKept
from quarterdeck.core.coordination.locks import Grant, Locks

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "release", "give_up", "crash", "jump", "pass", "renew"]),
        st.integers(0, 5),
    ),
    max_size=30,
)
TTL = 10.0


class Model:
    """Two engines on one store; an engine that crashes is followed by a new one.

    ``line`` has everyone who has asked and has not had it, in that order, over both engines.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryKept()
        self.engines = [self.engine(), self.engine()]
        self.asked: list[list[asyncio.Task[Grant]]] = [[], []]
        self.line: list[asyncio.Task[Grant]] = []
        self.held: list[tuple[int, Grant]] = []
        self.tokens: list[int] = []
        self.crashed: list[Locks] = []

    def engine(self) -> Locks:
        return Locks(self.store, clock=self.clock)

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)
        fresh = []
        ended = [task.done() for task in self.line if not task.cancelled()]
        assert ended == sorted(ended, reverse=True), "not in order"
        self.line = [task for task in self.line if not task.done()]
        for at, asked in enumerate(self.asked):
            over = [task for task in asked if task.done()]
            asked[:] = [task for task in asked if not task.done()]
            fresh += [(at, task.result()) for task in over if not task.cancelled()]
        # One may have had it, and lost it to the other engine, since the last look.
        self.held += sorted(fresh, key=lambda one: one[1].token)
        self.tokens += [grant.token for _, grant in self.held[len(self.tokens) :]]

    def check(self) -> None:
        holding = [grant for _, grant in self.held if not grant.lost]
        assert len(holding) <= 1, "two hold it"
        assert self.tokens == sorted(set(self.tokens)), "a token came back"
        waiting = any(not task.done() for asked in self.asked for task in asked)
        if waiting and not holding:
            # only while the time of a crashed engine's lock is being waited for
            assert self.crashed

    async def step(self, what: str, number: int) -> None:
        at = number % 2
        engine = self.engines[at]
        if what == "ask":
            self.asked[at].append(asyncio.create_task(engine.acquire("r", str(number), TTL)))
            self.line.append(self.asked[at][-1])
            await asyncio.sleep(0)
        elif what == "give_up" and self.asked[at]:
            self.asked[at][number % len(self.asked[at])].cancel()
        elif what in {"release", "renew"} and self.held:
            owner, grant = self.held[-1]
            if not grant.lost and what == "release":
                await self.engines[owner].release(grant)
            elif not grant.lost:
                await self.engines[owner].renew(grant)
        elif what == "crash":
            await self.crash(at)
        elif what == "jump":
            self.clock.jump((number - 2) * 100_000.0)
        elif what == "pass":
            self.clock.advance(number)
        for one in self.engines:
            one.tick()

    async def crash(self, at: int) -> None:
        """It does nothing any more, and gives nothing back."""
        gone = self.engines[at]
        for task in self.asked[at]:
            task.cancel()
        await asyncio.gather(*self.asked[at], return_exceptions=True)
        for owner, grant in self.held:
            if owner == at:
                grant.lost = True  # whoever held it is gone, too
        for place in gone._places.values():
            if place.held is not None and place.held._timer is not None:
                place.held._timer.cancel()
            place.held = None
            if place.working is not None:
                place.working.cancel()
                await asyncio.wait([place.working])
        gone._places.clear()
        gone._unfollow()
        self.crashed.append(gone)
        self.asked[at] = []
        self.engines[at] = self.engine()

    async def end(self) -> None:
        """Everything that still waits gets its turn."""
        for _ in range(200):
            await self.settle()
            self.check()
            if not any(self.asked):
                break
            for owner, grant in self.held:
                if not grant.lost:
                    await self.engines[owner].release(grant)
            self.clock.advance(TTL)
            for one in self.engines:
                one.tick()
        assert not any(self.asked), "somebody waits for ever"
        for one in self.engines:
            await one.close()


@settings(max_examples=60)
@given(STEPS)
def test_one_holder_in_order_whatever_happens(steps: list[tuple[str, int]]) -> None:
    async def go() -> None:
        model = Model()
        for what, number in steps:
            await model.step(what, number)
            await model.settle()
            model.check()
        await model.end()

    asyncio.run(go())
