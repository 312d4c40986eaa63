"""What a keeper tells: its facts, and the items of its child's stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any


class Stream(IntEnum):
    """Where output was written; a terminal's is all ``OUT``."""

    OUT = 1
    ERR = 2


@dataclass(frozen=True, slots=True)
class Output:
    """``data`` of a stream; ``offset`` counts all output of the child before it."""

    offset: int
    stream: Stream
    data: bytes


@dataclass(frozen=True, slots=True)
class Resized:
    """From here on the terminal has this size. A link may bring it again where it begins."""

    offset: int
    cols: int
    rows: int


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a child ended: by a code or by a signal."""

    code: int | None
    signal: int | None

    @classmethod
    def of(cls, status: int) -> ExitStatus:
        """From one number, as keepers write it: the code, or the signal's negative."""
        return cls(status, None) if status >= 0 else cls(None, -status)


@dataclass(frozen=True, slots=True)
class Exited:
    """The child has ended, and all that it wrote came before. Its children may still write."""

    offset: int
    code: int | None
    signal: int | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The stream goes on at ``offset``; what came between is gone for good."""

    offset: int


@dataclass(frozen=True, slots=True)
class LogInMemory:
    """The disk failed: from now on the log is lost when the keeper ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """A later link took the keeper over; this one is closed."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The link is closed, and nobody said how the child fares."""

    reason: str


Item = Output | Resized | Exited | Lost | LogInMemory | Superseded | Gone
"""What comes out of a link; ``Superseded`` and ``Gone`` are always the last."""


@dataclass(frozen=True, slots=True)
class KeeperFacts:
    """A keeper and its child at one moment.

    Offsets count the child's output in bytes. ``accepted`` and ``written`` count its input: what
    the keeper has taken, and what the child's terminal or pipe has. ``about`` is what the engine
    gave it to remember of the session.
    """

    version: int
    session_id: str
    keeper_pid: int
    child_pid: int
    child_born: int
    mode: str
    started_at: datetime
    cols: int
    rows: int
    epoch: int
    ring_start: int
    ring_end: int
    ring_kind: str
    accepted: int
    written: int
    input_open: bool
    exit: ExitStatus | None
    fault: str
    about: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> KeeperFacts:
        """From a keeper's own words.

        :raises AttributeError, KeyError, TypeError, ValueError: if they are none.
        """
        status = raw["exit"]
        return cls(
            version=int(raw["version"]),
            session_id=str(raw["session"]),
            keeper_pid=int(raw["keeper_pid"]),
            child_pid=int(raw["child_pid"]),
            child_born=int(raw["child_born"]),
            mode=str(raw["mode"]),
            started_at=datetime.fromtimestamp(float(raw["started_at"]), UTC),
            cols=int(raw["cols"]),
            rows=int(raw["rows"]),
            epoch=int(raw["epoch"]),
            ring_start=int(raw["start"]),
            ring_end=int(raw["end"]),
            ring_kind=str(raw["ring"]),
            accepted=int(raw["accepted"]),
            written=int(raw["written"]),
            input_open=bool(raw["input"]),
            exit=None if status is None else ExitStatus.of(int(status)),
            fault=str(raw["fault"]),
            about={str(name): str(text) for name, text in raw.get("about", {}).items()},
        )


@dataclass(frozen=True, slots=True)
class StopReport:
    """How the ending of a process tree went, by process ids.

    ``forced`` are those that needed SIGKILL; ``left`` are still there, such as another user's.
    """

    ended: tuple[int, ...]
    forced: tuple[int, ...]
    left: tuple[int, ...]

    @classmethod
    def of(cls, report: Mapping[str, Sequence[int]]) -> StopReport:
        """From the three lists of pids."""
        return cls(tuple(report["ended"]), tuple(report["forced"]), tuple(report["left"]))
