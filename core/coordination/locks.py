"""Locks: one holder at a time, in the order of asking, with a time to live and a fencing token.

Who holds a lock is one kept record, changed only from the version that was read, so engines on one store
exclude each other. No wall clock is compared: another engine's lock counts as given up when its record
was seen unchanged for its whole time to live. Within an engine waiters go in the order in which they
asked; between engines, whichever takes it first.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.ids import new_id
from ..base.kept import Followed, Kept, KeptStore
from . import faults as f

KIND = "lock"
RENEWALS = 3
"""How often a lock is renewed within its time to live."""


@dataclass(slots=True, eq=False)
class Grant:
    """A lock that is held: ``token`` is above that of every earlier holder. See ``Locks.acquire``."""

    resource: str
    holder: str
    token: int
    ttl: float
    deadline: float
    since: datetime
    lost: bool = False
    _timer: asyncio.TimerHandle | None = None

    def check(self) -> int:
        """The token, while it is held.

        :raises LockLost: if it is not any more.
        """
        if self.lost:
            raise f.LockLost(
                f"The lock on {self.resource!r} is not held by {self.holder!r} any more: it was not "
                f"renewed within {self.ttl:g} s, or was released. Acquire it again.",
                resource=self.resource,
            )
        return self.token


@dataclass(slots=True, eq=False)
class _Waiter:
    holder: str
    ttl: float
    future: asyncio.Future[Grant]


@dataclass(slots=True)
class _Place:
    """One resource as this engine sees it; ``seen`` is since when another's record stands unchanged."""

    waiters: deque[_Waiter] = field(default_factory=deque)
    held: Grant | None = None
    working: asyncio.Task[None] | None = None
    version: int = -1
    token: int = 0
    seen: tuple[int, float] = (-1, 0.0)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True)
class LockStatistics:
    """A lock: who holds it here, since when and for how long, the token, and who waits here, in order."""

    resource: str
    holder: str | None
    token: int
    waiters: tuple[str, ...]
    since: datetime | None = None
    ttl: float = 0.0


@dataclass(frozen=True, slots=True)
class KeptLock:
    """A lock that is held, as it is kept: by which engine, for whom, and how long at a time."""

    resource: str
    engine_id: str
    holder: str
    token: int
    ttl: float


class Locks:
    """The locks of one engine on a store. Belongs to the running loop."""

    def __init__(
        self,
        store: KeptStore,
        *,
        clock: Clock = SYSTEM_CLOCK,
        engine_id: str = "",
        max_waiters: int = 1000,
    ) -> None:
        self.engine_id = engine_id or new_id()
        self._store = store
        self._clock = clock
        self._max_waiters = max_waiters
        self._places: dict[str, _Place] = {}
        self._closed = False
        self._unfollow: Callable[[], None] = lambda: None
        if isinstance(store, Followed):
            self._unfollow = store.follow_kept(self._heard)

    async def acquire(
        self,
        resource: str,
        holder: str,
        ttl: float = 30.0,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # a person's word for it
    ) -> Grant:
        """Wait for the lock and hold it for ``ttl`` seconds, or until ``release``.

        :raises LockTimeout: if it was not had within ``timeout`` seconds.
        :raises LockCrowded: if too many wait already.
        :raises CoordinationClosed: if the locks are closed.
        :raises ValueError: if ``ttl`` is not above 0.
        """
        if not ttl > 0:
            raise ValueError(f"A lock's time to live is above 0 s, not {ttl}")
        if self._closed:
            raise f.CoordinationClosed("Locks can't be taken any more: the layer is closed.")
        place = self._places.setdefault(resource, _Place())
        if len(place.waiters) >= self._max_waiters:
            raise f.LockCrowded(f"{len(place.waiters)} wait for {resource!r} already; try later.")
        waiter = _Waiter(holder, ttl, asyncio.get_running_loop().create_future())
        place.waiters.append(waiter)
        self._go_on(resource, place)
        try:
            async with asyncio.timeout(timeout):
                return await waiter.future
        except TimeoutError:
            self._leave(resource, place, waiter)
            raise f.LockTimeout(
                f"The lock on {resource!r} was not free within {timeout:g} s.", resource=resource
            ) from None
        except asyncio.CancelledError:
            self._leave(resource, place, waiter)
            raise

    async def release(self, grant: Grant) -> None:
        """Give the lock back; the next one has it. One that is not held any more is no fault."""
        place = self._places.get(grant.resource)
        if place is None or place.held is not grant:
            return
        self._drop(place, grant)
        self._go_on(grant.resource, place)
        if place.working is not None:
            await asyncio.wait([place.working], timeout=0)

    async def renew(self, grant: Grant, ttl: float | None = None) -> None:
        """Hold it for ``ttl`` more seconds from now on.

        :raises LockLost: if it is not held any more.
        """
        grant.check()
        place = self._places[grant.resource]
        span = ttl or grant.ttl
        deadline = self._clock.monotonic() + span
        if not await self._write(grant.resource, place, grant.holder, grant.token, span):
            self._lose(grant.resource, place, grant)
        grant.check()
        grant.ttl, grant.deadline = span, deadline
        self._watch(grant.resource, place, grant)

    async def recover(self, former: Collection[str]) -> int:
        """Free what engines held that are known to be gone; how many locks that were."""
        freed = 0
        for record in await self._store.all_kept(KIND, open_only=True):
            body = json.loads(record.body)
            if body["engine"] in former:
                freed += await self._store.put_kept(
                    _free(record.key, record.version + 1, body["token"])
                )
        return freed

    async def all(self) -> list[KeptLock]:
        """Every lock that is held, by any engine."""
        found = await self._store.all_kept(KIND, open_only=True)
        return [_kept_lock(record) for record in found]

    async def take_away(self, resource: str) -> KeptLock:
        """Take a lock from its holder, whichever engine's it is; the next one has it.

        :raises LockFree: if nobody holds it.
        """
        while (record := await self._store.get_kept(KIND, resource)) is not None and record.open:
            lock = _kept_lock(record)
            place = self._places.get(resource)
            if place is not None and place.held is not None and place.held.token == lock.token:
                self._lose(resource, place, place.held)
                return lock
            if await self._store.put_kept(_free(resource, record.version + 1, lock.token)):
                self._heard(KIND, resource)
                return lock
        raise f.LockFree(f"Nobody holds a lock on {resource!r}.", resource=resource)

    async def close(self) -> None:
        """Give up every lock; whoever waits is refused."""
        if self._closed:
            return
        self._closed = True
        self._unfollow()
        for resource, place in list(self._places.items()):
            for waiter in place.waiters:
                if not waiter.future.done():
                    waiter.future.set_exception(f.CoordinationClosed("The layer was closed."))
            place.waiters.clear()
            if place.working is not None:
                place.changed.set()
                await asyncio.wait([place.working])
            if place.held is not None:
                self._drop(place, place.held)
                self._go_on(resource, place)
                if place.working is not None:
                    await asyncio.wait([place.working])
        self._places.clear()

    def tick(self) -> None:
        """Look at the clock now; only needed where a clock is moved by hand."""
        now = self._clock.monotonic()
        for resource, place in list(self._places.items()):
            if place.held is not None and place.held.deadline <= now:
                self._lose(resource, place, place.held)
            place.changed.set()

    def statistics(self) -> tuple[LockStatistics, ...]:
        """Every lock that is held or waited for here."""
        return tuple(
            LockStatistics(
                resource,
                place.held.holder if place.held else None,
                place.token,
                tuple(one.holder for one in place.waiters if not one.future.done()),
                place.held.since if place.held else None,
                place.held.ttl if place.held else 0.0,
            )
            for resource, place in self._places.items()
        )

    # ---- the line --------------------------------------------------------------------------

    def _go_on(self, resource: str, place: _Place) -> None:
        if place.held is None and place.working is None:
            place.working = asyncio.create_task(
                self._work(resource, place), name=f"lock {resource}"
            )

    async def _work(self, resource: str, place: _Place) -> None:
        """Give the lock to whoever is first, or, if nobody waits, note that it is free."""
        try:
            while place.held is None:
                waiter = _first(place.waiters)
                if waiter is None:
                    await self._note_free(resource, place)
                    if _first(place.waiters) is None:
                        break
                elif await self._free(resource, place):
                    await self._give(resource, place, waiter)
        except Exception as error:  # noqa: BLE001  # the store's fault is told to whoever waits
            for waiter in place.waiters:
                if not waiter.future.done():
                    waiter.future.set_exception(error)
            place.waiters.clear()
        finally:
            place.working = None
            if place.timer is not None:
                place.timer.cancel()
            if place.held is None and not place.waiters:
                self._places.pop(resource, None)

    async def _give(self, resource: str, place: _Place, waiter: _Waiter) -> None:
        before = self._clock.monotonic()
        token = place.token + 1
        if not await self._write(resource, place, waiter.holder, token, waiter.ttl):
            return
        place.token = token
        if place.waiters and place.waiters[0] is waiter:
            place.waiters.popleft()
        if waiter.future.done():  # it gave up meanwhile; the next one's turn
            return
        grant = Grant(
            resource, waiter.holder, token, waiter.ttl, before + waiter.ttl, self._clock.now()
        )
        place.held = grant
        self._watch(resource, place, grant)
        waiter.future.set_result(grant)

    async def _free(self, resource: str, place: _Place) -> bool:
        """Whether the lock may be taken; if not, something has changed since it was asked."""
        if place.version >= 0:
            return True  # this engine wrote last
        place.changed.clear()
        record = await self._store.get_kept(KIND, resource)
        if record is None:
            place.version = 0
            return True
        body = json.loads(record.body)
        place.token = max(place.token, body["token"])
        now = self._clock.monotonic()
        if place.seen[0] != record.version:
            place.seen = (record.version, now)
        left = place.seen[1] + body["ttl"] - now
        if not record.open or body["engine"] == self.engine_id or left <= 0:
            place.version = record.version
            return True
        place.timer = asyncio.get_running_loop().call_later(left, place.changed.set)
        await place.changed.wait()
        place.timer.cancel()
        return False

    async def _note_free(self, resource: str, place: _Place) -> None:
        if place.version > 0 and await self._store.put_kept(
            _free(resource, place.version + 1, place.token)
        ):
            place.version += 1

    async def _write(
        self, resource: str, place: _Place, holder: str, token: int, ttl: float
    ) -> bool:
        body = {"engine": self.engine_id, "holder": holder, "token": token, "ttl": ttl}
        version = place.version + 1
        if await self._store.put_kept(Kept(KIND, resource, version, json.dumps(body))):
            place.version = version
            return True
        place.version = -1  # another engine wrote meanwhile
        return False

    # ---- ends ------------------------------------------------------------------------------

    def _watch(self, resource: str, place: _Place, grant: Grant) -> None:
        if grant._timer is not None:  # noqa: SLF001  # the grant is this module's
            grant._timer.cancel()  # noqa: SLF001  # see above
        left = max(0.0, grant.deadline - self._clock.monotonic())
        loop = asyncio.get_running_loop()
        grant._timer = loop.call_later(left, self._time_out, resource, place, grant)  # noqa: SLF001  # see above

    def _time_out(self, resource: str, place: _Place, grant: Grant) -> None:
        if place.held is not grant:
            return
        if grant.deadline > self._clock.monotonic():
            self._watch(resource, place, grant)
        else:
            self._lose(resource, place, grant)

    def _lose(self, resource: str, place: _Place, grant: Grant) -> None:
        if place.held is grant:
            self._drop(place, grant)
            self._go_on(resource, place)

    def _drop(self, place: _Place, grant: Grant) -> None:
        grant.lost = True
        if grant._timer is not None:  # noqa: SLF001  # the grant is this module's
            grant._timer.cancel()  # noqa: SLF001  # see above
        place.held = None

    def _leave(self, resource: str, place: _Place, waiter: _Waiter) -> None:
        """Whoever gives up waiting; one that was just given the lock passes it on."""
        if waiter.future.done() and not waiter.future.cancelled() and not waiter.future.exception():
            self._lose(resource, place, waiter.future.result())
        waiter.future.cancel()
        if waiter in place.waiters:
            place.waiters.remove(waiter)
        place.changed.set()

    def _heard(self, kind: str, key: str) -> None:
        place = self._places.get(key) if kind == KIND else None
        if place is not None:
            place.changed.set()


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


def _first(waiters: deque[_Waiter]) -> _Waiter | None:
    while waiters and waiters[0].future.done():
        waiters.popleft()
    return waiters[0] if waiters else None


def _kept_lock(record: Kept) -> KeptLock:
    body = json.loads(record.body)
    return KeptLock(record.key, body["engine"], body["holder"], body["token"], body["ttl"])


def _free(resource: str, version: int, token: int) -> Kept:
    body = {"engine": "", "holder": "", "token": token, "ttl": 0.0}
    return Kept(KIND, resource, version, json.dumps(body), open=False)
