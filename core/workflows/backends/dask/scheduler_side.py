"""What runs on the cluster's scheduler: the register, kept up to date by what Dask tells its plugins."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

from distributed.comm.addressing import get_address_host
from distributed.diagnostics.plugin import SchedulerPlugin

from .register import Register, State
from .waiting import Waiting
from .wire import NAME, PROTOCOL, UNMET, NotReady, dask_key

WAITS = {
    "no-worker": UNMET,
    "queued": "every worker of the cluster is busy",
    "processing": "it waits for its turn on its worker",
}
"""The states of Dask's tasks in which attempts wait, in words for people."""


class Board(SchedulerPlugin):  # type: ignore[misc]  # typed by Dask as it is at run time only
    """The register of one scheduler, and the calls that wait for its changes."""

    name = NAME
    idempotent = True

    def __init__(self) -> None:
        self.register = Register(time.monotonic)
        self.waiting = Waiting()
        self.places: dict[str, str] = {}  # by their key in Dask
        self._scheduler: Any = None

    async def start(self, scheduler: Any) -> None:
        """The scheduler has this plugin from now on."""
        self._scheduler = scheduler

    def keep(self, place: str) -> str:
        """Know a place by its key in Dask; the key."""
        key = dask_key(place)
        self.places[key] = place
        return key

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """A task of Dask's is in another state."""
        place = self.places.get(key)
        if place is None:
            return
        head = self.register.heads.get(place)
        if finish in WAITS and (
            head is None or head.state is State.ENDED
        ):  # withdrawn on its way here
            asyncio.get_running_loop().call_soon(take_back, self._scheduler, place)
        elif finish == "erred":
            self.register.lose(
                place, f"its worker could not take it: {kwargs.get('exception_text')}"
            )
        elif finish == "forgotten":
            self.places.pop(key, None)
            self.register.lose(place, "it was taken from the cluster's queue")
        elif reason := WAITS.get(finish):
            self.register.note(place, reason)
        self.waiting.wake()

    def remove_worker(self, scheduler: Any, worker: str, **kwargs: Any) -> None:
        """A worker has left, or was given up."""
        self.register.lose_worker(worker)
        self.waiting.wake()


def describe() -> dict[str, Any]:
    """What is installed here; asked for at connect, on every machine."""
    return {"protocol": PROTOCOL}


def board_of(scheduler: Any) -> Board:
    """The board of a scheduler.

    :raises NotReady: if it has none, as a fresh one.
    """
    if NAME not in scheduler.plugins:
        raise NotReady("the scheduler has no register of Quarterdeck's yet")
    return cast("Board", scheduler.plugins[NAME])


def ask(dask_scheduler: Any, what: str, **given: Any) -> Any:
    """Call a method of the register, at one moment, and wake those who wait for what it changes."""
    board = board_of(dask_scheduler)
    answer = getattr(board.register, what)(**given)
    board.waiting.wake()
    return answer


def announce(dask_scheduler: Any, place: str, **given: Any) -> tuple[dict[str, Any], bool]:
    """Enter an attempt: how it stands, and whether it is to be handed to Dask."""
    board = board_of(dask_scheduler)
    head = board.register.announce(place, **given)
    key = board.keep(place)
    board.waiting.wake()
    wanted = head.state is State.WAITING and key not in dask_scheduler.tasks
    return board.register.tell(head), wanted


async def changes(dask_scheduler: Any, owner: str, since: int, seconds: float) -> dict[str, Any]:
    """What changed for ``owner``, as soon as something has; an empty list when the time is over."""
    board = board_of(dask_scheduler)
    register = board.register
    register.sweep(lambda place: dask_key(place) in dask_scheduler.tasks)
    await board.waiting.until(owner, lambda: register.changed(owner, since), seconds)
    return {"serial": register.serial, "heads": register.changes(owner, since)}


def follow(dask_scheduler: Any, owner: str, places: list[str]) -> dict[str, Any]:
    """What is known of ``places``, from now on told to ``owner``; and for how long this board has stood."""
    board = board_of(dask_scheduler)
    board.register.follow(owner, places)
    stood = time.monotonic() - board.register.opened
    return {"heads": board.register.standing(places), "stood": stood}


def settle(dask_scheduler: Any, places: list[str]) -> None:
    """Give up what was announced and is no task, since its engine died in between."""
    board = board_of(dask_scheduler)
    for place in places:
        head = board.register.heads.get(place)
        if head and head.state is State.WAITING and dask_key(place) not in dask_scheduler.tasks:
            board.register.lose(place, "it never reached the cluster's queue")
    board.waiting.wake()


def release(dask_scheduler: Any, owner: str) -> None:
    """End the call that waits for ``owner``."""
    board_of(dask_scheduler).waiting.release(owner)


def neighbours(dask_scheduler: Any, worker: str) -> list[str]:
    """The workers at the same host as one that has left."""
    host = get_address_host(worker)
    return [one for one in dask_scheduler.workers if get_address_host(one) == host]


def take_back(dask_scheduler: Any, place: str) -> None:
    """Have Dask forget a task that must not begin any more."""
    key = dask_key(place)
    task = dask_scheduler.tasks.get(key)
    for client in list(task.who_wants or ()) if task else ():
        dask_scheduler.client_releases_keys(
            keys=[key], client=client.client_key, stimulus_id=f"{NAME}-take-back"
        )
