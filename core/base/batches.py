"""A log of batches: what a room must not lose, one row for each group of its changes.

A room that keeps its state in memory appends what changed as opaque text, and folds the log into
one batch that says all when it has grown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Batch:
    """One row: its log's name, its number there (from 1, without a gap), and what it says."""

    log: str
    number: int
    body: str


@dataclass(frozen=True, slots=True)
class AddBatch:
    """Append a batch; refused (``batch_stale``) if the log has one of that number or above."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class DropBatches:
    """Drop the batches of a log below ``number``: a later one says all that they said."""

    log: str
    number: int


BatchChange = AddBatch | DropBatches


class BatchStore(Protocol):
    """Durable logs of batches. Every change is on disk before its future ends."""

    def commit(self, changes: Sequence[BatchChange]) -> asyncio.Future[None]:
        """Queue ``changes`` as one transaction; futures end in the order of the calls."""
        ...

    async def batches(self, log: str) -> list[Batch]:
        """A log's batches, oldest first."""
        ...


FOLD_AFTER = 50_000
"""Entries since the last folding after which another one may pay."""

FOLD_RATIO = 4
"""It pays when so many entries were written for each that would be left."""


class BatchLog:
    """One room's log: entries of one turn of the loop become one batch.

    An entry is JSON text in one line. ``whole`` gives the entries that say all that stands at
    present, and ``count`` how many they are; they replace what came before once that has grown, and
    after a commit that failed. Belongs to the running loop.
    """

    def __init__(
        self,
        store: BatchStore,
        log: str,
        *,
        whole: Callable[[], Iterable[str]],
        count: Callable[[], int],
        fold_after: int = FOLD_AFTER,
    ) -> None:
        self._store = store
        self._log = log
        self._whole = whole
        self._count = count
        self._fold_after = fold_after
        self._loop = asyncio.get_running_loop()
        self._entries: list[str] = []
        self._written: asyncio.Future[None] | None = None
        self._last: asyncio.Future[None] | None = None  # that was handed to the store
        self._number = 0
        self._since = 0
        self._broken = False

    async def load(self) -> list[str]:
        """The entries that the log holds, oldest first; what is added comes behind them."""
        found = await self._store.batches(self._log)
        self._number = max([self._number, *(one.number for one in found)])
        entries = [line for one in found for line in one.body.split("\n") if line]
        self._since = len(entries)
        return entries

    def add(self, entry: str) -> asyncio.Future[None]:
        """Append one; the future, which others share, ends when it is on disk."""
        self._entries.append(entry)
        if self._written is None:
            self._written = self._loop.create_future()
            self._loop.call_soon(self._commit)
        return self._written

    async def settled(self) -> None:
        """Wait until all that was added is on disk.

        :raises QuarterdeckError: if it could not be written.
        """
        last = self._written or self._last
        if last is not None and not last.done():
            await asyncio.shield(last)

    def _commit(self) -> None:
        written, self._written = self._written, None
        entries, self._entries = self._entries, []
        if written is None:
            return
        self._last = written
        self._number += 1
        self._since += len(entries)
        folds = self._broken or (
            self._since > self._fold_after and self._since > FOLD_RATIO * self._count()
        )
        if folds:
            entries = list(self._whole())
        changes: list[BatchChange] = [AddBatch(Batch(self._log, self._number, "\n".join(entries)))]
        if folds:
            changes.append(DropBatches(self._log, self._number))
            self._since, self._broken = len(entries), False
        self._store.commit(changes).add_done_callback(partial(self._ended, written))

    def _ended(self, written: asyncio.Future[None], committed: asyncio.Future[None]) -> None:
        error = None if committed.cancelled() else committed.exception()
        if error is not None or committed.cancelled():
            self._broken = True  # what was lost must be said anew: all that stands
        if written.done():
            return
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)
            written.exception()  # whoever waits is told; nobody need
