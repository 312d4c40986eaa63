"""Calls from afar that wait until there is something to tell."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable


class Waiting:
    """At most one call waits for each owner: a later one ends the former, which then has nothing to tell."""

    def __init__(self) -> None:
        self._waiters: dict[str, Future[None]] = {}

    async def until(self, owner: str, ready: Callable[[], bool], seconds: float) -> None:
        """Return when ``ready`` holds, another call of ``owner`` comes, or the time is over."""
        self.release(owner)
        deadline = asyncio.get_running_loop().time() + seconds
        while not ready():
            waiter: Future[None] = asyncio.get_running_loop().create_future()
            self._waiters[owner] = waiter
            try:
                async with asyncio.timeout_at(deadline):
                    await waiter
            except TimeoutError:
                return
            finally:
                mine = self._waiters.get(owner) is waiter
                if mine:
                    del self._waiters[owner]
            if not mine:
                return

    def release(self, owner: str) -> None:
        """End the call that waits for ``owner``."""
        waiter = self._waiters.pop(owner, None)
        if waiter and not waiter.done():
            waiter.set_result(None)

    def wake(self) -> None:
        """Have every call look again."""
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_result(None)
