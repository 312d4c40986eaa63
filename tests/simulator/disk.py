"""A store whose commits take a while, and of which a crash keeps any beginning."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Sequence
from random import Random
from typing import Any

from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.workflows.records import WorkflowChange
from quarterdeck.state.memory import MemoryStore

Pending = tuple[Sequence[WorkflowChange], "Future[None]"]


class Cut(ResourceFault):
    """This life of the engine is over."""

    code = "cut"

    def __init__(self) -> None:
        super().__init__("The power is off.")


class Disk:
    """One life's hold on what is kept in ``kept``; another life has another one."""

    def __init__(self, kept: MemoryStore, random: Random) -> None:
        self._kept = kept
        self._random = random
        self._pending: list[Pending] = []
        self._writing = False
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        if self.dead and name in {"lease", "take", "renew", "release"}:
            return _cut
        return getattr(self._kept, name)

    def commit(self, changes: Sequence[WorkflowChange]) -> Future[None]:
        """Queue; what is queued is written together, after a while."""
        future: Future[None] = asyncio.get_running_loop().create_future()
        if self.dead:
            future.set_exception(Cut())
            future.exception()
            return future
        self._pending.append((list(changes), future))
        if not self._writing:
            self._writing = True
            self._later(self._write)
        return future

    def commit_each(
        self, transactions: Sequence[Sequence[WorkflowChange]]
    ) -> Sequence[Future[None]]:
        """At times the disk is quick: all are written on return, or a crash has kept none of them."""
        if self.dead or self._pending or self._random.random() < 0.5:
            return [self.commit(changes) for changes in transactions]
        return self._kept.commit_each(transactions)

    def crash(self) -> list[Sequence[WorkflowChange]]:
        """End this life: what of the unwritten tail is on disk all the same, in order."""
        self.dead = True
        pending, self._pending = self._pending, []
        for _, future in pending:
            if not future.done():
                future.set_exception(Cut())
                future.exception()
        return [changes for changes, _ in pending[: self._random.randint(0, len(pending))]]

    def _later(self, call: Any) -> None:
        loop = asyncio.get_running_loop()
        if self._random.random() < 0.5:
            loop.call_soon(call)
        else:
            loop.call_later(self._random.choice([0.0, 0.001, 0.05]), call)

    def _write(self) -> None:
        if self.dead:
            return
        batch, self._pending = self._pending, []
        self._writing = False
        for changes, future in batch:
            self._kept.commit(changes).add_done_callback(
                lambda written, future=future: _pass_on(written, future)  # type: ignore[misc]
            )


async def _cut(*_: object, **__: object) -> None:
    raise Cut


def _pass_on(written: Future[None], future: Future[None]) -> None:
    if future.done():
        return
    error = written.exception()
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
