"""A process that stands in the line for a lock on a shared store until it is killed.

    python lock_victim.py URL|FILE

It prints a line when it stands there.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.coordination.locks import Locks
from quarterdeck.state.postgres.store import PostgresStore
from quarterdeck.state.sqlite.store import SqliteStore


async def main(place: str) -> None:
    shared = "://" in place
    made = PostgresStore(place, clock=SYSTEM_CLOCK) if shared else None
    store = made or SqliteStore(Path(place), clock=SYSTEM_CLOCK)
    await store.open()
    locks = Locks(store.kept, engine_id="victim", waiter_ttl=2.0)
    asked = asyncio.create_task(locks.acquire("r", "victim"))
    while not any(one.waiters for one in await locks.all()):  # noqa: ASYNC110  # its own write
        await asyncio.sleep(0.01)
    print("ready", flush=True)  # noqa: T201  # the signal to the test
    await asked


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
