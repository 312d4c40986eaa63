"""The description of a child that is to be kept."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .faults import ChildSpecInvalid
from .places import KeeperPlaces

LEAST_RING = 16 * 1024
MOST_CELLS = 65535


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A child to be kept.

    ``env`` is its whole environment, to which the keeper's marker is added. Sizes are in bytes,
    rates in bytes a second, times in seconds. ``lag_rate`` and ``away_rate`` bound what is read
    while the engine doesn't keep up, and while there is none. ``linger`` is how long the keeper
    waits for an engine when its child has ended; ``grace`` is for when the keeper itself is told
    to end. ``about`` are short texts that it keeps in its record for whoever finds it. ``input`` is
    all that a child with pipes reads on its standard input, which ends then; None leaves it open. With
    a ``tether`` the whole tree ends, after ``grace``, as soon as no link is there any more, or none
    came in so many seconds.
    """

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    session_id: str
    mode: Literal["pty", "pipe"] = "pty"
    cols: int = 80
    rows: int = 24
    ring_bytes: int = 4 * 1024 * 1024
    lag_rate: float = 4 * 1024 * 1024
    away_rate: float = 1024 * 1024
    linger: float = 24 * 3600.0
    grace: float = 5.0
    about: Mapping[str, str] = field(default_factory=dict)
    input: bytes | None = None
    tether: float = 0.0

    def __post_init__(self) -> None:
        texts = (*self.argv, self.cwd, self.session_id, *self.env, *self.env.values())
        problems = {
            "the command is empty": not self.argv or not self.argv[0],
            "a text holds a NUL character": any("\0" in text for text in texts),
            "a name in the environment is empty or holds '='": any(
                not name or "=" in name for name in self.env
            ),
            f"the mode is {self.mode!r}, not 'pty' or 'pipe'": self.mode not in {"pty", "pipe"},
            f"a terminal has 1 to {MOST_CELLS} columns and rows": not (
                1 <= self.cols <= MOST_CELLS and 1 <= self.rows <= MOST_CELLS
            ),
            f"the log has at least {LEAST_RING} bytes": self.ring_bytes < LEAST_RING,
            "rates are above 0": min(self.lag_rate, self.away_rate) <= 0,
            "times are not negative": min(self.linger, self.grace, self.tether) < 0,
            "a terminal's input is typed": self.mode == "pty" and self.input is not None,
        }
        found = [problem for problem, there in problems.items() if there]
        if found:
            raise ChildSpecInvalid(f"The child can't be started like this: {'; '.join(found)}.")

    def orders(self, places: KeeperPlaces) -> bytes:
        """What the keeper is told, on a pipe: the environment may hold secrets."""
        marker, _, value = places.marker.partition("=")
        orders = {
            "session": self.session_id,
            "about": dict(self.about),
            "marker": places.marker,
            "mode": self.mode,
            "argv": self.argv,
            "env": {**self.env, marker: value},
            "cwd": self.cwd,
            "cols": self.cols,
            "rows": self.rows,
            "folder": str(places.folder),
            "socket": str(places.socket),
            "ring": self.ring_bytes,
            "lag_rate": self.lag_rate,
            "away_rate": self.away_rate,
            "linger": self.linger,
            "grace": self.grace,
            "input": None if self.input is None else b64encode(self.input).decode(),
            "tether": self.tether,
        }
        return json.dumps(orders).encode()
