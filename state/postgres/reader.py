"""Reads of what is committed, on connections of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from ...core.base.clock import Clock
from . import translating
from .connecting import CONNECT_SECONDS, Connection, Terms, until_back
from .driver import asyncpg
from .statements import Named, load_named
from .texts import from_kept

T = TypeVar("T")

CONNECTIONS = 4
CLOSE_SECONDS = 5.0

_FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)

_READS: Mapping[str, Named] = {
    **load_named("reads"),
    **load_named("workflow_reads"),
    **load_named("batch_reads"),
    **load_named("audit_reads"),
}


class Reader:
    """A few connections; a read that meets a lost one is made again when the server is back."""

    def __init__(self, terms: Terms, clock: Clock, home: str) -> None:
        self._terms = terms
        self._clock = clock
        self._home = home
        self._pool: Any = None

    async def open(self) -> None:
        """Connect.

        :raises StoreFault: if that fails.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self._terms.url,
                min_size=1,
                max_size=CONNECTIONS,
                server_settings=self._terms.settings(),
                timeout=CONNECT_SECONDS,
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise translating.fault_of(error, self._terms.place) from error

    async def close(self) -> None:
        """Disconnect; a second time does nothing."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), CLOSE_SECONDS)
        except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            pool.terminate()

    async def rows(self, name: str, given: Mapping[str, Any]) -> list[Sequence[Any]]:
        """The rows that the statement ``name`` gives.

        :raises StoreFault: if they can't be read.
        """
        return await self._reading(lambda connection: self._fetch(connection, name, given))

    async def several(
        self, names: Sequence[str], given: Mapping[str, Any]
    ) -> list[list[Sequence[Any]]]:
        """The rows that several statements give, all as of one moment."""

        async def fetch(connection: Connection) -> list[list[Sequence[Any]]]:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return [await self._fetch(connection, name, given) for name in names]

        return await self._reading(fetch)

    async def size(self) -> int:
        """The bytes that the tables and their indexes take."""
        sql = (
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class "
            "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        )

        async def fetch(connection: Connection) -> int:
            return int(await connection.fetchval(sql))

        return await self._reading(fetch)

    async def _fetch(
        self, connection: Connection, name: str, given: Mapping[str, Any]
    ) -> list[Sequence[Any]]:
        statement = _READS[name]
        values = statement.values({**given, "home": self._home})
        return [
            tuple(map(from_kept, row)) for row in await connection.fetch(statement.sql, *values)
        ]

    async def _reading(self, read: Callable[[Connection], Awaitable[T]]) -> T:
        async def attempt() -> T:
            if self._pool is None:
                raise translating.closed(self._terms.place)
            try:
                async with self._pool.acquire() as connection:
                    return await read(connection)
            except _FAILURES as error:
                raise translating.fault_of(error, self._terms.place) from error

        return await until_back(attempt, self._terms, self._clock, self._clock.monotonic())
