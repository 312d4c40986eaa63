"""Holding a lock for as long as a body runs."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from . import faults as f
from .locks import Grant, Locks

RENEWALS = 3
"""How often a lock is renewed within its time to live."""


class Held:
    """``async with`` a lock, renewed while the body runs; gives the grant.

    At its end it raises ``LockLost`` if the lock was lost while the body ran well.
    """

    def __init__(
        self, locks: Locks, resource: str, holder: str, ttl: float, timeout: float | None
    ) -> None:
        self._locks = locks
        self._terms: Any = (resource, holder, ttl)
        self._timeout = timeout
        self._grant: Grant | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Grant:
        self._grant = await self._locks.acquire(*self._terms, timeout=self._timeout)
        self._renewing = asyncio.create_task(self._renew(self._grant))
        return self._grant

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._grant is not None  # noqa: S101  # it was entered
        assert self._renewing is not None  # noqa: S101  # see above
        self._renewing.cancel()
        await asyncio.wait([self._renewing])
        try:
            if kind is None:
                self._grant.check()
        finally:
            await self._locks.release(self._grant)

    async def _renew(self, grant: Grant) -> None:
        while not grant.lost:
            await asyncio.sleep(grant.ttl / RENEWALS)
            try:
                await self._locks.renew(grant)
            except f.LockLost:
                return
            except Exception:  # noqa: BLE001, S112  # the store may be back before the time is over
                continue
