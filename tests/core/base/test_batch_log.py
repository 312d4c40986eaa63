"""A room's log of batches: when all of it is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from quarterdeck.core.base.batches import Batch, BatchChange, BatchLog


class SlowStore:
    """Commits when it is told to."""

    def __init__(self) -> None:
        self.commits: list[asyncio.Future[None]] = []

    def commit(self, changes: Sequence[BatchChange]) -> asyncio.Future[None]:
        assert changes
        self.commits.append(asyncio.get_running_loop().create_future())
        return self.commits[-1]

    async def batches(self, log: str) -> list[Batch]:
        assert log
        return []


async def test_it_has_settled_when_what_is_being_written_is_on_disk() -> None:
    """Also what was handed to the store some turns ago, and is not there yet."""
    store = SlowStore()
    log = BatchLog(store, "x", whole=list, count=lambda: 0)
    await log.settled()
    log.add("[1]")
    await asyncio.sleep(0)
    (first,) = store.commits
    settled = asyncio.create_task(log.settled())
    await asyncio.sleep(0)
    assert not settled.done()
    log.add("[2]")
    both = asyncio.create_task(log.settled())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not settled.done()
    first.set_result(None)
    await asyncio.wait_for(settled, 60)
    assert not both.done()
    store.commits[1].set_result(None)
    await asyncio.wait_for(both, 60)
    await log.settled()
