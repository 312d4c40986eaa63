"""Locks: one holder at a time, in the order of asking, with a time to live and a fencing token.

Who holds a lock and who waits for it is one kept record, changed only from the version that was read,
so engines on one store exclude each other and keep one order. An engine that is gone holds nobody up
for longer than it promised to give a sign of life.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.ids import new_id
from ..base.kept import Followed, KeptStore
from . import faults as f
from .lock_line import BEATS, KIND, WAITER_TTL, Entry, KeptLock, LockRecord, Signs, kept_lock


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
    id: str = field(default_factory=new_id)


@dataclass(slots=True)
class _Place:
    """One resource as this engine sees it.

    ``record`` is what was read or written last, ``None`` where it may have been changed since. ``told`` counts
    what the store has said of changes. ``beat`` is when this engine gave its last sign of life.
    """

    waiters: deque[_Waiter] = field(default_factory=deque)
    held: Grant | None = None
    working: asyncio.Task[None] | None = None
    record: LockRecord | None = None
    token: int = 0
    told: int = 0
    beat: float = float("-inf")
    signs: Signs = field(default_factory=Signs)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def pending(self) -> list[_Waiter]:
        """Who waits here, in the order of asking."""
        return [one for one in self.waiters if not one.future.done()]


@dataclass(frozen=True, slots=True)
class LockStatistics:
    """A lock: who holds it here, since when and for how long, the token, and who waits here, in order.

    ``left`` is for how many seconds it is held from now on, unless it is renewed.
    """

    resource: str
    holder: str | None
    token: int
    waiters: tuple[str, ...]
    since: datetime | None = None
    ttl: float = 0.0
    left: float = 0.0


class Locks:
    """The locks of one engine on a store. Belongs to the running loop.

    While somebody waits here, the engine gives a sign of life ``BEATS`` times within ``waiter_ttl``
    seconds; after so long without one it loses its places in the line.
    """

    def __init__(
        self,
        store: KeptStore,
        *,
        clock: Clock = SYSTEM_CLOCK,
        engine_id: str = "",
        max_waiters: int = 1000,
        waiter_ttl: float = WAITER_TTL,
    ) -> None:
        self.engine_id = engine_id or new_id()
        self._store = store
        self._clock = clock
        self._max_waiters = max_waiters
        self._waiter_ttl = waiter_ttl
        self._places: dict[str, _Place] = {}
        self._closed = False
        self._unfollow: Callable[[], None] = lambda: None
        self._tells = isinstance(store, Followed)
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
        async with place.writing:
            while self._holds(await self._read(grant.resource, place), grant):
                record = await self._read(grant.resource, place)
                prolonged = replace(record, ttl=span, renewed=record.renewed + 1)
                if await self._write(grant.resource, place, prolonged):
                    break
            else:
                self._lose(grant.resource, place, grant)
        if place.record is None:
            self._go_on(grant.resource, place)
        grant.check()
        grant.ttl, grant.deadline = span, deadline
        self._watch(grant.resource, place, grant)

    async def recover(self, former: Collection[str]) -> int:
        """Free what engines held that are known to be gone; how many locks that were."""
        freed = 0
        for kept in await self._store.all_kept(KIND):
            record = LockRecord.of(kept)
            left = record.without(former)
            if left != record:
                done = await self._store.put_kept(left.next().kept(kept.key))
                freed += done and record.engine in former
        return freed

    async def all(self) -> list[KeptLock]:
        """Every lock that is held, by any engine."""
        found = await self._store.all_kept(KIND, open_only=True)
        return [kept_lock(record) for record in found]

    async def take_away(self, resource: str) -> KeptLock:
        """Take a lock from its holder, whichever engine's it is; the next one has it.

        :raises LockFree: if nobody holds it.
        """
        while (record := await self._store.get_kept(KIND, resource)) is not None and record.open:
            lock = kept_lock(record)
            place = self._places.get(resource)
            if place is not None and place.held is not None and place.held.token == lock.token:
                self._lose(resource, place, place.held)
                return lock
            if await self._store.put_kept(LockRecord.of(record).free().next().kept(resource)):
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
            for waiter in place.pending():
                waiter.future.set_exception(f.CoordinationClosed("The layer was closed."))
            place.waiters.clear()
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
                tuple(one.holder for one in place.pending()),
                place.held.since if place.held else None,
                place.held.ttl if place.held else 0.0,
                place.held.deadline - self._clock.monotonic() if place.held else 0.0,
            )
            for resource, place in self._places.items()
        )

    # ---- the line --------------------------------------------------------------------------

    def _go_on(self, resource: str, place: _Place) -> None:
        """Something about the lock has changed: bring its record up to date."""
        place.changed.set()
        if place.working is None:
            place.working = asyncio.create_task(
                self._work(resource, place), name=f"lock {resource}"
            )

    async def _work(self, resource: str, place: _Place) -> None:
        """Keep the record as it is to be, as long as somebody waits, or it is not so."""
        try:
            while True:
                place.changed.clear()
                async with place.writing:
                    waits = await self._step(resource, place)
                if waits is None:
                    continue
                if not place.pending():
                    break
                await self._sleep(place, waits)
        except Exception as error:  # noqa: BLE001  # the store's fault is told to whoever waits
            for waiter in place.pending():
                waiter.future.set_exception(error)
            place.waiters.clear()
        finally:
            place.working = None
            if place.held is None and not place.waiters:
                self._places.pop(resource, None)

    async def _step(self, resource: str, place: _Place) -> float | None:
        """Change the record once; how many seconds nothing need be changed, if nothing had to be."""
        before, told = self._clock.monotonic(), place.told
        record = await self._read(resource, place)
        if place.held is not None and not self._holds(record, place.held):
            self._drop(place, place.held)
        now = self._clock.monotonic()
        place.signs.look(record, now)
        line = self._line(place, record, now)
        wanted, first = record.lined(line), None
        if self._is_free(place, record, now):
            if line and line[0].engine == self.engine_id:
                first = next(one for one in place.waiters if one.id == line[0].waiter)
                wanted = record.lined(line[1:]).held(self.engine_id, first.holder, first.ttl)
            else:
                wanted = wanted.free()
        if self._beats(place, wanted, now):
            wanted, place.beat = wanted.beaten(self.engine_id, self._waiter_ttl), now
        if wanted == record and place.told == told:
            return self._wakes(place, record) - now
        if wanted == record:  # another engine's change was told of meanwhile
            place.record = None
            return None
        if await self._write(resource, place, wanted) and first is not None:
            self._give(resource, place, first, before)
        return None

    def _line(self, place: _Place, record: LockRecord, now: float) -> list[Entry]:
        """Who waits: those that stand there and are still there, then those that have come here."""
        waiters = {one.id: one for one in place.pending()}
        stand = [
            one
            for one in record.line
            if (
                one.waiter in waiters
                if one.engine == self.engine_id
                else place.signs.waiter_gone_at(record, one.engine) > now
            )
        ]
        known = {one.waiter for one in stand}
        come = [one for one in waiters.values() if one.id not in known]
        return stand + [Entry(self.engine_id, one.id, one.holder) for one in come]

    def _is_free(self, place: _Place, record: LockRecord, now: float) -> bool:
        if record.engine == self.engine_id:
            return place.held is None
        return not record.engine or place.signs.holder_gone_at(record) <= now

    def _beats(self, place: _Place, record: LockRecord, now: float) -> bool:
        """Whether it is time for a sign of life."""
        stands = any(one.engine == self.engine_id for one in record.line)
        new = self.engine_id not in record.beats
        return stands and (new or place.beat + self._waiter_ttl / BEATS <= now)

    def _wakes(self, place: _Place, record: LockRecord) -> float:
        """When something may have to be changed though nobody says so."""
        times = [place.beat + self._waiter_ttl / BEATS]
        if record.engine and record.engine != self.engine_id:
            times.append(place.signs.holder_gone_at(record))
        others = {one.engine for one in record.line} - {self.engine_id}
        times += [place.signs.waiter_gone_at(record, engine) for engine in others]
        return min(times)

    async def _sleep(self, place: _Place, seconds: float) -> None:
        """Until something has changed, or so long; then whatever was known may be old."""
        loop = asyncio.get_running_loop()

        def ring() -> None:
            place.record = None
            place.changed.set()

        timer = loop.call_later(max(0.0, seconds), ring)
        try:
            await place.changed.wait()
        finally:
            timer.cancel()

    def _give(self, resource: str, place: _Place, waiter: _Waiter, before: float) -> None:
        assert place.record is not None  # noqa: S101  # it was written this moment
        place.token = place.record.token
        if waiter in place.waiters:
            place.waiters.remove(waiter)
        if waiter.future.done():  # it gave up meanwhile; the next one's turn
            return
        deadline = before + waiter.ttl
        grant = Grant(resource, waiter.holder, place.token, waiter.ttl, deadline, self._clock.now())
        place.held = grant
        self._watch(resource, place, grant)
        waiter.future.set_result(grant)

    # ---- the record ------------------------------------------------------------------------

    def _holds(self, record: LockRecord, grant: Grant) -> bool:
        return (record.engine, record.token) == (self.engine_id, grant.token)

    async def _read(self, resource: str, place: _Place) -> LockRecord:
        while place.record is None:
            told = place.told
            record = LockRecord.of(await self._store.get_kept(KIND, resource))
            if place.told == told:
                place.record = record
        return place.record

    async def _write(self, resource: str, place: _Place, wanted: LockRecord) -> bool:
        """Keep the record, unless another one was kept meanwhile."""
        told, record = place.told, wanted.next()
        done = await self._store.put_kept(record.kept(resource))
        # A store tells of this change too; if it told of more, what was written is old already.
        place.record = record if done and place.told - told <= self._tells else None
        return done

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
        self._go_on(resource, place)

    def _heard(self, kind: str, key: str) -> None:
        place = self._places.get(key) if kind == KIND else None
        if place is not None:
            place.told += 1
            if not place.writing.locked():
                place.record = None
                self._go_on(key, place)
