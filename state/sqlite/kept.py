"""Small records in SQLite, as jobs for the writer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from ..kept import KeptRows, Rows
from .leasing import Job
from .statements import load_statements

_SQL = load_statements("kept")


class SqliteKept(KeptRows):
    """A ``KeptStore`` beside the rest of a store; ``run`` queues a job for its writer."""

    def __init__(self, run: Callable[[Job], asyncio.Future[Any]]) -> None:
        super().__init__()
        self._run = run

    async def _do(self, name: str, values: Mapping[str, Any]) -> Rows:
        def job(connection: sqlite3.Connection) -> Rows:
            return connection.execute(_SQL[name], values).fetchall()

        rows: Rows = await self._run(job)
        return rows
