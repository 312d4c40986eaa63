"""What is made whole once it has begun."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unbroken(beginning: Coroutine[Any, Any, T]) -> T:
    """Begin it whole, even if that is cancelled meanwhile: what is begun by half can't be ended."""
    task = asyncio.ensure_future(beginning)
    try:
        return await asyncio.shield(task)
    except CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # whoever cancelled does not want to know
        raise
