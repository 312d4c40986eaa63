"""Trying again what failed for a passing reason: the retry policy of ``base``, driven by tenacity."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from ..base.clock import Random
from ..base.retry import RetryPolicy
from ..telemetry.logs import logger
from ..telemetry.ports import MetricsCollector

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

TRANSIENT = RetryPolicy(max_attempts=4, initial_delay=0.05, max_delay=1.0, jitter=0.5)

_log = logger("engine.retrying")


def is_transient(error: BaseException) -> bool:
    """Whether the cause passes by itself, as its class says."""
    return bool(getattr(error, "transient", False))


async def retried(
    operation: Callable[[], Awaitable[T]],
    name: str,
    metrics: MetricsCollector,
    *,
    policy: RetryPolicy = TRANSIENT,
    sleep: Sleep | None = None,
    random: Random | None = None,
) -> T:
    """The result of ``operation``, tried again after transient failures, as ``policy`` says.

    Cancelling works in the wait, too. The last failure is raised as it is.
    """
    chance = random or Random()

    async def attempt() -> T:
        # tenacity awaits only what it can see to be a coroutine function.
        return await operation()

    def wait(state: RetryCallState) -> float:
        return policy.delay(state.attempt_number, chance)

    def note(state: RetryCallState) -> None:
        why = state.outcome.exception() if state.outcome else None
        metrics.increment_counter("retries", {"operation": name})
        _log.warning("tried again", operation=name, attempt=state.attempt_number, why=str(why))

    retrying = AsyncRetrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(policy.max_attempts),
        wait=wait,
        sleep=sleep or asyncio.sleep,
        before_sleep=note,
        reraise=True,
    )
    return await retrying(attempt)
