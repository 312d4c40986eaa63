"""Work that is done again whenever it is woken, one round at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Work = Callable[[], Awaitable[float | None]]
"""One round; gives the seconds after which the next is due, ``None`` for not before it is woken."""


class Rounds:
    """Does ``work`` at the start, when woken, and when it said it would be due."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin with a round at once."""
        self._woken.set()
        self._task = asyncio.get_running_loop().create_task(self._go())

    async def stop(self) -> None:
        """End, in the middle of a round if there is one."""
        task, self._task = self._task, None
        self._disarm()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def wake(self) -> None:
        """Let there be another round; several calls before it begins are one."""
        self._woken.set()

    async def _go(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            self._disarm()
            due = await self._work()
            if due is not None:
                self._timer = asyncio.get_running_loop().call_later(due, self.wake)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
