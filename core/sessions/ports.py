"""What the sessions room needs of others."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from ..protocol.attention import AttentionItem
from ..protocol.events import Cause, EventPayload
from .records import ScreenSnapshot, SessionChange, SessionRecord, StatusEntry


class Recorder(Protocol):
    """Makes changes durable, then tells the world."""

    def record(
        self,
        changes: Sequence[SessionChange],
        events: Sequence[EventPayload],
        cause: Cause | None = None,
    ) -> Awaitable[None]:
        """Journal ``changes`` and ``events`` in one transaction, then deliver the events.

        Takes effect in the order of the calls; the awaitable ends when all is on disk, and need
        not be awaited.
        """
        ...


class SessionStore(Protocol):
    """What was kept of sessions before this engine."""

    async def sessions(self) -> list[SessionRecord]:
        """Every session, oldest first."""
        ...

    async def open_items(self) -> list[AttentionItem]:
        """Every open attention item, oldest first."""
        ...

    async def snapshot(self, session_id: str) -> ScreenSnapshot | None:
        """A session's last screen snapshot."""
        ...

    async def history(self, session_id: str, limit: int) -> list[StatusEntry]:
        """A session's former statuses, newest first, at most ``limit``."""
        ...


class Prepared(Protocol):
    """Surroundings that are ready: what to put before the command, and where to run it."""

    @property
    def cwd(self) -> str:
        """The directory to run in."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """What the environment has beside the session's own."""
        ...

    def exec(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The command that runs ``argv`` inside."""
        ...


class ContainerManager(Protocol):
    """Isolates sessions. ``none`` is the one that isolates nothing."""

    isolation: str

    async def prepare(self, session_id: str, cwd: str, env: Mapping[str, str]) -> Prepared:
        """Make the surroundings of a session ready.

        :raises QuarterdeckError: if that fails; the session becomes crashed and says why.
        """
        ...

    async def health(self, session_id: str) -> bool:
        """Whether the surroundings still stand."""
        ...

    async def destroy(self, session_id: str) -> None:
        """Take the surroundings down; a second time does nothing."""
        ...

    async def orphans(self, living: frozenset[str]) -> int:
        """Destroy surroundings of sessions that are not ``living``; their number."""
        ...
