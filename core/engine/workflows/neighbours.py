"""Other engines on the same store: what they leave is looked for, what they drive is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ...base.errors import QuarterdeckError
from ...telemetry.logs import logger

_log = logger("engine.workflows")


class Neighbours:
    """Calls ``look`` every so many ``seconds``; with ``None`` there are no other engines."""

    def __init__(self, seconds: float | None, look: Callable[[], Awaitable[None]]) -> None:
        self._seconds = seconds
        self._look = look
        self._looked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def there(self) -> bool:
        """Whether there may be other engines."""
        return self._seconds is not None

    def begin(self) -> None:
        """Look from now on."""
        if self._seconds is not None:
            self._task = asyncio.get_running_loop().create_task(self._go_on(self._seconds))

    async def close(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def looked(self) -> None:
        """Wait until it was looked once more."""
        await self._looked.wait()

    async def _go_on(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await self._look()
            except QuarterdeckError as fault:
                _log.error("workflows could not be looked for", fault)
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()
