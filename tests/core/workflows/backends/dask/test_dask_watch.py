"""Ending the watch over a cluster, whatever it is at."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

import pytest

from quarterdeck.core.workflows.backends.dask import cluster as cluster_module
from quarterdeck.core.workflows.backends.dask.faults import ClusterUnreachable
from quarterdeck.core.workflows.backends.dask.watching import Watch


class Fading:
    """A cluster that is gone, and whose client passes over one cancellation, as Dask's does while it closes.

    ``at`` is where: as what is left is closed, or as it is connected to again.
    """

    def __init__(self, at: str) -> None:
        self._at = at
        self.there = asyncio.Event()

    async def connect(self) -> None:
        await self._pass("connecting")

    async def lost(self) -> None:
        await self._pass("closing")

    async def _pass(self, at: str) -> None:
        if at == self._at:
            self.there.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def on_scheduler(self, *_: Any, **__: Any) -> Any:
        if not self.there.is_set():
            raise ClusterUnreachable("gone")
        await asyncio.Event().wait()


@pytest.mark.parametrize("at", ["closing", "connecting"])
async def test_a_watch_ends_though_its_cancellation_is_passed_over(at: str) -> None:
    cluster = Fading(at)
    watch = Watch(cast("cluster_module.Cluster", cluster))
    watch.start()
    async with asyncio.timeout(30):
        await cluster.there.wait()
    watch.connected.clear()  # nothing is to be released there
    async with asyncio.timeout(30):
        await watch.close()
