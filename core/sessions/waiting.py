"""Waiting for something to come true, without polling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Waiting:
    """Those who wait for a change of one thing; ``changed`` lets each of them look again."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    async def until(self, wanted: Callable[[], bool], seconds: float | None) -> bool:
        """Whether ``wanted`` came true within ``seconds``; looked at now and after every change.

        With ``None`` it waits as long as it takes.
        """
        try:
            async with asyncio.timeout(seconds):
                while not wanted():
                    await self._change()
        except TimeoutError:
            return wanted()
        return True

    async def _change(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(future)
        try:
            await future
        finally:
            self._waiters.discard(future)

    def changed(self) -> None:
        """Let everyone look again."""
        for future in self._waiters:
            if not future.done():
                future.set_result(None)
