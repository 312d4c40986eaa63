"""What former engines left that nobody takes up: ended and removed, where this store knows that it may be."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from ...base.errors import QuarterdeckError
from ..backends.ports import FindsLeft, Left
from ..statuses import TaskStatus
from .attempt import GRACE
from .children import Child
from .desk import Desk
from .kept_sessions import KeptSessions


class Leftovers:
    """Attempts' processes and sessions of engines that were killed."""

    def __init__(self, desk: Desk, kept: KeptSessions | None) -> None:
        self._desk = desk
        self._kept = kept

    async def end(self) -> Collection[Left]:
        """End and remove them, once everything is recovered; the processes that this store does not know.

        One is let alone while a task that runs tells of it, whoever drives that. Any other of a
        workflow that is kept is of an attempt that is over. One of no workflow that is kept belongs to
        another store, or to one that was moved aside, in which it can be taken up still.

        :raises QuarterdeckError: if the store fails.
        """
        if self._kept is not None:
            await self._kept.sweep_on()
        backend = self._desk.surroundings.backend
        if not isinstance(backend, FindsLeft):
            return ()
        unknown: list[Left] = []
        for one in await backend.left():
            if await self._is_wanted(one):
                continue
            if one.workflow_id and await self._desk.store.workflow(one.workflow_id) is not None:
                await self._end(one)
            elif one.pid is not None:
                unknown.append(one)
        return unknown

    async def _is_wanted(self, one: Left) -> bool:
        """Whether an attempt that runs tells of it; asked after it was found, so that none is new."""
        here = self._desk.orchestrator.children(one.workflow_id)
        if _tells_of(one, here):
            return True
        rows = await self._desk.store.tasks(one.workflow_id)
        kept = [row.child or "" for row in rows if row.status is TaskStatus.RUNNING]
        return _tells_of(one, kept)

    async def _end(self, one: Left) -> None:
        backend = self._desk.surroundings.backend
        with contextlib.suppress(QuarterdeckError):  # a later engine holds it, or it ends by itself
            if one.pid is not None:
                await backend.cancel(one.place, GRACE)
            await backend.forget(one.place)


def _tells_of(one: Left, children: Collection[str]) -> bool:
    return any(
        child is not None and child.place == one.place for child in map(Child.parse, children)
    )
