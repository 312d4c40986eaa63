"""Executor back ends: where the processes of attempts run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from ...base.priority import Priority

LOG_LIMIT = 16 * 1024 * 1024
"""Bytes of an attempt's output that are kept; the middle of more is lost, and that is said."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One attempt as a process: the last thing that is handed over, never a graph.

    ``workflow_id``, ``task_id`` and ``attempt`` are its identity, ``epoch`` that of the lease it was
    begun under. ``command`` is an argument list. ``env`` is added to the surroundings where it runs. ``stdin``
    is what it reads. ``resources`` are amounts by name that the place must have free.
    """

    workflow_id: str
    task_id: str
    attempt: int
    epoch: int
    command: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    priority: Priority = Priority.NORMAL
    resources: Mapping[str, float] = field(default_factory=dict)
    grace: float = 5.0
    log_limit: int = LOG_LIMIT

    @property
    def key(self) -> str:
        """Its identity as text."""
        return f"{self.workflow_id}/{self.task_id}/{self.attempt}"


class Stream(StrEnum):
    """Where output came from."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True)
class LeafStarted:
    """The process runs; ``where`` names its machine and process for people."""

    at: datetime
    pid: int
    where: str


@dataclass(frozen=True, slots=True)
class LeafOutput:
    """What the process wrote; ``offset`` is the number of bytes of this stream before it."""

    stream: Stream
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LeafEnded:
    """The process and its whole tree are gone.

    ``exit_code`` is ``None`` where a ``signal`` ended it, or where it never began (``error`` says why).
    """

    at: datetime
    exit_code: int | None
    signal: int | None = None
    error: str = ""
    cancelled: bool = False


LeafEvent = LeafStarted | LeafOutput | LeafEnded


class Standing(StrEnum):
    """What became of an attempt, for an engine that comes back."""

    LIVING = "living"
    ENDED = "ended"
    """Its end is known and ``events`` tells it."""
    GONE = "gone"
    """Proven: it does not run, and how it ended is lost."""
    UNKNOWN = "unknown"
    """It can't be told now, such as while the cluster can't be reached; it must not be begun again."""


class Backend(Protocol):
    """Runs leaf attempts. Our journal is the only truth; a back end never retries by itself.

    A leaf's ``place`` is known, and journalled, before it is submitted; so an engine that crashes
    at any moment can ask what became of it.
    """

    async def open(self) -> None:
        """Connect; what runs there already is not touched.

        :raises ResourceFault: if the place can't be reached.
        """
        ...

    async def close(self) -> None:
        """Let go; what runs goes on where that is possible."""
        ...

    def place_of(self, leaf: Leaf) -> str:
        """Where this attempt is to be found: text that any later engine's back end understands."""
        ...

    async def submit(self, leaf: Leaf, place: str) -> None:
        """Begin the attempt; one that was begun at ``place`` already is left as it is.

        :raises ResourceFault: if it can't be begun (no place, no such directory).
        """
        ...

    def events(self, place: str) -> AsyncIterator[LeafEvent]:
        """What happened there, from the beginning; it ends with ``LeafEnded``.

        :raises AttemptLost: if how it ended can't be known any more.
        """
        ...

    async def cancel(self, place: str, grace: float) -> None:
        """SIGTERM to the whole tree, SIGKILL after ``grace`` seconds; returns when it is gone."""
        ...

    async def reconcile(self, places: Collection[str]) -> Mapping[str, Standing]:
        """What became of attempts that a former engine began."""
        ...

    async def forget(self, place: str) -> None:
        """Remove what is kept of an attempt whose end is journalled."""
        ...


@runtime_checkable
class TellsWaiting(Protocol):
    """A back end on which submitted attempts may wait, and that knows why."""

    def waiting(self) -> Mapping[str, str]:
        """Why attempts have not begun, or nothing is heard of them, by their places."""
        ...


@dataclass(frozen=True, slots=True)
class Left:
    """An attempt that is still there, whoever began it; ``workflow_id`` is empty where nothing tells it.

    Without a ``pid`` it has ended, and only what is kept of it is there.
    """

    place: str
    workflow_id: str
    pid: int | None


@runtime_checkable
class FindsLeft(Protocol):
    """A back end whose attempts outlive their engine, and that finds them again by itself."""

    async def left(self) -> Collection[Left]:
        """Every attempt that is still in its place, run or ended."""
        ...
