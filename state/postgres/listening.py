"""What other engines change in the small records, told as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ...core.base.clock import Clock
from ...core.base.errors import QuarterdeckError
from .connecting import BACK_OFF, Connection, Terms, connect, let_go
from .driver import asyncpg

CHANNEL = "quarterdeck_kept"
LISTEN_SECONDS = 10

_FAILURES = (QuarterdeckError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class Listener:
    """A connection of its own on which the server tells of changes; made again when it is lost.

    ``heard`` is given kind and key. ``missed`` is called when changes may have been missed: the
    connection was lost, or was not there at once.
    """

    def __init__(
        self,
        terms: Terms,
        clock: Clock,
        heard: Callable[[str, str], None],
        missed: Callable[[], Awaitable[None]],
        *,
        writer: Callable[[], int],
    ) -> None:
        self._terms = terms
        self._clock = clock
        self._heard = heard
        self._missed = missed
        self._writer = writer
        self._connection: Connection | None = None
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen from now on.

        :raises StoreFault: if the server can't be reached.
        """
        try:
            await self._listen()
        except BaseException:
            await self.close()
            raise
        self._task = asyncio.create_task(self._go_on(), name="listening")

    def begin(self) -> None:
        """Listen as soon as may be; what changes until then counts as missed."""
        if self._task is None:
            self._gone.set()
            self._task = asyncio.create_task(self._go_on(), name="listening")

    async def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        connection, self._connection = self._connection, None
        await let_go(connection)

    async def _go_on(self) -> None:
        tries = 0
        while True:
            await self._gone.wait()
            try:
                await self._listen()
                await self._missed()
                tries = 0
            except _FAILURES:
                self._gone.set()
                tries += 1
                await asyncio.sleep(BACK_OFF.delay(tries))

    async def _listen(self) -> None:
        former, self._connection = self._connection, None
        await let_go(former)
        connection = self._connection = await connect(self._terms)
        self._gone.clear()
        connection.add_termination_listener(self._lost)
        await connection.add_listener(CHANNEL, self._told)

    def _lost(self, connection: Connection) -> None:
        if connection is self._connection:
            self._gone.set()

    def _told(self, _connection: Connection, process: int, _channel: str, text: str) -> None:
        kind, found, key = text.partition("\n")
        if found and process != self._writer():
            self._heard(kind, key)
