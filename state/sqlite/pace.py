"""Where commits run: inline on the loop while the disk is quick, on a thread while it is slow."""

from __future__ import annotations

import resource
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ...core.base.clock import Clock

WINDOW = 64
SLOW_IN_WINDOW = 4
"""So many slow ones of the last 64 (a 95th percentile): off the loop."""

WATCHED = 4 * WINDOW
"""Commits after a slow one of which it is asked what they waited for; asking costs 2 µs."""

QUICK_IN_ROW = 256
DWELL_SECONDS = 30.0
"""Back only after 256 quick commits in a row, and not before 30 s: no flapping."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a commit may take, in milliseconds: above ``slow`` it holds the loop, below ``quick`` it doesn't."""

    slow: float
    quick: float


WRITES = Bounds(slow=4.0, quick=1.0)
"""A dashboard at 30 frames a second has 33 ms for everything."""

SYNCS = Bounds(slow=2.5, quick=1.0)
"""Each commit waits for the disk, and there may be one in every turn: the thread takes over sooner."""


class Mode(StrEnum):
    """Where commits run."""

    INLINE = "inline"
    THREAD = "thread"


def thread_waits() -> int:
    """How often this thread has gone to sleep to wait for something, as for the disk."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


WAITS = thread_waits if hasattr(resource, "RUSAGE_THREAD") else None
"""``None``: the system doesn't tell."""


class Pace:
    """Judges by the duration of the commits.

    Where ``waits`` counts what a thread has waited for, a commit that took long without waiting is
    not slow: it lost the processor to others, which a thread of its own would not mend. The first
    slow one is let pass then; ``begin`` is to be called before each commit while ``watching``.
    """

    def __init__(
        self,
        clock: Clock,
        waits: Callable[[], int] | None = None,
        bounds: Bounds = WRITES,
    ) -> None:
        self._clock = clock
        self._bounds = bounds
        self._waits = waits
        self._waited = 0
        self.watching = 0
        self._commits = 0
        self._slow: deque[int] = deque(maxlen=SLOW_IN_WINDOW)
        self._quick = 0
        self._since = clock.monotonic()
        self.mode = Mode.INLINE
        self.switches = 0

    def begin(self) -> None:
        """Note what was waited for so far."""
        if self._waits is not None:
            self._waited = self._waits()

    def note(self, milliseconds: float) -> None:
        """Take in how long a commit took."""
        if self.mode is not Mode.INLINE:
            self._note_thread(milliseconds)
            return
        self._commits += 1
        if self.watching:
            self.watching -= 1
        if milliseconds > self._bounds.slow:
            self._note_slow()

    def _note_slow(self) -> None:
        if not self._was_disk():
            return
        self._slow.append(self._commits)
        if len(self._slow) == SLOW_IN_WINDOW and self._commits - self._slow[0] < WINDOW:
            self._switch(Mode.THREAD)

    def _was_disk(self) -> bool:
        """Whether the slow commit that just ended waited, as far as is known."""
        if self._waits is None:
            return True
        begun, self.watching = self.watching, WATCHED
        return bool(begun) and self._waits() > self._waited

    def _note_thread(self, milliseconds: float) -> None:
        self._quick = self._quick + 1 if milliseconds < self._bounds.quick else 0
        stayed = self._clock.monotonic() - self._since
        if self._quick >= QUICK_IN_ROW and stayed >= DWELL_SECONDS:
            self._switch(Mode.INLINE)

    def _switch(self, mode: Mode) -> None:
        self.mode = mode
        self.switches += 1
        self._since = self._clock.monotonic()
        self._slow.clear()
        self.watching = 0
        self._quick = 0
