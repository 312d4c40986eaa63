"""Where commits run: inline on the loop while the disk is quick, on a thread while it is slow."""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from ...core.base.clock import Clock

SLOW_MS = 4.0
"""A commit above this is slow: a dashboard at 30 frames a second has 33 ms for everything."""

WINDOW = 64
SLOW_IN_WINDOW = 4
"""So many slow ones of the last 64 (a 95th percentile above 4 ms): off the loop."""

QUICK_MS = 1.0
QUICK_IN_ROW = 256
DWELL_SECONDS = 30.0
"""Back only after 256 commits in a row below 1 ms, and not before 30 s: no flapping."""


class Mode(StrEnum):
    """Where commits run."""

    INLINE = "inline"
    THREAD = "thread"


class Pace:
    """Judges by the duration of the commits; ``pinned`` is a mode that is never left."""

    def __init__(self, clock: Clock, pinned: Mode | None = None) -> None:
        self._clock = clock
        self._pinned = pinned
        self._slow: deque[bool] = deque(maxlen=WINDOW)
        self._quick = 0
        self._since = clock.monotonic()
        self.mode = pinned or Mode.INLINE
        self.switches = 0

    def note(self, milliseconds: float) -> None:
        """Take in how long a commit took."""
        if self._pinned is not None:
            return
        if self.mode is Mode.INLINE:
            self._note_inline(milliseconds)
        else:
            self._note_thread(milliseconds)

    def _note_inline(self, milliseconds: float) -> None:
        slow = milliseconds > SLOW_MS
        self._slow.append(slow)
        if slow and sum(self._slow) >= SLOW_IN_WINDOW:
            self._switch(Mode.THREAD)

    def _note_thread(self, milliseconds: float) -> None:
        self._quick = self._quick + 1 if milliseconds < QUICK_MS else 0
        stayed = self._clock.monotonic() - self._since
        if self._quick >= QUICK_IN_ROW and stayed >= DWELL_SECONDS:
            self._switch(Mode.INLINE)

    def _switch(self, mode: Mode) -> None:
        self.mode = mode
        self.switches += 1
        self._since = self._clock.monotonic()
        self._slow.clear()
        self._quick = 0
