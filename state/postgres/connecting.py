"""Connections: how they are set up, and waiting for a server that comes back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ...core.base.clock import Clock
from ...core.base.errors import QuarterdeckError
from ...core.base.retry import RetryPolicy
from . import translating
from .driver import asyncpg

T = TypeVar("T")

SCHEMA = "quarterdeck"
BACK_OFF = RetryPolicy(max_attempts=10**9, initial_delay=0.05, max_delay=2.0)
CONNECT_SECONDS = 10

Connection = Any
"""An asyncpg connection; the driver has no types of its own."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a server is reached. ``patience`` in seconds is how long one that is gone is waited for."""

    url: str
    full: bool
    patience: float

    @property
    def place(self) -> str:
        """The URL for messages."""
        return translating.place_of(self.url)

    def settings(self) -> dict[str, str]:
        """What the server is told for each session."""
        found = {
            "application_name": "quarterdeck",
            "search_path": SCHEMA,
            "default_transaction_isolation": "read committed",
            # A frozen process must not hold its locks for ever.
            "idle_in_transaction_session_timeout": "60s",
        }
        if self.full:
            found["synchronous_commit"] = "on"
        return found


async def connect(terms: Terms) -> Connection:
    """One connection.

    :raises StoreFault: a subclass for each cause.
    """
    try:
        return await asyncpg.connect(
            terms.url, server_settings=terms.settings(), timeout=CONNECT_SECONDS
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise _fault(error, terms) from error


def _fault(error: Exception, terms: Terms) -> QuarterdeckError:
    if isinstance(error, ValueError | asyncpg.ClientConfigurationError):
        return translating.bad_url(terms.place, error)
    return translating.fault_of(error, terms.place)


async def until_back(
    attempt: Callable[[], Awaitable[T]], terms: Terms, clock: Clock, since: float
) -> T:
    """What ``attempt`` gives, tried again with back-off while the server is away.

    ``since`` is when it went (``clock.monotonic``).

    :raises StoreUnreachable: if it stays away longer than the patience.
    """
    tries = 0
    while True:
        try:
            return await attempt()
        except QuarterdeckError as fault:
            tries += 1
            pause = BACK_OFF.delay(tries)
            gone = clock.monotonic() - since
            if fault.code != "store_unreachable" or gone + pause > terms.patience:
                raise
            await asyncio.sleep(pause)


async def let_go(connection: Connection | None) -> None:
    """Close a connection that may be broken."""
    if connection is not None:
        with contextlib.suppress(Exception):
            await connection.close(timeout=2)
        if not connection.is_closed():
            connection.terminate()
