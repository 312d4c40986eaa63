"""One attempt on its worker: the child under a tethered keeper, and its output in a spool."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ....base.errors import QuarterdeckError
from ....sessions.keeper.items import Exited, Lost, Output
from ....sessions.keeper.items import Stream as KeeperStream
from ....sessions.keeper.leftovers import end_leftovers
from ....sessions.keeper.link import KeeperLink
from ....sessions.keeper.places import erase_places, places_for
from ....sessions.keeper.spawn import spawn_keeper
from ....sessions.keeper.spec import ChildSpec
from ..ports import Leaf, LeafEnded, LeafStarted, Stream
from .spool import Spool
from .wire import Terms

RING = 1024 * 1024
"""Bytes between keeper and spool; the spool takes them at once."""

LINGER = 60.0
NAMES = {KeeperStream.OUT: Stream.STDOUT, KeeperStream.ERR: Stream.STDERR}


class Attempt:
    """A leaf that was claimed by this worker.

    ``begun`` is set once the keeper's tether is held, or it failed before. ``ended`` is set once the whole tree is gone; ``lost`` says instead why its end is not known, ``proven`` that nothing of it is left all the same.
    ``changed`` is called whenever there is more to tell.
    """

    def __init__(self, leaf: Leaf, terms: Terms, folder: Path, changed: Callable[[], None]) -> None:
        self.leaf, self._terms = leaf, terms
        self.places = places_for(folder, leaf.key)
        self.spool = Spool(folder / "spool" / self.places.folder.name, leaf.log_limit)
        self.started: LeafStarted | None = None
        self.ended: LeafEnded | None = None
        self.lost = ""
        self.proven = False
        self._changed = changed
        self._link: KeeperLink | None = None
        self._exit: Exited | None = None
        self._grace: float | None = None  # once it is to be cancelled
        self._taken = 0
        self._until: int | None = None  # the end of all output, once the tree is gone
        self.begun = asyncio.Event()
        self._over = asyncio.Event()

    @property
    def living(self) -> bool:
        """Whether processes of it may run."""
        return self.ended is None and not self.lost

    async def run(self) -> None:
        """Start it and follow it to its end; cancelled, it lets go, and the keeper ends the tree."""
        try:
            await spawn_keeper(self._spec(), self.places)
            link = await KeeperLink.connect(self.places, epoch=0)
            async with link:
                await self._hold(link)
            await self._conclude()
        except QuarterdeckError as fault:
            self._end(error=fault.message)
        except OSError as error:
            self._end(error=f"the worker could not run it: {error}")
        finally:
            self._link = None
            self.begun.set()
            self._over.set()
            self._changed()

    def _spec(self) -> ChildSpec:
        leaf = self.leaf
        return ChildSpec(
            argv=leaf.command,
            cwd=leaf.cwd,
            env={**os.environ, **leaf.env},
            session_id=leaf.key,
            mode="pipe",
            ring_bytes=RING,
            linger=LINGER,
            grace=min(leaf.grace, self._terms.grace),
            input=leaf.stdin,
            tether=self._terms.lease,
        )

    async def _hold(self, link: KeeperLink) -> None:
        facts = link.welcome
        where = f"{socket.gethostname()}, process {facts.child_pid}"
        self._link = link
        self.started = LeafStarted(facts.started_at, facts.child_pid, where)
        self.begun.set()
        self._changed()
        async with asyncio.TaskGroup() as group:
            if self._grace is not None:
                group.create_task(self._stop(link, self._grace))
            await self._follow(link, group)

    async def _follow(self, link: KeeperLink, group: asyncio.TaskGroup) -> None:
        async for item in link.items():
            match item:
                case Output(offset, stream, data):
                    self.spool.append(NAMES[stream], data)
                    self._taken = offset + len(data)
                    self._changed()
                case Lost(offset):
                    self._taken = offset
                case Exited():
                    self._exit = item
                    group.create_task(self._wind_up(link))
                case _:
                    pass
            if self._until is not None and self._taken >= self._until:
                return

    async def _wind_up(self, link: KeeperLink) -> None:
        """End what the child left running, and find where its output ends."""
        with contextlib.suppress(QuarterdeckError):  # the keeper is gone, which the items tell, too
            await link.stop(self.leaf.grace)
            self._until = (await link.look()).ring_end
            if self._taken >= self._until:
                await link.detach()

    async def stop(self, grace: float) -> None:
        """End the whole tree; returns when it is gone."""
        self._grace = grace
        if self._link:
            await self._stop(self._link, grace)
        await self._over.wait()

    async def _stop(self, link: KeeperLink, grace: float) -> None:
        with contextlib.suppress(QuarterdeckError):
            await link.stop(grace)

    async def _conclude(self) -> None:
        if self._exit:
            self._end(self._exit.code, self._exit.signal)
            return
        await end_leftovers(self.places, grace=self.leaf.grace)
        self.lost, self.proven = "its keeper is gone, and its processes were ended", True

    def _end(self, code: int | None = None, signal: int | None = None, error: str = "") -> None:
        cancelled = self._grace is not None
        said = error or self.spool.fault
        self.ended = LeafEnded(datetime.now(UTC), code, signal, said, cancelled)

    def erase(self) -> None:
        """Remove what is left of it on disk."""
        self.spool.erase()
        erase_places(self.places)
