"""What the sessions room needs of others, and of its keepers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..protocol.attention import AttentionItem
from ..protocol.events import Cause, EventPayload
from .keeper.foreground import Foreground
from .keeper.items import Item, KeeperFacts, StopReport
from .keeper.places import FoundKeeper, KeeperPlaces
from .keeper.recording import PostMortem
from .keeper.spec import ChildSpec
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


class Link(Protocol):
    """The link to one keeper; every request raises ``KeeperGone`` once it has ended."""

    @property
    def welcome(self) -> KeeperFacts:
        """How the keeper stood when the link began."""
        ...

    @property
    def facts(self) -> KeeperFacts:
        """How it stood when it last told."""
        ...

    def items(self) -> AsyncIterator[Item]:
        """What the keeper sends, for one consumer."""
        ...

    async def end_offset(self) -> int:
        """The offset behind all that the child has written until now."""
        ...

    async def write(self, data: bytes) -> int:
        """Hand input to the child; ends when its terminal has taken it."""
        ...

    async def resize(self, cols: int, rows: int) -> None:
        """Give the terminal another size; the change stands in the stream as well."""
        ...

    async def foreground(self) -> Foreground:
        """The process group that owns the terminal."""
        ...

    async def stop(self, grace: float) -> StopReport:
        """End the whole process tree, with SIGKILL after ``grace`` seconds."""
        ...

    async def dismiss(self) -> None:
        """Let the keeper end when its child has."""
        ...

    async def detach(self) -> None:
        """Close the link; keeper and child go on."""
        ...


class Keepers(Protocol):
    """Starts keepers, reaches them, and finds out what became of those that are gone."""

    async def spawn(self, spec: ChildSpec, places: KeeperPlaces, *, seconds: float) -> int:
        """Start a keeper and its child; the keeper's process id.

        :raises QuarterdeckError: one class for each cause; nothing is left running then.
        """
        ...

    async def connect(self, places: KeeperPlaces, *, epoch: int, offset: int | None) -> Link:
        """The link to a keeper, bringing its output from ``offset`` on; ``None``: from now on.

        :raises KeeperGone: if there is none.
        :raises KeeperEpoch: if a later engine holds it.
        """
        ...

    async def ended(self, places: KeeperPlaces, seconds: float) -> bool:
        """Whether the keeper there has ended, or does so within ``seconds``."""
        ...

    async def post_mortem(self, places: KeeperPlaces) -> PostMortem | None:
        """How the child of a keeper that is gone ended; ``None`` if nothing tells."""
        ...

    async def end(self, keeper_pid: int) -> None:
        """Tell a keeper that can't be reached to end, and its child's tree with it."""
        ...

    async def end_leftovers(self, places: KeeperPlaces, grace: float) -> StopReport:
        """End the processes that a keeper which is gone has left."""
        ...

    async def found(self, state_dir: Path) -> list[FoundKeeper]:
        """Every keeper's place under ``state_dir``."""
        ...

    async def erase(self, places: KeeperPlaces) -> None:
        """Remove what a keeper that is gone has left on disk."""
        ...

    async def clean(self, state_dir: Path, keep: Collection[str]) -> int:
        """Remove what keepers that are gone have left, but for the keys in ``keep``."""
        ...
