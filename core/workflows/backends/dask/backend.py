"""The back end for a cluster of Dask distributed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from ....base.clock import SYSTEM_CLOCK, Clock
from ...context import AttemptLost
from ..ports import Leaf, LeafEnded, LeafEvent, Standing
from . import scheduler_side, worker_side
from .cluster import Cluster, ClusterOptions
from .faults import ClusterUnreachable
from .heads import Follower, Seen
from .register import State
from .watching import Watch
from .wire import SCHEME, key_of, pack_event, place_of, unpack_event

SOON = 0.05
"""Seconds before a worker is asked again that was just about to begin, or just going."""


class DaskBackend:
    """Runs leaf attempts on a cluster; implements ``backends.ports.Backend``.

    While the scheduler can't be reached, calls wait for it to come back. The events of a
    place are for one reader at a time.
    """

    def __init__(self, options: ClusterOptions, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._options, self._clock = options, clock
        self._cluster = Cluster(options)
        self._watch = Watch(self._cluster)

    async def open(self) -> None:
        """See ``Backend.open``.

        :raises ClusterUnreachable: if the scheduler doesn't answer.
        :raises ClusterMismatch: if Quarterdeck is missing on a machine, or is of another version.
        """
        await self._cluster.connect()
        self._watch.start()

    async def close(self) -> None:
        """See ``Backend.close``; what runs and what waits goes on."""
        await self._watch.close()
        await self._cluster.lost()

    def place_of(self, leaf: Leaf) -> str:
        """See ``Backend.place_of``."""
        return place_of(leaf.key)

    async def submit(self, leaf: Leaf, place: str) -> None:
        """See ``Backend.submit``; a leaf whose resources no worker offers waits, see ``waiting``.

        :raises AttemptFenced: if an engine of a later epoch has taken the workflow over.
        """
        owner, settle = self._watch.owner, self._options.terms.settle
        fence: dict[str, Any] = {"workflow": leaf.workflow_id, "epoch": leaf.epoch}
        while True:
            await self._watch.connected.wait()
            with contextlib.suppress(ClusterUnreachable):
                told, wanted = await self._cluster.on_scheduler(
                    scheduler_side.announce, place=place, owner=owner, settle=settle, **fence
                )
                if wanted:
                    self._cluster.hand_over(leaf)
                self._watch.note(Seen.parse(told))
                return
            await asyncio.sleep(SOON)

    async def events(self, place: str) -> AsyncIterator[LeafEvent]:
        """See ``Backend.events``.

        :raises AttemptLost: if its worker is gone, and everything of it, or nobody knows it any more.
        """
        key_of(place)
        follower = await self._watch.follow(place)
        try:
            while True:
                follower.news.clear()
                while follower.buffer:
                    event = unpack_event(follower.buffer.popleft())
                    yield event
                    if isinstance(event, LeafEnded):
                        return
                if ended := await self._end_of(follower):
                    yield ended
                    return
                self._watch.read_on(follower)
                await follower.news.wait()
        finally:
            self._watch.leave(follower)

    async def _end_of(self, follower: Follower) -> LeafEvent | None:
        """The last event of an attempt of which no worker will tell; None if there may be more."""
        if follower.absent is not None:
            await asyncio.sleep(follower.absent - asyncio.get_running_loop().time())
            raise AttemptLost(f"{follower.place} is not known to the cluster any more")
        seen = follower.seen
        if seen is None or seen.readable or seen.state is State.WAITING:
            return None
        if seen.ended and seen.complete(follower.position):
            return unpack_event(seen.ended)
        if seen.state is State.ENDED:
            raise AttemptLost(f"{follower.place} has ended, and its worker left with its output")
        await self._watch.settled(seen)
        raise AttemptLost(f"{follower.place} is lost: {seen.reason}")

    async def cancel(self, place: str, grace: float) -> None:
        """See ``Backend.cancel``; one that waits for its turn never begins."""
        key_of(place)
        while True:
            await self._watch.connected.wait()
            with contextlib.suppress(ClusterUnreachable):
                if await self._cancelled(place, grace):
                    return
            await asyncio.sleep(SOON)

    async def _cancelled(self, place: str, grace: float) -> bool:
        now = self._clock.now()
        never = pack_event(
            LeafEnded(now, None, None, "it was cancelled before it began", cancelled=True)
        )
        given: dict[str, Any] = {"place": place, "ended": never}
        if await self._cluster.on_scheduler(scheduler_side.ask, what="withdraw", **given):
            await self._cluster.on_scheduler(scheduler_side.take_back, place=place)
            return True
        standing = (await self.reconcile([place]))[place]
        if standing is not Standing.LIVING:
            return standing is not Standing.UNKNOWN
        worker = self._watch.seen[place].worker
        return bool(
            await self._cluster.on_worker(
                worker, worker_side.stop, wait=grace, place=place, grace=grace
            )
        )

    async def reconcile(self, places: Collection[str]) -> Mapping[str, Standing]:
        """See ``Backend.reconcile``; places of other back ends are unknown to this one."""
        found = dict.fromkeys(places, Standing.UNKNOWN)
        ours = [place for place in places if place.startswith(SCHEME)]
        with contextlib.suppress(ClusterUnreachable):
            await self._cluster.on_scheduler(scheduler_side.settle, places=ours)
            known, absent = await self._watch.adopt(ours)
            stands = (self._stands(known.get(place), absent) for place in ours)
            found.update(zip(ours, await asyncio.gather(*stands), strict=True))
        return found

    async def _stands(self, seen: Seen | None, absent: float) -> Standing:
        if seen is None:
            await asyncio.sleep(absent - asyncio.get_running_loop().time())
        elif seen.state in {State.WAITING, State.CLAIMED}:
            return Standing.LIVING
        elif seen.readable or seen.complete(0):
            return Standing.ENDED
        elif seen.state is State.LOST:
            await self._watch.settled(seen)
        return Standing.GONE

    async def forget(self, place: str) -> None:
        """See ``Backend.forget``; what can't be reached is removed by its worker in time."""
        seen = self._watch.seen.pop(place, None)
        with contextlib.suppress(ClusterUnreachable):
            if seen is None:
                seen = (await self._watch.adopt([place]))[0].get(place)
                self._watch.seen.pop(place, None)
            if seen and seen.readable:
                await self._cluster.on_worker(seen.worker, worker_side.forget, place=place)
        with contextlib.suppress(ClusterUnreachable):
            await self._cluster.on_scheduler(scheduler_side.ask, what="forget", place=place)

    def waiting(self) -> Mapping[str, str]:
        """See ``TellsWaiting.waiting``."""
        return self._watch.reasons()
