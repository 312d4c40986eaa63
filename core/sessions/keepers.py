"""The keepers of this machine, as processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path

from .keeper.items import StopReport
from .keeper.leftovers import end_leftovers
from .keeper.link import KeeperLink
from .keeper.places import (
    FoundKeeper,
    KeeperPlaces,
    clean_places,
    erase_places,
    find_keepers,
    keeper_lives,
)
from .keeper.recording import PostMortem, post_mortem
from .keeper.spawn import ChildSpec, spawn_keeper
from .ports import Link

FIRST_LOOK, LONGEST_PAUSE = 0.005, 0.2
"""Seconds until the first look whether a keeper has ended; the next ones come later and later."""


class LocalKeepers:
    """Keepers as processes of this user; implements ``ports.Keepers``. Disks are asked in threads."""

    async def spawn(self, spec: ChildSpec, places: KeeperPlaces, *, seconds: float) -> int:
        """Start a keeper and its child; the keeper's process id."""
        handle = await spawn_keeper(spec, places, timeout=seconds)
        return handle.keeper_pid

    async def connect(self, places: KeeperPlaces, *, epoch: int, offset: int | None) -> Link:
        """The link to a keeper, bringing its output from ``offset`` on; ``None``: from now on."""
        return await KeeperLink.connect(places, epoch=epoch, from_offset=offset)

    async def ended(self, places: KeeperPlaces, seconds: float) -> bool:
        """Whether the keeper there has ended, or does so within ``seconds``."""
        pause, over = FIRST_LOOK, asyncio.get_running_loop().time() + seconds
        while await asyncio.to_thread(keeper_lives, places):
            if asyncio.get_running_loop().time() >= over:
                return False
            await asyncio.sleep(pause)  # nobody tells the end of a process that is not our child
            pause = min(pause * 2, LONGEST_PAUSE)
        return True

    async def post_mortem(self, places: KeeperPlaces) -> PostMortem | None:
        """How the child of a keeper that is gone ended."""
        return await asyncio.to_thread(post_mortem, places)

    async def end(self, keeper_pid: int) -> None:
        """Send a keeper SIGTERM, on which it ends its child's tree and then itself."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper_pid, signal.SIGTERM)

    async def end_leftovers(self, places: KeeperPlaces, grace: float) -> StopReport:
        """End the processes that a keeper which is gone has left."""
        return await end_leftovers(places, grace=grace)

    async def found(self, state_dir: Path) -> list[FoundKeeper]:
        """Every keeper's place under ``state_dir``."""
        return await asyncio.to_thread(find_keepers, state_dir)

    async def erase(self, places: KeeperPlaces) -> None:
        """Remove what a keeper that is gone has left on disk."""
        await asyncio.to_thread(erase_places, places)

    async def clean(self, state_dir: Path, keep: Collection[str]) -> int:
        """Remove what keepers that are gone have left, but for the keys in ``keep``."""
        return await asyncio.to_thread(clean_places, state_dir, keep)
