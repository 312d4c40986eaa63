"""What the engine follows on the cluster: the connection, the heads and their readers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from asyncio import Task
from collections.abc import Collection
from typing import Any

from ....base.errors import QuarterdeckError
from ....base.ids import new_id
from ....base.retry import RetryPolicy
from . import scheduler_side, worker_side
from .cluster import WAIT, Cluster
from .faults import ClusterMismatch, ClusterUnreachable
from .heads import Follower, Seen
from .reading import Reader
from .register import State
from .wire import UNMET

AGAIN = RetryPolicy(initial_delay=0.1, max_delay=5.0)

_log = logging.getLogger(__name__)


class Watch:
    """Keeps the connection, and tells followers what the register and the workers tell."""

    def __init__(self, cluster: Cluster) -> None:
        self.owner = new_id()
        self.connected = asyncio.Event()
        self.seen: dict[str, Seen] = {}
        self._cluster = cluster
        self._followers: dict[str, Follower] = {}
        self._readers: dict[str, Reader] = {}
        self._task: Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Follow from now on; the cluster is connected."""
        self.connected.set()
        self._task = asyncio.create_task(self._run(), name="dask-watch")

    async def close(self) -> None:
        """Stop following; nothing on the cluster ends."""
        self._closing = True
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for reader in self._readers.values():
            await reader.close()
        if self.connected.is_set():
            with contextlib.suppress(ClusterUnreachable):
                await self._cluster.on_scheduler(scheduler_side.release, owner=self.owner)

    async def _run(self) -> None:
        tries = 0
        while not self._closing:  # Dask passes over a cancellation while it closes what is left
            try:
                if not self.connected.is_set():
                    await self._cluster.connect()
                    self.seen.clear()  # it may be another register, which counts anew
                    self.connected.set()
                await self.adopt(self._followers)
                tries = 0
                await self._listen()
            except (ClusterUnreachable, ClusterMismatch) as fault:
                if not tries:
                    _log.warning("%s What it runs can't be followed until then.", fault.message)
            except Exception:  # noqa: BLE001  # a watch that ended would leave every follower without news
                _log.exception("The cluster said what it should not; it is connected to again.")
            self.connected.clear()
            await self._cluster.lost()
            if self._closing:
                return
            tries += 1
            await asyncio.sleep(AGAIN.delay(tries))

    async def _listen(self) -> None:
        serial = 0
        while not self._closing:
            given: dict[str, Any] = {"owner": self.owner, "since": serial, "seconds": WAIT}
            answer = await self._cluster.on_scheduler(scheduler_side.changes, wait=WAIT, **given)
            serial = answer["serial"]
            for told in answer["heads"]:
                self.note(Seen.parse(told))

    def reasons(self) -> dict[str, str]:
        """Why attempts have not begun, or nothing is heard of them, by their places."""
        told = {place: one.reason for place, one in self.seen.items() if one.state is State.WAITING}
        if not self.connected.is_set():
            silence = f"the cluster at {self._cluster.options.address} doesn't answer"
            told |= dict.fromkeys(self._followers, silence)
        return told

    def note(self, seen: Seen) -> None:
        """Keep how an attempt stands, and tell its follower; an answer that was overtaken is passed over."""
        former = self.seen.get(seen.place)
        if former and former.serial > seen.serial:
            return
        self.seen[seen.place] = seen
        fresh = former is None or seen.reason != former.reason
        if seen.state is State.WAITING and seen.reason and fresh:
            level = logging.WARNING if seen.reason == UNMET else logging.DEBUG
            _log.log(level, "%s waits: %s", seen.place, seen.reason)
        if follower := self._followers.get(seen.place):
            follower.look(seen)

    async def adopt(self, places: Collection[str]) -> tuple[dict[str, Seen], float]:
        """Be told of ``places`` from now on; how those stand that the register knows.

        With it comes the loop's time from when the others are gone for sure: what ran under a former
        scheduler ends by itself. Their followers are told.

        :raises ClusterUnreachable: if the scheduler doesn't answer.
        """
        if not places:
            return {}, 0.0
        given: dict[str, Any] = {"owner": self.owner, "places": list(places)}
        answer = await self._cluster.on_scheduler(scheduler_side.follow, **given)
        found = {place: Seen.parse(told) for place, told in answer["heads"].items()}
        for seen in found.values():
            self.note(seen)
        settle = max(self._cluster.options.terms.settle - answer["stood"], 0.0)
        absent = asyncio.get_running_loop().time() + settle
        for place in set(places) - set(found):
            self.seen.pop(place, None)
            if follower := self._followers.get(place):
                follower.miss(absent)
        return found, absent

    # Followers

    async def follow(self, place: str) -> Follower:
        """Somebody wants the events of a place; there is one at a time."""
        follower = self._followers[place] = Follower(place)
        if seen := self.seen.get(place):
            follower.look(seen)
        elif self.connected.is_set():
            with contextlib.suppress(ClusterUnreachable):  # it is asked for after connecting again
                await self.adopt([place])
        return follower

    def leave(self, follower: Follower) -> None:
        """Nobody wants them any more."""
        if self._followers.get(follower.place) is follower:
            del self._followers[follower.place]
            for reader in self._readers.values():
                reader.remove(follower.place)

    def read_on(self, follower: Follower) -> None:
        """Have more read for a follower that has used up what it had."""
        if follower.seen and follower.seen.readable and not follower.whole:
            worker = follower.seen.worker
            if worker not in self._readers:
                self._readers[worker] = Reader(self._cluster, worker, self.owner)
            self._readers[worker].add(follower)

    async def settled(self, seen: Seen) -> None:
        """Return when nothing of a lost attempt can run any more.

        A worker on the same machine can see that; otherwise what remains of the time is waited for in which
        a worker that is cut off has ended its attempts.
        """
        remaining = seen.gone - asyncio.get_running_loop().time()
        if remaining <= 0:
            return
        looking = asyncio.create_task(self._witnessed(seen, remaining))
        try:
            async with asyncio.timeout(remaining):
                if not await asyncio.shield(looking):
                    await asyncio.sleep(remaining)
        except TimeoutError:
            pass
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _witnessed(self, seen: Seen, seconds: float) -> bool:
        if not seen.tethered:
            return False
        try:
            near = await self._cluster.on_scheduler(scheduler_side.neighbours, worker=seen.worker)
            if not near:
                return False
            given: dict[str, Any] = {"where": seen.machine, "folder": seen.folder}
            answers = await self._cluster.on_workers(
                near,
                worker_side.prove_gone,
                wait=seconds,
                place=seen.place,
                seconds=seconds,
                **given,
            )
        except QuarterdeckError:
            return False
        return any(answer is True for answer in answers)
