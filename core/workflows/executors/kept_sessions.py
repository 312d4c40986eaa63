"""Sessions of attempts that have ended: kept for looking at, then deleted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from asyncio import TimerHandle
from pathlib import Path

from ...base.errors import QuarterdeckError
from ...base.ids import new_id
from ...protocol import commands as c
from ...protocol.events import Cause
from ...sessions.faults import SessionUnknown
from .desk import Desk
from .ports import Sessions

FOLDER = "attempt-sessions"


class KeptSessions:
    """Remembers on disk which sessions are attempts', so that none is kept for ever after a crash.

    A file for each, named by the session's id; its time is when it was begun, or ended. It says whose
    it is, if that is one engine's alone: nobody adopts it.
    """

    def __init__(self, desk: Desk, sessions: Sessions) -> None:
        self._desk = desk
        self._sessions = sessions
        self._seconds = desk.surroundings.session_kept
        self._folder: Path = desk.surroundings.state_dir / FOLDER
        self._timer: TimerHandle | None = None
        self._owner = new_id()
        desk.orchestrator.at_close(self._close)

    async def note(self, session_id: str, *, adoptable: bool) -> None:
        """This session is an attempt's; what is due of others is deleted meanwhile."""
        await asyncio.to_thread(self._touch, session_id, "" if adoptable else self._owner)
        self._desk.errand(self.sweep(), "attempt-sessions")

    async def release(self, session_id: str) -> None:
        """Its person keeps it: it is like any other from now on."""
        await asyncio.to_thread((self._folder / session_id).unlink, missing_ok=True)
        with contextlib.suppress(QuarterdeckError):
            await self._sessions.hush(session_id, on=False)

    async def ended(self, session_id: str) -> None:
        """Its attempt is over: it is kept for a while."""
        await asyncio.to_thread(self._touch, session_id)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds + 1.0, self._ring)

    async def sweep(self) -> None:
        """Delete those whose time is over, and end what a former engine's handlers left."""
        for session_id, since, owner in await asyncio.to_thread(self._all):
            try:
                living = self._sessions.view(session_id).living
            except SessionUnknown:
                await asyncio.to_thread((self._folder / session_id).unlink, missing_ok=True)
                continue
            if living and owner not in {"", self._owner}:
                await self._end(session_id)
            elif not living and time.time() - since >= self._seconds:
                await self._delete(session_id)

    async def _delete(self, session_id: str) -> None:
        with contextlib.suppress(QuarterdeckError):  # the next sweep tries again
            await self._sessions.delete(c.DeleteSession(session_id=session_id), Cause())
            await asyncio.to_thread((self._folder / session_id).unlink, missing_ok=True)

    async def _end(self, session_id: str) -> None:
        with contextlib.suppress(QuarterdeckError):
            await self._sessions.stop(c.StopAgent(session_id=session_id), Cause())
            await self.ended(session_id)

    def _ring(self) -> None:
        self._timer = None
        self._desk.errand(self.sweep_on(), "attempt-sessions")

    async def sweep_on(self) -> None:
        """The same, and again when the next one is due."""
        await self.sweep()
        if await asyncio.to_thread(self._all) and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds + 1.0, self._ring)

    async def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _touch(self, session_id: str, owner: str = "") -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / session_id
        if owner:
            path.write_text(owner)
        path.touch()

    def _all(self) -> list[tuple[str, float, str]]:
        try:
            with os.scandir(self._folder) as found:
                return [(one.name, one.stat().st_mtime, Path(one).read_text()) for one in found]
        except FileNotFoundError:
            return []
