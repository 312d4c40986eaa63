"""A cluster whose scheduler was killed: what is told of its attempts, and leaving it."""

from __future__ import annotations

import asyncio
import signal

from tests.dask_cluster import Cluster, hear, leaf, started, submit, until

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.workflows.backends.dask.backend import DaskBackend


async def test_a_back_end_is_closed_while_what_is_left_of_its_scheduler_is(
    backend: DaskBackend, cluster: Cluster
) -> None:
    assert cluster.scheduler
    cluster.scheduler.send(signal.SIGKILL)
    await until(lambda: not backend._watch.connected.is_set())
    async with asyncio.timeout(60):
        await backend.close()


async def test_attempts_of_which_nothing_is_heard_say_so(
    backend: DaskBackend, cluster: Cluster
) -> None:
    place = await submit(backend, leaf(new_id(), "sleep", "1000"))
    await started(backend, place)
    hearing = asyncio.create_task(hear(backend, place))
    await until(lambda: place in backend._watch._followers)
    assert backend.waiting() == {}
    assert cluster.scheduler
    cluster.scheduler.send(signal.SIGKILL)
    await until(lambda: place in backend.waiting())
    assert f"127.0.0.1:{cluster.port} doesn't answer" in backend.waiting()[place]
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
