"""The store on PostgreSQL: one writer, and readers beside it. Several engines may share a database."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...core.base.clock import Clock
from ...core.engine.records import Change, Retention, StoreNotice, StoreStatistics
from ...core.telemetry.audit import ChainHead
from ...core.workflows.records import Lease, TaskRecord, WorkflowRecord
from ...core.workflows.statuses import WorkflowStatus
from .. import workflow_rows as wr
from ..faults import BadStoreSetting
from ..reads import Reads
from ..settings import BOUND, check_durability
from ..stamps import to_text
from . import leasing, translating
from .connecting import Connection, Terms
from .driver import asyncpg
from .kept import PostgresKept
from .line import Line
from .migrating import Migrations, migrate
from .pruning import prune
from .reader import Reader
from .rows import ENTER_ENGINE
from .statements import load_migrations
from .writer import Writer

PATIENCE = 30.0
"""Seconds for which a server that is gone is waited for."""

SCHEMES = ("postgresql", "postgres")


def open_store(
    url: str, *, clock: Clock, durability: str = "normal", home: str = ""
) -> PostgresStore:
    """The store at ``postgresql://user@host/database``, not yet opened.

    ``home`` names the engine's place: sessions and events are kept for each home, workflows for
    all. Without one it is the machine's name.

    :raises BadStoreSetting: if the URL or the durability is none.
    """
    if url.partition("://")[0] not in SCHEMES:
        raise BadStoreSetting(
            f"{translating.place_of(url)} is no URL of this store. Write "
            "postgresql://user@host/database."
        )
    return PostgresStore(url, clock=clock, durability=durability, home=home)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an open store is made of."""

    reader: Reader
    writer: Writer
    line: Line


class PostgresStore(Reads):
    """A ``Store`` in the schema ``quarterdeck`` of a database. Belongs to the loop that opened it.

    ``durability`` ``normal`` leaves it to the server when a commit is on disk (by default at once),
    ``full`` insists on it. ``bound`` is the number of pending transactions above which ``ready``
    waits; ten times as many are refused. ``patience`` in seconds is how long a server that is gone
    is waited for before what is pending fails.
    """

    _no_audit_head = ChainHead()

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        durability: str = "normal",
        home: str = "",
        bound: int = BOUND,
        patience: float = PATIENCE,
        migrations: Migrations | None = None,
    ) -> None:
        self.durability = check_durability(durability)
        self.notices: list[StoreNotice] = []
        self.home = home or socket.gethostname()
        self._terms = Terms(url, self.durability == "full", patience)
        self._clock = clock
        self._bound = bound
        self._migrations = load_migrations() if migrations is None else migrations
        self._open: _Parts | None = None
        self._closing: asyncio.Task[None] | None = None
        self._bytes = 0
        self.kept = PostgresKept(
            lambda job: self._parts.writer.run(job),  # noqa: PLW0108  # open only later
            self._terms,
            clock,
            self.home,
        )

    async def open(self) -> None:
        """Connect, and bring the schema up to date; an open one stays as it is.

        :raises StoreFault: a subclass for each cause.
        """
        if self._open is not None:
            return
        if self._closing is not None:
            await asyncio.shield(self._closing)
        line = Line(self._terms, self._clock)
        reader = Reader(self._terms, self._clock, self.home)
        try:
            self.notices = await self._prepare(line)
            await reader.open()
            last = await self._last_sequence(reader)
            await self.kept.open(lambda: line.process)
        except BaseException:
            await self.kept.close()
            await reader.close()
            await line.close()
            raise
        writer = Writer(
            line,
            self._clock,
            place=self._terms.place,
            home=self.home,
            bound=self._bound,
            last_sequence=last,
        )
        self._open = _Parts(reader, writer, line)
        self._closing = None

    async def close(self) -> None:
        """Write what is pending, and disconnect; goes on if its awaiter is cancelled."""
        if self._open is not None:
            parts, self._open = self._open, None
            self._closing = asyncio.create_task(_close(parts, self.kept))
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def begin(self, engine_id: str) -> int:
        """Enter a new engine; its epoch is above that of every other one on this database."""
        began_at = to_text(self._clock.now())

        async def enter(connection: Connection) -> int:
            return int(await connection.fetchval(ENTER_ENGINE, engine_id, began_at, self.home))

        return int(await self._parts.writer.run(enter))

    def commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        """Queue ``changes`` as one transaction.

        While the server is away they wait for it, up to the store's patience.
        """
        if self._open is not None:
            return self._open.writer.commit(changes)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(translating.closed(self._terms.place))
        return future

    def commit_each(self, transactions: Sequence[Sequence[Change]]) -> list[asyncio.Future[None]]:
        """Queue each as a transaction; they share a trip to the server."""
        return [self.commit(changes) for changes in transactions]

    async def ready(self) -> None:
        """Wait while more transactions are pending than the bound."""
        await self._parts.writer.ready()

    async def instance(self, workflow_id: str) -> tuple[WorkflowRecord, list[TaskRecord]] | None:
        """One instance with its tasks, both as of one moment."""
        found, tasks = await self._parts.reader.several(
            ("workflow", "tasks"), {"workflow": workflow_id}
        )
        if not found:
            return None
        return wr.workflow_of(found[0]), [wr.task_of(row) for row in tasks]

    async def lease(
        self,
        engine_id: str,
        *,
        until: datetime,
        now: datetime,
        statuses: Collection[WorkflowStatus],
        limit: int,
        former: Collection[str] = (),
    ) -> list[WorkflowRecord]:
        """Take instances in ``statuses`` that are free, oldest first."""
        taken: list[str] = await self._parts.writer.run(
            leasing.lease(engine_id, until, now, statuses=statuses, limit=limit, former=former)
        )
        found = [await self.workflow(workflow_id) for workflow_id in taken]
        whole = [record for record in found if record is not None]
        return sorted(whole, key=lambda record: (record.created_at, record.id))

    async def take(
        self, workflow_id: str, engine_id: str, *, until: datetime, now: datetime
    ) -> Lease | None:
        """The lease on one instance; ``None`` if another engine holds it, or it is not kept."""
        taken: Lease | None = await self._parts.writer.run(
            leasing.take(workflow_id, engine_id, until, now)
        )
        return taken

    async def renew(self, leases: Collection[tuple[str, Lease]], until: datetime) -> set[str]:
        """Prolong leases; the ids of the instances whose lease was still held."""
        held: set[str] = await self._parts.writer.run(leasing.renew(leases, until))
        return held

    async def release(self, leases: Collection[tuple[str, Lease]]) -> None:
        """Give leases back; those no longer held are left alone."""
        await self._parts.writer.run(leasing.release(leases))

    async def checkpoint(self) -> None:
        """See how large the tables are; the server does its checkpoints itself."""
        self._bytes = await self._parts.reader.size()

    async def prune(self, retention: Retention) -> int:
        """Drop history beyond ``retention``, and what belongs to no session."""
        return await prune(self._parts.writer, retention, self.home)

    def statistics(self) -> StoreStatistics:
        """Figures since opening; the size is that of the last checkpoint."""
        if self._open is None:
            return StoreStatistics(0, 0, 0, 0.0, 0.0, 0)
        writer = self._open.writer
        return StoreStatistics(
            commits=writer.tally.commits,
            changes=writer.tally.changes,
            pending=writer.pending,
            last_commit_ms=writer.tally.last_ms,
            slowest_commit_ms=writer.tally.slowest_ms,
            bytes_on_disk=self._bytes,
            mode="server",
        )

    async def _rows(
        self, name: str, values: Mapping[str, Any], *, raw: bool = False
    ) -> Sequence[Sequence[Any]]:
        return await self._parts.reader.rows(name, values)

    @property
    def _parts(self) -> _Parts:
        if self._open is None:
            raise translating.closed(self._terms.place)
        return self._open

    async def _prepare(self, line: Line) -> list[StoreNotice]:
        connection = await line.open()
        try:
            notices = await migrate(connection, self._terms.place, self._migrations)
            await line.begin_writing()
            return notices + await self._doubts(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise translating.fault_of(error, self._terms.place) from error

    async def _doubts(self, connection: Connection) -> list[StoreNotice]:
        """What makes the durability asked for impossible."""
        if self.durability != "full" or await connection.fetchval("SHOW fsync") == "on":
            return []
        text = (
            f"The server of {self._terms.place} runs with fsync off: after a power cut what was "
            "acknowledged may be gone, whatever durability is asked for. Turn fsync on."
        )
        return [StoreNotice("store_not_durable", text, {"place": self._terms.place})]

    async def _last_sequence(self, reader: Reader) -> int:
        return int((await reader.rows("last_sequence", {}))[0][0])


async def _close(parts: _Parts, kept: PostgresKept) -> None:
    try:
        await kept.close()
        await parts.writer.finish()
    finally:
        await parts.reader.close()
        await parts.line.close()
