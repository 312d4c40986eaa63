"""Locks: one holder, first come first served, a time to live, a token that only grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.kept import Kept, MemoryKept
from quarterdeck.core.coordination import CoordinationLayer, Grant, LockLost, LockTimeout
from quarterdeck.core.coordination.faults import CoordinationClosed, LockCrowded, LockFree
from quarterdeck.core.coordination.locks import Locks

Make = Callable[..., Locks]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store() -> MemoryKept:
    return MemoryKept()


@pytest.fixture
async def make(store: MemoryKept, clock: ManualClock) -> AsyncIterator[Make]:
    made: list[Locks] = []

    def locks(**more: Any) -> Locks:
        made.append(Locks(more.pop("store", store), clock=clock, **more))
        return made[-1]

    yield locks
    for one in made:
        await one.close()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_at_a_time_in_the_order_of_asking(make: Make) -> None:
    locks, order = make(), []
    first = await locks.acquire("r", "first")

    async def use(name: str) -> int:
        grant = await locks.acquire("r", name)
        order.append(name)
        await asyncio.sleep(0)
        await locks.release(grant)
        return grant.token

    tasks = [asyncio.create_task(use(f"w{at}")) for at in range(5)]
    await settle()
    assert order == []
    assert locks.statistics()[0].waiters == ("w0", "w1", "w2", "w3", "w4")
    await locks.release(first)
    tokens = await asyncio.gather(*tasks)
    assert order == ["w0", "w1", "w2", "w3", "w4"]
    assert [first.token, *tokens] == sorted({first.token, *tokens})


async def test_one_who_gives_up_in_the_line_is_passed_over(make: Make) -> None:
    locks = make()
    first = await locks.acquire("r", "first")
    gone = asyncio.create_task(locks.acquire("r", "gone"))
    next_one = asyncio.create_task(locks.acquire("r", "next"))
    await settle()
    gone.cancel()
    with pytest.raises(LockTimeout, match="'r'"):
        await locks.acquire("r", "impatient", timeout=0.01)
    await locks.release(first)
    assert (await next_one).holder == "next"


@pytest.mark.parametrize("turns", range(8))
async def test_one_who_is_cancelled_while_the_lock_is_being_given_passes_it_on(
    make: Make, turns: int
) -> None:
    locks = make()
    first = await locks.acquire("r", "first")
    gone = asyncio.create_task(locks.acquire("r", "gone"))
    other = asyncio.create_task(locks.acquire("r", "other"))
    await settle()
    giving = asyncio.create_task(locks.release(first))
    for _ in range(turns):
        await asyncio.sleep(0)
    gone.cancel()
    await giving
    ended = await asyncio.gather(gone, return_exceptions=True)
    if isinstance(ended[0], Grant):
        await locks.release(ended[0])
    grant = await asyncio.wait_for(other, 60)
    assert grant.check() == grant.token


async def test_the_time_to_live_ends_a_hold_and_renewal_prolongs_it(
    make: Make, clock: ManualClock
) -> None:
    locks = make()
    first = await locks.acquire("r", "first", ttl=10)
    clock.advance(8)
    await locks.renew(first)
    clock.advance(8)
    locks.tick()
    assert first.check() == first.token
    waiting = asyncio.create_task(locks.acquire("r", "second", ttl=10))
    await settle()
    clock.advance(2)
    locks.tick()
    second = await waiting
    assert second.token > first.token
    with pytest.raises(LockLost, match="10 s"):
        first.check()
    with pytest.raises(LockLost):
        await locks.renew(first)
    await locks.release(first)  # takes nothing from the second
    assert second.check() == second.token


async def test_two_engines_on_one_store_exclude_each_other(make: Make) -> None:
    one, other = make(engine_id="one"), make(engine_id="other")
    grant = await one.acquire("r", "a")
    waiting = asyncio.create_task(other.acquire("r", "b"))
    await settle()
    assert not waiting.done()
    await one.release(grant)
    second = await asyncio.wait_for(waiting, 60)
    assert second.token > grant.token


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
async def test_a_clock_that_jumps_takes_no_lock_away(
    make: Make, clock: ManualClock, jump: float
) -> None:
    one, other = make(engine_id="one"), make(engine_id="other")
    grant = await one.acquire("r", "a", ttl=10)
    waiting = asyncio.create_task(other.acquire("r", "b"))
    await settle()
    clock.jump(jump)
    other.tick()
    await settle()
    assert not waiting.done()
    clock.advance(6)
    await one.renew(grant)
    clock.advance(6)
    for locks in (one, other):
        locks.tick()
    await settle()
    assert not waiting.done()  # it saw the renewal
    await one.release(grant)
    await asyncio.wait_for(waiting, 60)


async def test_what_a_crashed_engine_held_is_free_after_its_time(
    make: Make, clock: ManualClock, store: MemoryKept
) -> None:
    crashed = make(engine_id="crashed", store=store)
    token = (await crashed.acquire("r", "a", ttl=10)).token
    crashed._places.clear()  # it never writes again
    other = make(engine_id="other")
    waiting = asyncio.create_task(other.acquire("r", "b"))
    await settle()
    clock.advance(9)
    other.tick()
    await settle()
    assert not waiting.done()
    clock.advance(1)
    other.tick()
    assert (await asyncio.wait_for(waiting, 60)).token > token


async def test_what_a_former_engine_held_is_free_at_once_when_it_is_known_to_be_gone(
    make: Make, store: MemoryKept
) -> None:
    crashed = make(engine_id="crashed")
    await crashed.acquire("r", "a", ttl=1000)
    await crashed.acquire("s", "a", ttl=1000)
    crashed._places.clear()
    other = make(engine_id="other")
    await other.acquire("t", "b")
    assert await other.recover({"crashed"}) == 2
    await asyncio.wait_for(other.acquire("r", "b"), 5)


async def test_a_holder_that_was_overtaken_learns_it_at_its_renewal(
    make: Make, clock: ManualClock, store: MemoryKept
) -> None:
    locks = make()
    grant = await locks.acquire("r", "a", ttl=10)
    record = await store.get_kept("lock", "r")
    assert record is not None
    await store.put_kept(
        Kept("lock", "r", record.version + 1, record.body.replace(locks.engine_id, "x"))
    )
    with pytest.raises(LockLost):
        await locks.renew(grant)


async def test_a_store_that_fails_fails_those_who_wait_and_nobody_else(make: Make) -> None:
    class Broken(MemoryKept):
        broken = True

        async def put_kept(self, record: Kept) -> bool:
            if self.broken:
                raise OSError("no space left")
            return await super().put_kept(record)

    broken = Broken()
    locks = make(store=broken)
    with pytest.raises(OSError, match="no space"):
        await locks.acquire("r", "a")
    broken.broken = False
    assert (await locks.acquire("r", "a")).holder == "a"


async def test_refusals(make: Make) -> None:
    locks = make(max_waiters=1)
    await locks.acquire("r", "a")
    waiting = asyncio.create_task(locks.acquire("r", "b"))
    await settle()
    with pytest.raises(LockCrowded):
        await locks.acquire("r", "c")
    with pytest.raises(ValueError, match="above 0 s"):
        await locks.acquire("r", "c", ttl=0)
    await locks.close()
    with pytest.raises(CoordinationClosed):
        await waiting
    with pytest.raises(CoordinationClosed):
        await locks.acquire("r", "c")


async def test_as_context_manager_it_is_renewed_and_given_back(
    store: MemoryKept, clock: ManualClock
) -> None:
    renewed = asyncio.Event()
    changes: list[str] = []

    def heard(_: str, key: str) -> None:
        changes.append(key)
        if len(changes) >= 4:
            renewed.set()

    store.follow_kept(heard)
    layer = CoordinationLayer(store=store, clock=clock)  # its time stands still: nothing runs out
    async with layer.acquire_lock("r", "a", ttl=0.03) as grant:
        await renewed.wait()
        assert grant.check() == grant.token
    assert grant.lost
    async with layer.acquire_lock("r", "b", timeout=5) as again:
        assert again.token > grant.token
    await layer.close()


async def test_a_body_learns_that_its_lock_was_lost_and_its_own_error_comes_first() -> None:
    layer = CoordinationLayer()

    async def loses() -> None:
        async with layer.acquire_lock("r", "a") as grant:
            await layer.release_lock(grant)

    with pytest.raises(LockLost):
        await loses()

    async def fails() -> None:
        async with layer.acquire_lock("r", "a") as grant:
            await layer.release_lock(grant)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    await layer.close()


async def test_by_hand(make: Make) -> None:
    layer = CoordinationLayer()
    grant = await layer.lock("r", "a", ttl=5)
    await layer.renew_lock(grant, ttl=9)
    assert grant.ttl == 9
    assert layer.statistics().locks[0].holder == "a"
    await layer.release_lock(grant)
    await layer.close()
    assert layer.statistics().locks == ()


async def test_a_lock_that_is_taken_away_goes_to_the_first_that_waits() -> None:
    layer = CoordinationLayer()
    held = await layer.lock("r", "first", 600)
    waits = [asyncio.create_task(layer.lock("r", name, 600)) for name in ("second", "third")]
    await asyncio.sleep(0)
    taken = await layer.locks.take_away("r")
    assert (taken.holder, taken.token, taken.ttl) == ("first", held.token, 600)
    second = await waits[0]
    with pytest.raises(LockLost):
        held.check()
    await layer.release_lock(held)  # too late, and no fault
    assert second.check() > held.token
    (kept,) = await layer.locks.all()
    assert (kept.holder, kept.engine_id) == ("second", layer.locks.engine_id)
    assert not waits[1].done()
    await layer.release_lock(second)
    await layer.release_lock(await waits[1])
    await layer.close()
    with pytest.raises(LockFree):
        await layer.locks.take_away("r")
