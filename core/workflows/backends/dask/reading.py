"""Output from one worker, for all who follow its attempts: one call at a time."""

from __future__ import annotations

import asyncio
from asyncio import Task
from typing import Any

from . import worker_side
from .cluster import WAIT, Cluster
from .faults import ClusterUnreachable
from .heads import Follower

PAUSE = 0.5
"""Seconds before a worker that could not be reached is asked again."""


class Reader:
    """Asks a worker for what followers have no more of, as long as there are any."""

    def __init__(self, cluster: Cluster, worker: str, owner: str) -> None:
        self._cluster, self._worker, self._owner = cluster, worker, owner
        self._followers: dict[str, Follower] = {}
        self._changed = asyncio.Event()
        self._task: Task[None] | None = None

    def add(self, follower: Follower) -> None:
        """Read for a follower that has used up what it had."""
        self._followers[follower.place] = follower
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read())

    def remove(self, place: str) -> None:
        """Read for it no more."""
        self._followers.pop(place, None)
        self._changed.set()

    async def close(self) -> None:
        """Stop reading."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        calls: set[Task[Any]] = set()
        try:
            while self._followers:
                self._changed.clear()
                changed = asyncio.create_task(self._changed.wait())
                wanted = self._wanted()
                if wanted:
                    calls.add(asyncio.create_task(self._ask(wanted)))
                done, _ = await asyncio.wait({changed, *calls}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                calls -= done
        finally:
            self._task = None  # whoever comes from now on is read for by another task
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    def _wanted(self) -> dict[str, tuple[int, bool]]:
        waiting = [one for one in self._followers.values() if not one.buffer and not one.whole]
        return {one.place: (one.position, one.begun) for one in waiting}

    async def _ask(self, wanted: dict[str, tuple[int, bool]]) -> None:
        given = {"owner": self._owner, "wanted": wanted, "seconds": WAIT}
        try:
            answers = await self._cluster.on_worker(
                self._worker, worker_side.read, wait=WAIT, **given
            )
        except ClusterUnreachable:
            await asyncio.sleep(PAUSE)
            return
        for place, answer in answers.items():
            if follower := self._followers.get(place):
                follower.take(answer, wanted[place])
