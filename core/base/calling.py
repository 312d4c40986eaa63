"""Calling what users register, sync or async, without ever blocking the loop."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

MOST_THREADS = 64


def is_async(called: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine; partials and callable objects count as what they are."""
    while isinstance(called, partial):
        called = called.func
    return inspect.iscoroutinefunction(called) or inspect.iscoroutinefunction(
        getattr(called, "__call__", None)  # noqa: B004  # its kind is asked for, not whether it is there
    )


class Threads:
    """Threads for sync callables, at most ``limit`` at once; made when the first is called.

    A call that is cancelled is given up at once; its thread goes on to the function's own end.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = min(limit or MOST_THREADS, MOST_THREADS)
        self._pool: ThreadPoolExecutor | None = None

    async def call(self, called: Callable[..., Any], *given: Any) -> Any:
        """What ``called`` returns or raises; an awaitable that it returns is awaited."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._limit, "quarterdeck-task")
        context = contextvars.copy_context()

        def job() -> tuple[Any, BaseException | None]:
            return context.run(_caught, called, given)

        ended = await asyncio.get_running_loop().run_in_executor(self._pool, job)
        value, error = ended
        if error is not None:
            raise error
        if inspect.isawaitable(value):
            return await value
        return value

    def close(self) -> None:
        """Let the threads end; calls under way are not waited for."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _caught(called: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
    """The value or the error as a value: a future can't carry every exception."""
    try:
        return called(*given), None
    except StopIteration as error:
        return None, RuntimeError(f"The handler raised StopIteration: {error}")
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is the attempt's end
        return None, error
