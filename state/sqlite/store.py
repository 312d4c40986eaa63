"""The store on SQLite: one writer, and readers beside it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ...core.base.clock import Clock
from ...core.base.errors import QuarterdeckError
from ...core.engine.records import Change, Retention, StoreNotice, StoreStatistics
from ...core.workflows.records import Lease, WorkflowRecord
from ...core.workflows.statuses import WorkflowStatus
from .. import faults as f
from ..reads import Reads
from ..settings import BOUND, check_durability, rest_of_url
from ..stamps import to_text
from . import leasing, translating
from .journal import Journal
from .kept import SqliteKept
from .migrating import Migrations
from .opening import Opened, Terms, open_database
from .pace import SYNCS, WAITS, WRITES, Pace
from .pruning import Pruner
from .reader import Reader
from .rows import ENTER_ENGINE
from .statements import load_migrations, load_statements
from .turns import HAS_TURNS, IS_JOURNALLED, checked
from .wal import journal_of, size_of
from .writer import POSTED_AT, Writer

_WORKFLOW_READS = load_statements("workflow_reads")
_READS = {
    **load_statements("reads"),
    **_WORKFLOW_READS,
    **load_statements("batch_reads"),
    **load_statements("audit_reads"),
}
_CHECKED = {name: checked(_READS[name]) for name in ("workflow", "version", "unchanged")}
"""Reads of one row, which tell before it whether turns are to be posted: one trip instead of two."""
_OF_TURNS = _WORKFLOW_READS.keys() - {"handoffs", "artifacts", "signals", "schedules"}
"""The statements that read what turns of workflows change."""

PATIENCE = 5.0
"""Seconds to wait for another process's lock, off the loop."""


def open_store(
    url: str,
    *,
    clock: Clock,
    durability: str = "normal",
    home: str = "",  # noqa: ARG001  # every store is opened with it
) -> SqliteStore:
    """The store at ``sqlite://PATH``, not yet opened; the path is taken literally.

    It holds one engine's state, so ``home`` means nothing here.

    :raises BadStoreSetting: if the URL or the durability is none.
    """
    rest = rest_of_url(url, "sqlite")
    name = rest.lstrip("/")
    if not name:
        raise f.BadStoreSetting(
            f"{url!r} names no file. Write sqlite:///path/to/state.db.", url=url
        )
    path = Path("/", name) if rest.startswith("/") else Path(name)
    return SqliteStore(path, clock=clock, durability=durability)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an open store is made of."""

    reader: Reader
    writer: Writer
    journal: Journal
    thread: ThreadPoolExecutor
    pruner: Pruner


class SqliteStore(Reads):
    """A ``Store`` in one SQLite file. Belongs to the loop that opened it.

    ``bound`` is the number of pending transactions above which ``ready`` waits; ten times as many
    are refused. ``patience`` in seconds is the wait for another process's lock.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        durability: str = "normal",
        bound: int = BOUND,
        patience: float = PATIENCE,
        migrations: Migrations | None = None,
    ) -> None:
        self.path = path
        self.durability = check_durability(durability)
        self.notices: list[StoreNotice] = []
        self._clock = clock
        self._bound = bound
        self._patience = patience
        self._migrations = load_migrations() if migrations is None else migrations
        self._open: _Parts | None = None
        self._closing: asyncio.Task[None] | None = None
        self._folding: asyncio.Task[None] | None = None
        self.kept = SqliteKept(lambda job: self._parts.writer.run(job))  # noqa: PLW0108  # open only later

    async def open(self) -> None:
        """Open or create; an open one stays as it is.

        :raises StoreFault: a subclass for each cause.
        """
        if self._open is not None:
            return
        if self._closing is not None:
            await asyncio.shield(self._closing)
        thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        opened = await self._open_database(thread)
        try:
            self._open = await self._assemble(opened, thread)
        except BaseException:
            opened.connection.close()
            thread.shutdown()
            raise
        self.notices = opened.notices
        self._closing = None

    async def close(self) -> None:
        """Write what is pending, fold the journal, release; goes on if its awaiter is cancelled."""
        if self._open is not None:
            parts, self._open = self._open, None
            self._closing = asyncio.create_task(self._close(parts))
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def begin(self, engine_id: str) -> int:
        """Enter a new engine; its epoch."""

        def enter(connection: sqlite3.Connection) -> int | None:
            return connection.execute(ENTER_ENGINE, (engine_id, began_at)).lastrowid

        began_at = to_text(self._clock.now())
        return int(await self._parts.writer.run(enter))

    def commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        """Queue ``changes`` as one transaction.

        Far beyond the bound its future fails at once with ``store_busy``, before earlier ones end.
        """
        if self._open is not None:
            return self._open.writer.commit(changes)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(translating.closed(self.path))
        return future

    def commit_each(
        self, transactions: Sequence[Sequence[Change]]
    ) -> Sequence[asyncio.Future[None]]:
        """Queue each as a transaction; on a quick disk all are written on return."""
        if self._open is not None:
            return self._open.writer.commit_each(transactions)
        return [self.commit(changes) for changes in transactions]

    async def ready(self) -> None:
        """Wait while more transactions are pending than the bound."""
        await self._parts.writer.ready()

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
            leasing.lease(engine_id, until, now, statuses=statuses, limit=limit, former=former),
            posts=True,
        )
        found = [await self.workflow(workflow_id) for workflow_id in taken]
        return [record for record in found if record is not None]

    async def take(
        self, workflow_id: str, engine_id: str, *, until: datetime, now: datetime
    ) -> Lease | None:
        """The lease on one instance; ``None`` if another engine holds it, or it is not kept."""
        taken: Lease | None = await self._parts.writer.run(
            leasing.take(workflow_id, engine_id, until, now), quick=leasing.TAKEN
        )
        return taken

    async def renew(self, leases: Collection[tuple[str, Lease]], until: datetime) -> set[str]:
        """Prolong leases; the ids of the instances whose lease was still held."""
        held: set[str] = await self._parts.writer.run(leasing.renew(leases, until))
        return held

    async def release(self, leases: Collection[tuple[str, Lease]]) -> None:
        """Give leases back; those no longer held are left alone."""
        await self._parts.writer.run(leasing.release(leases), quick=len(leases))

    async def checkpoint(self) -> None:
        """Fold the journal into the main file; nothing, if there is nothing in it."""
        parts = self._parts
        await _post(parts)
        if parts.writer.unfolded:
            await asyncio.shield(self._start_folding(parts))

    async def prune(self, retention: Retention) -> int:
        """Drop history beyond ``retention``, and what belongs to no session."""
        await _post(self._parts)
        return await self._parts.pruner.prune(retention)

    def statistics(self) -> StoreStatistics:
        """Figures since opening; all zero, if it is not open."""
        if self._open is None:
            return StoreStatistics(0, 0, 0, 0.0, 0.0, 0)
        writer = self._open.writer
        return StoreStatistics(
            commits=writer.tally.commits,
            changes=writer.tally.changes,
            pending=writer.pending,
            last_commit_ms=writer.tally.last_ms,
            slowest_commit_ms=writer.tally.slowest_ms,
            bytes_on_disk=size_of(self.path) + size_of(journal_of(self.path)),
            mode=writer.mode.value,
        )

    async def _rows(
        self, name: str, values: Mapping[str, Any], *, raw: bool = False
    ) -> Sequence[Sequence[Any]]:
        parts = self._parts
        if name in _CHECKED and not raw:
            found = await parts.reader.rows(_CHECKED[name], values)
            if found and not found[0][0]:
                return [found[0][1:]]
        if name in _OF_TURNS:
            await _post(parts, values.get("workflow"))
        return await parts.reader.rows(_READS[name], values, text_only=not raw)

    @property
    def _parts(self) -> _Parts:
        if self._open is None:
            raise translating.closed(self.path)
        return self._open

    async def _open_database(self, thread: ThreadPoolExecutor) -> Opened:
        full = self.durability == "full"
        terms = Terms(self.path, full, self._patience, self._migrations)
        job = thread.submit(open_database, terms, self._clock)
        try:
            return await asyncio.wrap_future(job)
        except BaseException:
            thread.shutdown()
            if not job.cancelled() and job.exception() is None:
                job.result().connection.close()  # the awaiter was cancelled meanwhile
            raise

    async def _assemble(self, opened: Opened, thread: ThreadPoolExecutor) -> _Parts:
        full = self.durability == "full"
        journal = Journal(
            opened.connection,
            self.path,
            self._clock,
            last_sequence=opened.last_sequence,
            patience=self._patience,
        )
        writer = Writer(
            journal,
            Pace(self._clock, WAITS, SYNCS if full else WRITES),
            thread,
            bound=self._bound,
            grown=self._grown,
            syncs=full,
        )
        reader = Reader(self.path, self._patience, journal.give_up, full=full)
        await reader.open()
        parts = _Parts(reader, writer, journal, thread, Pruner(reader, writer))
        with suppress(QuarterdeckError):  # then whoever reads is told
            await _post(parts)
        return parts

    def _grown(self) -> None:
        if self._open is not None:
            self._start_folding(self._open)

    def _start_folding(self, parts: _Parts) -> asyncio.Task[None]:
        if self._folding is None:
            self._folding = asyncio.create_task(self._fold(parts))
            # A fold that fails leaves all in the journal; the engine's next checkpoint tells.
            self._folding.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._folding

    async def _fold(self, parts: _Parts) -> None:
        """Fold beside the writer, then, if it went on meanwhile, the little that is left.

        Without the second step a journal that is never at rest would never begin anew, and grow
        without bound.
        """
        writer = parts.writer
        try:
            if parts.journal.turns > POSTED_AT:
                await _post(parts)
            before = writer.unfolded
            whole = await parts.reader.checkpoint()
            if not whole or writer.pending or writer.unfolded != before:
                await writer.run(_checkpoint, alone=True)
        finally:
            writer.folded()
            self._folding = None

    async def _close(self, parts: _Parts) -> None:
        try:
            if self._folding is not None:
                await asyncio.wait([self._folding])
            with suppress(QuarterdeckError):  # what can't be posted now is at the next start
                await _post(parts)
            await parts.writer.run(_nothing, alone=True)  # ends when all before it has
            await parts.reader.close()
            await asyncio.get_running_loop().run_in_executor(parts.thread, parts.journal.close)
        finally:
            # Where the loop is being torn down, the rest is done here and now.
            parts.thread.shutdown()
            parts.writer.finish()
            parts.journal.close()
            await parts.reader.close()


async def _post(parts: _Parts, workflow_id: str | None = None) -> None:
    """Post all turns, if there are any: of that workflow, if one is named; by another process too."""
    sql, values = (IS_JOURNALLED, ()) if workflow_id is None else (HAS_TURNS, (workflow_id,))
    if (await parts.reader.rows(sql, values))[0][0]:
        while await parts.writer.run(parts.journal.post):
            pass


def _nothing(_: sqlite3.Connection) -> None:
    """A job that only marks a place in the queue."""


def _checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
