"""Logs of one room that are kept together: what a turn of the loop brings is one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from ..base.batches import Batch, BatchChange, BatchStore


class Together:
    """A store whose commits of one turn of the loop are one transaction; all of them are kept, or none.

    The commits that logs make of one turn's lines come in one turn themselves.
    """

    def __init__(self, store: BatchStore) -> None:
        self._store = store
        self._changes: list[BatchChange] = []
        self._written: asyncio.Future[None] | None = None

    def commit(self, changes: Sequence[BatchChange]) -> asyncio.Future[None]:
        """Queue ``changes``, with what else comes in this turn."""
        if self._written is None:
            loop = asyncio.get_running_loop()
            self._written = loop.create_future()
            loop.call_soon(self._commit)
        self._changes.extend(changes)
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._written.add_done_callback(partial(_pass_on, mine))
        return mine

    async def batches(self, log: str) -> list[Batch]:
        """A log's batches, oldest first."""
        return await self._store.batches(log)

    def _commit(self) -> None:
        written, self._written = self._written, None
        changes, self._changes = self._changes, []
        if written is not None:
            self._store.commit(changes).add_done_callback(partial(_pass_on, written))


def _pass_on(to: asyncio.Future[None], done: asyncio.Future[None]) -> None:
    if to.done():
        return
    if done.cancelled():
        to.cancel()
    elif (error := done.exception()) is not None:
        to.set_exception(error)
        to.exception()  # whoever waits is told; nobody need
    else:
        to.set_result(None)
