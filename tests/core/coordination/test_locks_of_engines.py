"""One line for a lock over all engines on a store: PostgreSQL, and one SQLite file in two processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.core.coordination import lock_victim
from tests.postgres_server import clean, postgres_url

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.coordination.locks import Grant, Locks
from quarterdeck.state.postgres.store import PostgresStore
from quarterdeck.state.sqlite.store import SqliteStore

PATIENCE = 60.0


@pytest.fixture
async def url() -> str:
    await clean(postgres_url())
    return postgres_url()


@pytest.fixture
async def engines(url: str) -> AsyncIterator[list[Locks]]:
    """Two engines, each with a connection of its own to one database."""
    stores = [PostgresStore(url, clock=SYSTEM_CLOCK) for _ in range(2)]
    both = [Locks(store.kept, engine_id=f"e{at}") for at, store in enumerate(stores)]
    for store in stores:
        await store.open()
    yield both
    for locks, store in zip(both, stores, strict=True):
        await locks.close()
        await store.close()


async def standing(locks: Locks, *names: str) -> None:
    """Wait until just these stand in the line."""
    async with asyncio.timeout(PATIENCE):
        while [one.waiters for one in await locks.all()] != [names]:  # noqa: ASYNC110  # another's write
            await asyncio.sleep(0.005)


async def test_over_two_engines_it_goes_in_the_order_of_asking(engines: list[Locks]) -> None:
    one, other = engines
    order: list[tuple[str, int]] = []
    held = await one.acquire("r", "first", ttl=60)

    async def use(locks: Locks, name: str) -> None:
        grant = await locks.acquire("r", name, ttl=60)
        order.append((name, grant.check()))
        await locks.release(grant)

    names = ("b1", "a1", "b2", "gone", "a2", "b3")
    tasks: dict[str, asyncio.Task[None]] = {}
    for at, name in enumerate(names):
        locks = one if name.startswith("a") else other
        tasks[name] = asyncio.create_task(use(locks, name))
        await standing(one, *names[: at + 1])
    tasks.pop("gone").cancel()
    await standing(one, *(name for name in names if name != "gone"))
    await one.renew(held)
    await one.release(held)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*tasks.values())
    assert [name for name, _ in order] == ["b1", "a1", "b2", "a2", "b3"]
    tokens = [held.token, *(token for _, token in order)]
    assert tokens == sorted(set(tokens))


async def test_a_lock_that_another_engine_takes_away_is_lost_at_once(engines: list[Locks]) -> None:
    one, other = engines
    held = await one.acquire("r", "first", ttl=600)
    assert (await other.take_away("r")).holder == "first"
    async with asyncio.timeout(PATIENCE):
        while not held.lost:  # noqa: ASYNC110  # nothing else tells of it
            await asyncio.sleep(0.005)
        assert (await other.acquire("r", "second")).token > held.token


def killed_in_the_line(place: str) -> None:
    program = [sys.executable, lock_victim.__file__, place]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        try:
            assert victim.stdout.readline() == "ready\n"
        finally:
            victim.kill()


async def passes_over_the_dead(holder: Locks, waits: Locks, place: str) -> None:
    held = await holder.acquire("r", "first", ttl=600)
    await asyncio.to_thread(killed_in_the_line, place)
    asked: asyncio.Task[Grant] = asyncio.create_task(waits.acquire("r", "next", ttl=600))
    await standing(waits, "victim", "next")
    await holder.release(held)
    async with asyncio.timeout(PATIENCE):
        grant = await asked
    assert grant.token > held.token
    await waits.release(grant)


async def test_one_that_was_killed_in_the_line_holds_nobody_up(
    engines: list[Locks], url: str
) -> None:
    one, other = engines
    await passes_over_the_dead(one, other, url)


async def test_nor_in_another_process_on_one_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db", clock=SYSTEM_CLOCK)
    await store.open()
    locks = Locks(store.kept, engine_id="here")
    await passes_over_the_dead(locks, locks, str(tmp_path / "state.db"))
    await locks.close()
    await store.close()


async def test_what_a_former_engine_left_in_the_line_goes_when_that_is_known(url: str) -> None:
    store = PostgresStore(url, clock=SYSTEM_CLOCK)
    await store.open()
    locks, again = Locks(store.kept, engine_id="here"), Locks(store.kept, engine_id="again")
    held = await locks.acquire("r", "first", ttl=600)
    await asyncio.to_thread(killed_in_the_line, url)
    await standing(locks, "victim")
    assert await again.recover({"victim"}) == 0
    await standing(locks)
    await locks.renew(held)  # which was no change of its holder's
    for one in (locks, again):
        await one.close()
    await store.close()
