"""What runs on the cluster's workers: the desk, and the one task that Dask is handed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, cast

from distributed import get_worker
from distributed.core import clean_exception
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.protocol.pickle import dumps

from ....sessions.keeper.leftovers import NOBODY
from ....sessions.keeper.places import KeeperPlaces, keeper_lives, places_for
from ....sessions.keeper.tree import HAS_PROC, find_tree
from . import scheduler_side
from .desk import Desk, machine, worker_folder
from .wire import NAME, NotReady, key_of

LOOK = 0.05
"""Seconds between two looks for processes that are not ours, and whose end nobody tells."""


class Shim(WorkerPlugin):  # type: ignore[misc]  # typed by Dask as it is at run time only
    """The desk of one worker, which ends with it."""

    name = NAME
    idempotent = True

    def __init__(self) -> None:
        self.desk: Desk

    def setup(self, worker: Any) -> None:
        """The worker has this plugin from now on."""

        async def ask(what: str, /, **given: Any) -> Any:
            return await call_scheduler(worker, scheduler_side.ask, what=what, **given)

        self.desk = Desk(worker_folder(worker.local_directory), worker.address, ask)

    async def teardown(self, worker: Any) -> None:
        """The worker ends, or loses this plugin."""
        await self.desk.close()


async def call_scheduler(worker: Any, function: Any, /, **given: Any) -> Any:
    """What a function gives on the scheduler of ``worker``."""
    answer = await worker.scheduler.run_function(
        function=dumps(function), args=dumps(()), kwargs=dumps(given)
    )
    if answer["status"] == "OK":
        return answer["result"]
    _, error, trace = clean_exception(**answer)
    raise (error or RuntimeError("the scheduler refused")).with_traceback(trace)


def desk_of(worker: Any) -> Desk:
    """The desk of a worker.

    :raises NotReady: if it has none.
    """
    if NAME not in worker.plugins:
        raise NotReady(f"{worker.address} has no desk of Quarterdeck's yet")
    return cast("Shim", worker.plugins[NAME]).desk


async def run_leaf(order: dict[str, Any]) -> str:
    """The task that Dask is handed: one attempt, from its claim to its end."""
    return await desk_of(get_worker()).run(order)


async def read(
    dask_worker: Any, owner: str, wanted: dict[str, tuple[int, bool]], seconds: float
) -> dict[str, dict[str, Any]]:
    """See ``Desk.read``."""
    return await desk_of(dask_worker).read(owner, wanted, seconds)


async def stop(dask_worker: Any, place: str, grace: float) -> bool:
    """See ``Desk.stop``."""
    return await desk_of(dask_worker).stop(place, grace)


async def forget(dask_worker: Any, place: str) -> None:
    """See ``Desk.forget``."""
    await desk_of(dask_worker).forget(place)


async def prove_gone(where: str, folder: str, place: str, seconds: float) -> bool:
    """Whether nothing of an attempt runs on this machine any more, within ``seconds``; only if it is ``where``."""
    if not HAS_PROC or not where or machine() != where:
        return False
    places = places_for(Path(folder), key_of(place))
    until = time.monotonic() + seconds
    while await asyncio.to_thread(still_there, places):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(LOOK)
    return True


def still_there(places: KeeperPlaces) -> bool:
    """Whether an attempt's keeper lives, or any process that it kept."""
    return keeper_lives(places) or bool(find_tree(NOBODY, 0, places.marker.encode()))
