"""Small records in PostgreSQL, as jobs for the writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from ...core.base.clock import Clock
from ...core.base.kept import Heard
from ..kept import OF_HOME, KeptRows, Rows
from .connecting import Connection, Terms
from .listening import Listener
from .statements import load_named
from .writer import Job

_SQL = load_named("kept")


class PostgresKept(KeptRows):
    """A ``KeptStore`` beside the rest of a store; ``run`` queues a job for its writer.

    Followers hear of what other engines on the database change, too. ``home`` is the engine's place.
    """

    def __init__(
        self, run: Callable[[Job], asyncio.Future[Any]], terms: Terms, clock: Clock, home: str
    ) -> None:
        super().__init__()
        self._run = run
        self._home = home
        self._terms = terms
        self._clock = clock
        self._listener: Listener | None = None

    async def open(self, writer: Callable[[], int]) -> None:
        """Listen for other engines' changes, if anybody follows; ``writer`` is this engine's process.

        :raises StoreFault: if the server can't be reached.
        """
        listener = Listener(self._terms, self._clock, self._tell, self._tell_of_all, writer=writer)
        if self._followers:
            await listener.open()
        self._listener = listener

    async def close(self) -> None:
        """Listen no more."""
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.close()

    def follow_kept(self, heard: Heard) -> Callable[[], None]:
        """Tell ``heard`` of every change from now on; call the result to end that."""
        end = super().follow_kept(heard)
        if self._listener is not None:
            self._listener.begin()
        return end

    async def _tell_of_all(self) -> None:
        for kind, key in await self._do("keys_kept", {}):
            self._tell(kind, key)

    async def _do(self, name: str, values: Mapping[str, Any]) -> Rows:
        statement = _SQL[name]
        if values.get("kind") in OF_HOME:
            values = {**values, "kind": f"{values['kind']}@{self._home}"}

        async def job(connection: Connection) -> Rows:
            rows: Rows = await connection.fetch(statement.sql, *statement.values(values))
            return rows

        rows: Rows = await self._run(job)
        return rows
