"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE = 60.0


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Return once ``condition`` holds.

    :raises TimeoutError: if it does not within ``patience`` seconds.
    """
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.001)
