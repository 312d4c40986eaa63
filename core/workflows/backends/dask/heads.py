"""How attempts stand, as the engine was last told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .register import State


@dataclass(frozen=True, slots=True)
class Seen:
    """An attempt as the register told of it; ``gone`` is the loop's time from when a lost one is gone for sure."""

    place: str
    serial: int
    state: State
    reason: str
    worker: str
    machine: str
    folder: str
    tethered: bool
    ended: list[Any] | None
    size: int
    kept: bool
    gone: float

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Seen:
        """From the register's words."""
        given = {name: told[name] for name in cls.__slots__}
        given["state"] = State(told["state"])
        given["gone"] = asyncio.get_running_loop().time() + told["settles"]
        return cls(**given)

    @property
    def readable(self) -> bool:
        """Whether a worker is there to be asked for its events."""
        return bool(self.worker) and self.kept and self.state in {State.CLAIMED, State.ENDED}

    def complete(self, position: int) -> bool:
        """Whether it has ended, and nothing can or need be read behind ``position``."""
        return self.state is State.ENDED and not self.readable and position >= self.size


@dataclass(slots=True)
class Follower:
    """Whoever reads the events of one place: what came for it, and how far it has come.

    ``absent`` is the loop's time from when it is gone for sure, where the register does not know it.
    """

    place: str
    buffer: deque[list[Any]] = field(default_factory=deque)
    position: int = 0
    begun: bool = False
    whole: bool = False
    seen: Seen | None = None
    absent: float | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, answer: Mapping[str, Any], asked: tuple[int, bool]) -> None:
        """Keep what a worker told; the answer to an older question is passed over."""
        if asked != (self.position, self.begun) or self.whole:
            return
        self.buffer += answer["events"]
        self.begun |= answer["begun"]
        self.position, self.whole = answer["position"], answer["whole"]
        self.news.set()

    def look(self, seen: Seen) -> None:
        """Keep what the register told."""
        self.seen, self.absent = seen, None
        self.news.set()

    def miss(self, absent: float) -> None:
        """The register doesn't know it."""
        self.absent = absent
        self.news.set()
