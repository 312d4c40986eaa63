"""How long a stop may take, and what becomes of that when it is forced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..base.clock import Clock
from ..telemetry.logs import logger

SAVE_SECONDS = 5.0
GIVING_UP = 1.0
"""Seconds that cancelled work may take to end."""

_log = logger("engine.budget")


class Budget:
    """The seconds left of a stop; ``force`` takes them away.

    What must be saved gets a tenth of them, 5 seconds at most, even when none are left.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.monotonic() + seconds
        self._least = min(SAVE_SECONDS, seconds / 10)
        self._forced = asyncio.Event()

    @property
    def left(self) -> float:
        """Seconds left; 0.0 if there are none, or the stop is forced."""
        if self._forced.is_set():
            return 0.0
        return max(0.0, self._until - self._clock.monotonic())

    def force(self) -> None:
        """Leave no more time than what must be saved needs."""
        self._forced.set()

    async def spend(
        self, name: str, work: Callable[[], Awaitable[Any]], *, share: float = 1.0, save: bool
    ) -> bool:
        """Whether ``work`` was done in this share of the time left; ``save``: it must be saved.

        It runs in a task of its own, so that whoever waits for the stop may be cancelled without
        harm. A failure is logged and counts as done; work that takes too long is cancelled.
        """
        least = self._least if save else 0.0
        task = asyncio.ensure_future(_logged(name, work))
        forced = asyncio.ensure_future(self._forced.wait())
        try:
            await asyncio.wait(
                {task, forced},
                timeout=max(self.left * share, least),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not task.done() and self._forced.is_set():
                await asyncio.wait({task}, timeout=least)
        finally:
            forced.cancel()
        if task.done():
            return True
        _log.warning("a step of the stop took too long and was given up", step=name)
        task.cancel()
        await asyncio.wait({task}, timeout=GIVING_UP)
        return False


async def _logged(name: str, work: Callable[[], Awaitable[Any]]) -> None:
    try:
        await work()
    except Exception as error:  # noqa: BLE001  # the next step of the stop is taken all the same
        _log.error("a step of the stop failed", error, step=name)
