"""Taking sessions up again whose link is gone: after an engine's end, or a keeper's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

from ..base.errors import QuarterdeckError
from ..protocol.events import SystemWarning
from ..protocol.status import Lifecycle
from ..telemetry.logs import logger
from .errands import Errands
from .keeper.faults import KeeperEpoch
from .keeper.items import Output, Resized
from .keeper.places import FoundKeeper
from .keeper.recording import PostMortem
from .lifecycle import KeeperFound, StartFailed
from .ports import Link
from .records import ScreenSnapshot
from .run import PIECE, PIECES, Run
from .services import Services
from .session import Session
from .terminal.factory import restore
from .terminal.port import Emulator, SnapshotUnreadable
from .typist import in_time

AT_ONCE = 16
"""How many keepers are connected at the same time."""

PATIENCE = 5.0
"""Seconds that a link has to last to be made anew when it breaks."""

DYING = 1.0
"""Seconds that a keeper may take to be gone after its socket is."""

_log = logger("sessions.restore")


class Restorer:
    """Reconnects sessions to their keepers, or finds out how they ended."""

    def __init__(self, services: Services, errands: Errands) -> None:
        self._services = services
        self._errands = errands
        self._inquiries: dict[str, asyncio.Task[None]] = {}
        self._strangers: set[str] = set()

    async def reconnect(self, sessions: Iterable[Session]) -> None:
        """Take every session up: running ones with their screens, ended ones with their last."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(session: Session) -> None:
            async with gate:
                await self._take_up(session)

        await asyncio.gather(*(one(session) for session in sessions))

    async def _take_up(self, session: Session) -> None:
        emulator, offset = self._rebuild(await self._snapshot(session))
        if emulator is not None:
            session.screen.replace(emulator)
            session.offset = offset
            session.kept_generation = session.screen.generation
        if session.living:
            await self._connect(session)
        else:
            session.screen.end()
            session.reader.recall()

    async def _snapshot(self, session: Session) -> ScreenSnapshot | None:
        try:
            snapshot = await self._services.store.snapshot(session.id)
        except QuarterdeckError as error:  # the ring holds the stream; it is read from its start
            _log.error("a screen's snapshot can't be read", error, id=session.id)
            return None
        fits = snapshot is not None and snapshot.generation == session.record.generation
        return snapshot if fits else None

    def _rebuild(self, snapshot: ScreenSnapshot | None) -> tuple[Emulator | None, int]:
        """The emulator as it was, and the offset from which its stream goes on."""
        if snapshot is None:
            return None, 0
        options = self._services.options
        try:
            kept = restore(
                snapshot.data,
                backend=options.backend,
                scrollback=options.scrollback,
                clock=self._services.clock,
            )
        except SnapshotUnreadable:  # as above
            return None, 0
        return kept.emulator, snapshot.offset

    async def _connect(self, session: Session) -> None:
        """Link the session to its keeper and go on where its screen stands, or bury it."""
        try:
            link = await self._link(session)
        except KeeperEpoch:
            session.on_superseded()
        except QuarterdeckError as error:
            await self._bury(session, error.message)
        else:
            await self._adopt(session, link)

    async def _link(self, session: Session) -> Link:
        return await self._services.keepers.connect(
            session.places, epoch=self._services.epoch, offset=session.offset
        )

    async def _adopt(self, session: Session, link: Link) -> None:
        """Go on with a session whose keeper was found."""
        welcome, size = link.welcome, (session.record.cols, session.record.lines)
        session.linked_at = self._services.clock.monotonic()
        session.screen.ended = False
        session.ended.clear()
        session.reader.resume()
        up = session.move(
            KeeperFound(),
            pid=welcome.child_pid,
            keeper_pid=welcome.keeper_pid,
            epoch=self._services.epoch,
            reason="",
            ended_at=None,
        )
        session.run = Run(
            link,
            session.screen,
            session,
            size=size,
            offset=session.offset,
            live_from=welcome.ring_end,
        )
        if (welcome.cols, welcome.rows) != size:
            session.run.typist.post_size(*size)
        with contextlib.suppress(QuarterdeckError):  # owed; the process runs all the same
            await up

    # A link that broke

    def cut_loose(self, session: Session, run: Run | None, reason: str) -> None:
        """Find out what became of a session whose link is gone."""
        self._inquiries[session.id] = self._errands.run(
            self._inquire(session, run, reason), "session-inquiry"
        )

    async def settled(self, session: Session, run: Run | None = None) -> None:
        """Return when it is known what became of a session whose link, or ``run``, is of no use."""
        if run is not None and session.run is run:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(run.over.wait(), self._services.options.start_timeout)
        forlorn = session.living and not session.superseded and session.run is run
        if forlorn and session.id not in self._inquiries:
            session.on_cut_off("there is no link to its keeper")
        inquiry = self._inquiries.get(session.id)
        if inquiry is not None:
            await asyncio.wait([inquiry])

    async def _inquire(self, session: Session, run: Run | None, reason: str) -> None:
        try:
            if run is not None:
                await run.close()
            if not session.living or session.superseded:
                return
            if self._breaks(session):
                await self._bury(session, reason)
            else:
                await self._connect(session)
        finally:
            self._inquiries.pop(session.id, None)

    def _breaks(self, session: Session) -> bool:
        """Whether the link was made anew just now: making it again would go on for ever."""
        since = session.linked_at
        return since is not None and self._services.clock.monotonic() - since < PATIENCE

    # Sessions without a keeper

    async def _bury(self, session: Session, why: str) -> None:
        """Find out how a session without a keeper ended; nobody knowing makes it lost."""
        keepers = self._services.keepers
        try:
            places = session.places
            dead = await keepers.ended(places, DYING)
            end = await keepers.post_mortem(places) if dead else None
        except (QuarterdeckError, OSError) as error:
            session.on_gone(f"nothing can be found out about its keeper: {error}")
            return
        if not dead:
            session.on_gone(f"its keeper lives, but can't be used ({why})")
        elif end is not None:
            await self._replay(session, end)
            session.screen.end()
            session.on_exit(end.code, end.signal)
        elif session.record.lifecycle is Lifecycle.STARTING:
            self._never_started(session)
        else:
            await keepers.end_leftovers(places, self._services.options.stop_grace)
            session.screen.end()
            session.on_gone(f"its keeper is gone, as after a reboot ({why})")

    def _never_started(self, session: Session) -> None:
        reason = "the engine ended while it was starting"
        session.screen.end()
        session.move(
            StartFailed(),
            reason=reason,
            ended_at=self._services.clock.now(),
            status=session.reader.finish(reason),
        )
        session.ended.set()

    async def _replay(self, session: Session, end: PostMortem) -> None:
        """Draw what the child wrote after the last snapshot."""
        if end.ring_start > session.offset:
            record = session.record
            session.screen.replace(self._services.new_emulator(record.cols, record.lines))
        emulator = session.screen.emulator
        size = PIECES.get(emulator.backend, PIECE)
        for item in end.items:
            if isinstance(item, Resized) and item.offset >= session.offset:
                session.screen.resize(item.cols, item.rows)
            elif isinstance(item, Output):
                data = item.data[max(session.offset - item.offset, 0) :]
                for at in range(0, len(data), size):
                    with emulator.mute():
                        session.screen.feed(data[at : at + size])
                    await asyncio.sleep(0)
        session.offset = max(session.offset, end.ring_end)

    # Keepers without a session

    async def meet_strangers(self, sessions: Mapping[str, Session]) -> None:
        """Leave alone, and tell of, living keepers that this store can't have known.

        Epochs only grow within one store: a keeper held under the present one or a later, before
        any session was started, belongs to a database that was moved aside or put back.
        """
        known = {session.place_key for session in sessions.values()}
        pids = []
        for found in await self._services.keepers.found(self._services.state_dir):
            facts, key = found.facts, found.places.key
            if found.lives and facts and facts.epoch >= self._services.epoch and key not in known:
                self._strangers.add(key)
                pids.append(facts.child_pid)
        if pids:
            self._services.recorder.record([], [_unknown_agents(pids)])

    async def sweep(self, sessions: Mapping[str, Session]) -> None:
        """End keepers that no session stands behind; take up sessions that were lost too early."""
        for found in await self._services.keepers.found(self._services.state_dir):
            # Looked up one by one: sessions start and end meanwhile.
            key = found.places.key
            session = next((one for one in sessions.values() if one.place_key == key), None)
            if not found.lives or (session is not None and session.living):
                self._strangers.discard(key)
                continue
            if key in self._strangers:
                continue
            if session is not None and session.record.lifecycle is Lifecycle.LOST:
                await self._take_back(session)
            elif session is None or session.dismissal is None or session.dismissal.done():
                await self._end_keeper(found)

    async def _take_back(self, session: Session) -> None:
        """Go on with a session that was called lost, if its keeper answers now."""
        async with session.busy:
            if session.record.lifecycle is not Lifecycle.LOST or session.removed:
                return
            with contextlib.suppress(QuarterdeckError):  # it is lost still
                await self._adopt(session, await self._link(session))

    async def _end_keeper(self, found: FoundKeeper) -> None:
        services, grace = self._services, self._services.options.stop_grace
        _log.info("a keeper without a session is ended", key=found.places.key)
        try:
            link = await services.keepers.connect(found.places, epoch=services.epoch, offset=None)
            try:
                await in_time(link.stop(grace), grace + services.options.start_timeout)
                await in_time(link.dismiss())
            finally:
                await link.detach()
        except KeeperEpoch:
            pass  # a later engine holds it
        except QuarterdeckError:
            if found.facts is not None:
                await services.keepers.end(found.facts.keeper_pid)

    async def tidy(self, sessions: Mapping[str, Session]) -> None:
        """Remove sockets and rings of starts that are over."""
        await self.sweep(sessions)
        keep = frozenset(session.place_key for session in sessions.values())
        await self._services.keepers.clean(self._services.state_dir, keep)


def _unknown_agents(pids: list[int]) -> SystemWarning:
    return SystemWarning(
        code="agents_unknown",
        message=f"{len(pids)} agents run that the database does not know, as after one was moved "
        f"aside. They go on and are left alone; their processes are {', '.join(map(str, pids))}.",
        details={"pids": pids},
    )
