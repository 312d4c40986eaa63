"""Ending what is left of a child whose keeper is gone."""

from __future__ import annotations

import asyncio
from functools import partial

from .child import POLITE
from .items import StopReport
from .places import KeeperPlaces, keeper_lives
from .tree import Stop, find_tree

NOBODY = -1


async def end_leftovers(places: KeeperPlaces, *, grace: float = 5.0) -> StopReport:
    """End the processes that a keeper which was killed has left, as its own stop would have.

    They are known by the keeper's marker in their environment alone: numbers of processes and
    sessions may belong to others by now. A keeper that lives is left to end its own.
    """
    if await asyncio.to_thread(keeper_lives, places):
        return StopReport((), (), ())
    find = partial(find_tree, NOBODY, 0, places.marker.encode())
    clock = asyncio.get_running_loop().time
    stop = Stop(find, POLITE["pipe"])
    stop.hasten(clock() + grace)
    while not await asyncio.to_thread(stop.advance, clock()):  # noqa: ASYNC110  # others' ends are not told
        await asyncio.sleep(stop.next - clock())
    return StopReport.of(stop.report())
