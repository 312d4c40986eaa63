"""Small records in PostgreSQL, as jobs for the writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from ..kept import KeptRows, Rows
from .connecting import Connection
from .statements import load_named
from .writer import Job

_SQL = load_named("kept")


class PostgresKept(KeptRows):
    """A ``KeptStore`` beside the rest of a store; ``run`` queues a job for its writer."""

    def __init__(self, run: Callable[[Job], asyncio.Future[Any]]) -> None:
        super().__init__()
        self._run = run

    async def _do(self, name: str, values: Mapping[str, Any]) -> Rows:
        statement = _SQL[name]

        async def job(connection: Connection) -> Rows:
            rows: Rows = await connection.fetch(statement.sql, *statement.values(values))
            return rows

        rows: Rows = await self._run(job)
        return rows
