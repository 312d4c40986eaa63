"""The writer's line to the server: one connection, and whether the last transaction was kept.

A connection can be lost while a commit is under way; then nobody knows whether it happened. So
each transaction notes its number in the writer's own row, and after connecting again the row tells.
The lock that a line holds makes sure that its predecessor's session is over by then.
"""

from __future__ import annotations

from ulid import ULID

from ...core.base.clock import Clock
from ...core.base.errors import QuarterdeckError
from ...core.base.ids import new_id
from . import translating
from .connecting import Connection, Terms, connect, let_go, until_back
from .driver import asyncpg


class Line:
    """Transactions one after the other; not for two callers at once."""

    def __init__(self, terms: Terms, clock: Clock) -> None:
        self._terms = terms
        self._clock = clock
        self._writer_id = new_id()
        self._lock = int(ULID.from_str(self._writer_id)) % 2**63
        self._connection: Connection | None = None
        self.process = 0  # of the server, for this line
        self._position = 0
        self._in_doubt = False
        self.reconnects = 0

    async def open(self) -> Connection:
        """Connect, for the first time.

        :raises StoreFault: a subclass for each cause.
        """
        self._connection = await connect(self._terms)
        return self._connection

    async def begin_writing(self) -> None:
        """Make the writer's row, once there is a schema."""
        connection = self._open_connection()
        self.process = connection.get_server_pid()
        await connection.execute(_LOCK, self._lock)
        await connection.execute(_DROP_OLD)
        await connection.execute(_ENTER, self._writer_id)

    async def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            await _quietly(connection, _LEAVE, self._writer_id)
        await let_go(connection)

    async def begin(self) -> Connection:
        """Begin a transaction; the connection to run it on."""
        connection = self._open_connection()
        await connection.execute("BEGIN")
        return connection

    async def commit(self) -> None:
        """Make the transaction durable, with its number in the same breath."""
        number = self._position + 1
        note = (
            f"UPDATE writers SET position = {number}, since = now() "  # noqa: S608  # both ours
            f"WHERE writer_id = '{self._writer_id}'"
        )
        self._in_doubt = True
        status = await self._open_connection().execute(f"{note}; COMMIT")
        if status != "COMMIT":
            raise asyncpg.InterfaceError(f"the connection answered a commit with {status}")
        self._in_doubt = False
        self._position = number

    async def roll_back(self) -> None:
        """Take back the transaction, if the connection still stands."""
        self._in_doubt = False
        connection = self._connection
        if connection is not None and not connection.is_closed() and connection.is_in_transaction():
            await connection.execute("ROLLBACK")

    def drop(self) -> None:
        """Let the connection go at once; the next transaction gets another one."""
        connection, self._connection = self._connection, None
        self._in_doubt = False
        if connection is not None:
            connection.terminate()

    async def reconnect(self) -> bool:
        """Wait for the server and connect again; whether the transaction under way was kept.

        :raises StoreUnreachable: if it stays away; ``StoreInDoubt``, if a commit was under way.
        """
        doubt, self._in_doubt = self._in_doubt, False
        await let_go(self._connection)
        self._connection = None
        since = self._clock.monotonic()
        try:
            kept = await until_back(self._come_back, self._terms, self._clock, since)
        except QuarterdeckError as fault:
            raise (translating.in_doubt(fault, self._terms.place) if doubt else fault) from fault
        self.reconnects += 1
        return doubt and kept

    async def _come_back(self) -> bool:
        connection = await connect(self._terms)
        try:
            kept = await self._take_up(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            await let_go(connection)
            raise translating.unreachable(self._terms.place, error) from error
        except BaseException:
            await let_go(connection)
            raise
        self._connection = connection
        return kept

    async def _take_up(self, connection: Connection) -> bool:
        """End what is left of the former session, then see how far it came."""
        await connection.execute(_END_FORMER, self.process)
        await connection.execute(_LOCK, self._lock)
        self.process = connection.get_server_pid()
        found = await connection.fetchval(_POSITION, self._writer_id)
        if found is None:  # the row went with a database that was restored
            await connection.execute(_ENTER, self._writer_id)
            found = 0
        kept = bool(found == self._position + 1)
        self._position = found
        return kept

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise ConnectionResetError("not connected")
        return self._connection


async def _quietly(connection: Connection, sql: str, *values: object) -> None:
    try:
        await connection.execute(sql, *values, timeout=2)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return  # the row is dropped with other old ones


_LOCK = "SELECT pg_advisory_lock($1)"
_ENTER = "INSERT INTO writers (writer_id, position) VALUES ($1, 0)"
_LEAVE = "DELETE FROM writers WHERE writer_id = $1"
_DROP_OLD = "DELETE FROM writers WHERE since < now() - interval '90 days'"
_POSITION = "SELECT position FROM writers WHERE writer_id = $1"
_END_FORMER = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = $1 AND application_name = 'quarterdeck' AND usename = current_user
    AND pid <> pg_backend_pid()
"""
