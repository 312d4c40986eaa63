"""When something is to be looked at again: one heap, from which what was called off goes in time."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")
SLACK = 64


class Due(Enum):
    """What a timer is for."""

    RETRY = "retry"
    TIMEOUT = "timeout"
    GRACE = "grace"
    DEADLINE = "deadline"


class Timer(Generic[T]):
    """One appointment; ``off`` once it was kept or called off."""

    __slots__ = ("at", "due", "item", "off")

    def __init__(self, at: float, due: Due, item: T) -> None:
        self.at = at
        self.due = due
        self.item = item
        self.off = False


class Timers(Generic[T]):
    """Appointments by time; those called off make up less than half of what is held."""

    __slots__ = ("_count", "_heap", "_off")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer[T]]] = []
        self._count = 0
        self._off = 0

    def __len__(self) -> int:
        return len(self._heap) - self._off

    def add(self, at: float, due: Due, item: T) -> Timer[T]:
        """Note an appointment."""
        timer = Timer(at, due, item)
        self._count += 1
        heappush(self._heap, (at, self._count, timer))
        return timer

    def call_off(self, timer: Timer[T] | None) -> None:
        """Forget one; ``None`` and those that are over are no fault."""
        if timer is None or timer.off:
            return
        timer.off = True
        self._off += 1
        if self._off > SLACK and self._off * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if not entry[2].off]
            heapify(self._heap)
            self._off = 0

    def due(self, now: float) -> Iterator[Timer[T]]:
        """Those whose time has come, each once."""
        while self._heap and self._heap[0][0] <= now:
            timer = heappop(self._heap)[2]
            if timer.off:
                self._off -= 1
            else:
                timer.off = True
                yield timer

    @property
    def next_at(self) -> float | None:
        """The time of the next one."""
        while self._heap and self._heap[0][2].off:
            heappop(self._heap)
            self._off -= 1
        return self._heap[0][0] if self._heap else None
