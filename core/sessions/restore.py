"""Taking kept sessions up again after an engine's end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from ..base.errors import QuarterdeckError
from .keeper.link import KeeperLink
from .keeper.places import clean_places
from .keeper.recording import PostMortem, post_mortem
from .lifecycle import KeeperFound
from .records import ScreenSnapshot
from .run import Run
from .services import Services
from .session import Session
from .terminal.factory import restore
from .terminal.port import Emulator, SnapshotUnreadable

AT_ONCE = 16
"""How many keepers are connected at the same time."""


class Restorer:
    """Reconnects sessions to their keepers, or finds out how they ended."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def reconnect(self, sessions: Iterable[Session]) -> None:
        """Take every session up: running ones with their screens, ended ones with their last."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(session: Session) -> None:
            async with gate:
                await self._take_up(session)

        await asyncio.gather(*(one(session) for session in sessions))

    async def _take_up(self, session: Session) -> None:
        snapshot = await self._services.store.snapshot(session.id)
        if snapshot is not None and snapshot.generation != session.record.generation:
            snapshot = None
        emulator, offset = self._rebuild(snapshot)
        if emulator is not None:
            session.screen.replace(emulator)
            session.offset = offset
        if session.living:
            await self._connect(session)
        else:
            session.screen.end()
        session.snapshot_generation = session.screen.generation

    def _rebuild(self, snapshot: ScreenSnapshot | None) -> tuple[Emulator | None, int]:
        """The emulator as it was, and the offset from which its stream goes on."""
        if snapshot is None:
            return None, 0
        options = self._services.options
        try:
            kept = restore(snapshot.data, backend=options.backend, scrollback=options.scrollback)
        except SnapshotUnreadable:  # the ring holds the stream; it is read from its start
            return None, 0
        return kept.emulator, snapshot.offset

    async def _connect(self, session: Session) -> None:
        places = session.places
        try:
            link = await KeeperLink.connect(
                places, epoch=self._services.epoch, from_offset=session.offset
            )
        except QuarterdeckError as error:
            await self._bury(session, error.message)
            return
        welcome = link.welcome
        session.reader.begin(resumed=True)
        up = session.move(
            KeeperFound(),
            pid=welcome.child_pid,
            keeper_pid=welcome.keeper_pid,
            epoch=self._services.epoch,
        )
        session.run = Run(
            link, session.screen, session, offset=session.offset, live_from=welcome.ring_end
        )
        await up

    async def _bury(self, session: Session, why: str) -> None:
        """Find out how a session without a keeper ended; nobody knowing makes it lost."""
        end = await asyncio.to_thread(post_mortem, session.places)
        if end is None:
            session.on_gone(f"its keeper is gone, as after a reboot ({why})")
            return
        self._replay(session, end)
        session.screen.end()
        session.on_exit(end.code, end.signal)

    def _replay(self, session: Session, end: PostMortem) -> None:
        """Draw what the child wrote after the last snapshot."""
        if end.ring_start > session.offset:
            record = session.record
            session.screen.replace(self._services.new_emulator(record.cols, record.lines))
        with session.screen.emulator.mute():
            for data in end.output(session.offset):
                session.screen.feed(data)

    async def tidy(self, sessions: Mapping[str, Session]) -> None:
        """Remove sockets and rings of starts that are over."""
        keep = frozenset(session.place_key for session in sessions.values())
        await asyncio.to_thread(clean_places, self._services.state_dir, keep)
