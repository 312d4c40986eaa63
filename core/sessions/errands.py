"""Work that runs beside: nobody waits for it, and it is not forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..base.errors import QuarterdeckError
from ..telemetry.logs import logger

_log = logger("sessions.errands")


class Errands:
    """Tasks beside the commands. Each reports what a person should know; the rest is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Begin ``work``."""
        task = asyncio.create_task(_logged(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Wait until all of it is done, what it begins meanwhile included."""
        while self._tasks:
            await asyncio.wait(self._tasks)


async def _logged(work: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await work
    except QuarterdeckError as error:
        _log.warning("an errand failed", errand=name, code=error.code, reason=error.message)
    except Exception as error:  # noqa: BLE001  # nobody else would hear of it
        _log.error("an errand failed", error, errand=name)
