"""Small things done beside the work, none of which is lost at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ...telemetry.logs import logger

_log = logger("engine.safety")


class Errands:
    """Tasks that nobody waits for; a failure is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, Any], what: str) -> asyncio.Task[None]:
        """Do ``work`` beside all else."""
        task = asyncio.get_running_loop().create_task(_logged(work, what), name=f"safety-{what}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, work: Coroutine[Any, Any, Any], what: str) -> None:
        """Do ``work`` to its end, even if whoever waits for it is cancelled meanwhile."""
        await asyncio.shield(self.run(work, what))

    async def close(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


async def _logged(work: Coroutine[Any, Any, Any], what: str) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001  # nobody waits for it
        _log.error("could not be done", error, what=what)
