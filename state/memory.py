"""A store without a disk: the same contract, for tests and for runs that shall leave nothing.

For race tests it can be told to fail or to hold back what is committed::

    store = MemoryStore(clock=clock)
    store.fail_next(StoreFull("The disk is full."))  # the next transaction ends with this
    with store.held():                                # commits wait ...
        future = store.commit(changes)
        ...
    await future                                      # ... until here
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ..core.base.batches import Batch
from ..core.base.clock import Clock
from ..core.base.errors import QuarterdeckError
from ..core.base.kept import MemoryKept
from ..core.engine.records import Change, EventRecord, Retention, StoreNotice, StoreStatistics
from ..core.protocol.attention import AttentionItem, ItemState
from ..core.sessions.records import ScreenSnapshot, SessionRecord, StatusEntry
from ..core.telemetry.audit import ChainHead, KeptRecord
from . import faults as f
from .memory_workflows import MemoryWorkflows
from .settings import BOUND, REFUSED_AT, check_durability, rest_of_url
from .tables import Tables, settled

Queued = tuple[Sequence[Change], QuarterdeckError | None, asyncio.Future[None]]


def open_store(
    url: str,
    *,
    clock: Clock,
    durability: str = "normal",
    home: str = "",  # noqa: ARG001  # every store is opened with it
) -> MemoryStore:
    """The store at ``memory://``, not yet opened; every call gives another one.

    It holds one engine's state, so ``home`` means nothing here.

    :raises BadStoreSetting: if the URL or the durability is none.
    """
    rest_of_url(url, "memory")
    return MemoryStore(clock=clock, durability=durability)


class MemoryStore(MemoryWorkflows):
    """A ``Store`` in memory: what it holds lives as long as the object, through close and open.

    ``bound`` is the number of pending transactions above which ``ready`` waits.
    """

    def __init__(self, *, clock: Clock, durability: str = "normal", bound: int = BOUND) -> None:
        self.durability = check_durability(durability)
        self.notices: list[StoreNotice] = []
        self._clock = clock
        self._bound = bound
        self._tables = Tables()
        self._open = False
        self._holds = 0
        self._scheduled = False
        self._queue: deque[Queued] = deque()
        self._planned: deque[QuarterdeckError] = deque()
        self._room = asyncio.Event()
        self._commits = 0
        self._changes = 0
        self.kept = MemoryKept()

    # ---- for tests -------------------------------------------------------------------------

    def fail_next(self, *planned: QuarterdeckError) -> None:
        """Let the next transactions end with these faults, one each, and change nothing."""
        self._planned.extend(planned)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold back every commit until the block ends; ``close`` writes them all the same."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._go_on()

    # ---- the contract ----------------------------------------------------------------------

    async def open(self) -> None:
        """Take up commits; an open one stays as it is."""
        if not self._open:
            self._open = True
            self._commits = self._changes = 0
            self._room.set()

    async def close(self) -> None:
        """Make what is pending, and take no more."""
        self._open = False
        self._write_all()

    async def begin(self, engine_id: str) -> int:  # only its number matters here
        """Enter a new engine; its epoch."""
        self._check_open()
        self._tables.epoch += 1
        return self._tables.epoch

    def commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        """Queue ``changes`` as one transaction."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._open:
            future.set_exception(_closed())
        elif len(self._queue) >= self._bound * REFUSED_AT:
            future.set_exception(f.StoreBusy.for_pending(len(self._queue)))
        else:
            self._add(changes, future)
        return future

    def commit_each(self, transactions: Sequence[Sequence[Change]]) -> list[asyncio.Future[None]]:
        """Queue each as a transaction, and make all at once if nothing is before them."""
        before = self._queue or self._holds or not self._open
        futures = [self.commit(changes) for changes in transactions]
        if not before:
            self._write_all()
        return futures

    async def ready(self) -> None:
        """Wait while more transactions are pending than the bound."""
        self._check_open()
        await self._room.wait()

    async def sessions(self) -> list[SessionRecord]:
        """Every session, oldest first."""
        kept = self._check_open().sessions.values()
        oldest_first = sorted(kept, key=lambda record: (record.created_at, record.id))
        return [replace(record, env=dict(record.env)) for record in oldest_first]

    async def open_items(self) -> list[AttentionItem]:
        """Every open attention item, oldest first."""
        kept = self._check_open().items.values()
        found = [item for item in kept if item.state is ItemState.OPEN]
        return sorted(found, key=lambda item: (item.created_at, item.item_id))

    async def snapshot(self, session_id: str) -> ScreenSnapshot | None:
        """A session's last screen snapshot."""
        return self._check_open().snapshots.get(session_id)

    async def history(self, session_id: str, limit: int) -> list[StatusEntry]:
        """A session's former statuses, newest first."""
        lines = self._check_open().history.get(session_id, [])
        return lines[::-1][: max(limit, 0)]

    async def preferences(self) -> dict[str, Any]:
        """The kept preferences by name."""
        kept = self._check_open().preferences
        return {name: json.loads(value) for name, value in kept.items()}

    async def reply(self, command_id: str) -> str | None:
        """The kept reply to a command."""
        kept = self._check_open().replies.get(command_id)
        return None if kept is None else kept.body

    async def events(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        types: tuple[str, ...] = (),
        session_id: str | None = None,
        limit: int = 200,
    ) -> list[EventRecord]:
        """Kept events, oldest first."""
        found = [
            event
            for event in self._check_open().events
            if (not types or event.type in types)
            and (session_id is None or event.session_id == session_id)
            and (after is None or event.sequence > after)
            and (before is None or event.sequence < before)
        ]
        limit = max(limit, 0)
        return found[:limit] if after is not None else found[max(len(found) - limit, 0) :]

    async def batches(self, log: str) -> list[Batch]:
        """A log's batches, oldest first."""
        kept = self._check_open().batches.get(log, {})
        return [kept[number] for number in sorted(kept)]

    async def audit(self, *, after: int = 0, limit: int = 1000) -> list[KeptRecord]:
        """Records of the audit log, oldest first."""
        kept = self._check_open().audit
        return kept[after : after + max(limit, 0)]

    async def audit_head(self) -> ChainHead | None:
        """Where the audit log's chain stands."""
        return self._check_open().audit_head

    async def last_sequence(self) -> int:
        """The highest sequence ever kept; 0 if none."""
        return self._check_open().last_sequence

    async def checkpoint(self) -> None:
        """Nothing: there is no journal beside the tables."""
        self._check_open()

    async def prune(self, retention: Retention) -> int:
        """Drop history beyond ``retention``, and what belongs to no session."""
        return self._check_open().prune(retention)

    def statistics(self) -> StoreStatistics:
        """Figures since opening; nothing takes time or room here."""
        return StoreStatistics(self._commits, self._changes, len(self._queue), 0.0, 0.0, 0)

    # ---- the queue -------------------------------------------------------------------------

    def _check_open(self) -> Tables:
        if not self._open:
            raise _closed()
        return self._tables

    def _add(self, changes: Sequence[Change], future: asyncio.Future[None]) -> None:
        try:
            self._queue.append((settled(changes), None, future))
        except f.InvalidChange as fault:
            self._queue.append(((), fault, future))
        if len(self._queue) > self._bound:
            self._room.clear()
        self._go_on()

    def _go_on(self) -> None:
        if self._queue and not self._holds and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        if not self._holds:
            self._write_all()

    def _write_all(self) -> None:
        while self._queue:
            changes, fault, future = self._queue.popleft()
            if fault is None:
                self._write(changes, future)
            elif not future.done():
                future.set_exception(fault)
        self._room.set()

    def _write(self, changes: Sequence[Change], future: asyncio.Future[None]) -> None:
        try:
            if self._planned:
                raise self._planned.popleft()
            self._tables.apply(changes)
        except QuarterdeckError as error:
            if not future.done():
                future.set_exception(error)
            return
        self._commits += 1
        self._changes += len(changes)
        if not future.done():  # else its awaiter was cancelled; the change stands
            future.set_result(None)


def _closed() -> f.StoreClosed:
    return f.StoreClosed("The memory store is not open.")
