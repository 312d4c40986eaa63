"""What is left to do when a process has ended, or is let go of: its last screen, its keeper's end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

from ..base.errors import QuarterdeckError
from ..protocol.status import Lifecycle
from ..telemetry.logs import logger
from .errands import Errands
from .keeper.places import KeeperPlaces, places_for
from .records import SaveSnapshot, ScreenSnapshot
from .run import Run
from .services import Services
from .session import Session

DISMISSAL = 2.0
"""Seconds that a dismissed keeper may take to end before its session can be swept."""

ERASURE = 10.0
"""Seconds that a removed session's keeper may take to end, on a machine that is overloaded, too."""

_log = logger("sessions.winding_up")


class WindingUp:
    """Keeps screens, and lets go of keepers."""

    def __init__(self, services: Services, errands: Errands) -> None:
        self._services = services
        self._errands = errands

    def ended(self, session: Session, run: Run | None) -> None:
        """Keep an ended session's last screen, and let its keeper end.

        The screen is taken at once: a restart may follow at once, and have another one.
        """
        if run is not None:
            dismissal = self._dismiss(run, session.places)
            session.dismissal = self._errands.run(dismissal, "session-dismissal")
        try:
            kept = self._keep(session)
        except Exception as error:  # noqa: BLE001  # the session has ended all the same
            _log.error("a last screen could not be taken", error, id=session.id)
            return
        if kept is not None:
            self._errands.run(kept, "session-last-screen")

    def erase_former(self, session: Session) -> None:
        """Remove what the start before this one left on disk."""
        record = session.record
        if record.generation > 1:
            key = f"{record.id}.{record.generation - 1}"
            places = places_for(self._services.state_dir, key)
            self._errands.run(self._erase_former(session, places), "session-former-files")

    async def _erase_former(self, session: Session, places: KeeperPlaces) -> None:
        if session.dismissal is not None:
            await asyncio.wait([session.dismissal])
        await self._erase(places)

    async def _erase(self, places: KeeperPlaces) -> None:
        """Remove what a keeper left, once it has ended: its files are its own until then."""
        if not await self._services.keepers.ended(places, ERASURE):
            _log.warning("a keeper does not end; its files stay until it does", key=places.key)
        await self._services.keepers.erase(places)

    async def _dismiss(self, run: Run, places: KeeperPlaces) -> None:
        await run.dismiss()
        await self._services.keepers.ended(places, DISMISSAL)

    async def keep_screen(self, session: Session) -> None:
        """Keep a snapshot of the screen, if it changed since the last one.

        :raises QuarterdeckError: if the store refused; the next time tries again.
        """
        kept = self._keep(session)
        if kept is not None:
            await kept

    def is_due(self, session: Session) -> bool:
        """Whether the screen is another one than the one kept."""
        record = session.record
        # While a process starts, the screen is still the one before's.
        starting = record.lifecycle is Lifecycle.STARTING or not record.generation
        if session.removed or starting:
            return False
        return session.kept_generation != session.screen.generation

    def _keep(self, session: Session) -> Coroutine[Any, Any, None] | None:
        """Take and record a snapshot; what is left is to wait for the store."""
        if not self.is_due(session):
            return None
        record, screen = session.record, session.screen
        generation = screen.generation
        snapshot = ScreenSnapshot(
            session_id=session.id,
            generation=record.generation,
            offset=session.offset,
            at=self._services.clock.now(),
            data=screen.emulator.snapshot(),
        )
        session.kept_generation = generation
        return _kept(session, self._services.recorder.record([SaveSnapshot(snapshot)], []))

    async def release(self, session: Session) -> None:
        """Let go of the session's keeper; its process goes on."""
        session.reader.close()
        run = session.let_go()
        if run is not None:
            await run.close()

    async def erase(self, session: Session) -> None:
        """Remove what is left of a session that was removed: processes, files, surroundings."""
        await self.release(session)
        if session.dismissal is not None:
            await asyncio.wait([session.dismissal])
        try:
            keepers, places = self._services.keepers, session.places
            if session.record.generation:
                await keepers.end_leftovers(places, self._services.options.stop_grace)
                await self._erase(places)
            await self._services.containers.destroy(session.id)
        except (QuarterdeckError, OSError) as error:
            _log.error("what a removed session left could not be removed", error, id=session.id)


async def _kept(session: Session, done: Awaitable[None]) -> None:
    try:
        await done
    except BaseException:
        session.kept_generation = -1
        raise
