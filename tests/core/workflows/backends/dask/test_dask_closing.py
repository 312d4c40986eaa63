"""Leaving a cluster whose scheduler was killed."""

from __future__ import annotations

import asyncio
import signal

from tests.dask_cluster import Cluster, until

from quarterdeck.core.workflows.backends.dask.backend import DaskBackend


async def test_a_back_end_is_closed_while_what_is_left_of_its_scheduler_is(
    backend: DaskBackend, cluster: Cluster
) -> None:
    assert cluster.scheduler
    cluster.scheduler.send(signal.SIGKILL)
    await until(lambda: not backend._watch.connected.is_set())
    async with asyncio.timeout(60):
        await backend.close()
