"""All that is due at a time: one heap for every run."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Any


class Due(IntEnum):
    """What happens at a time."""

    RETRY = 0
    TIMEOUT = 1
    DEADLINE = 2


Timer = tuple[float, int, Due, Any, int, int]
"""When, sequence, what, run (whose module needs this one), task, attempt."""

SLACK = 64


class Timers:
    """A heap of timers; one that is cancelled stays there until it is due or too many are."""

    __slots__ = ("_cancelled", "_sequence", "heap")

    def __init__(self) -> None:
        self.heap: list[Timer] = []
        self._sequence = 0
        self._cancelled = 0

    def add(self, at: float, due: Due, run: Any, task: int, attempt: int) -> None:
        """Let it be due at ``at``."""
        self._sequence += 1
        heappush(self.heap, (at, self._sequence, due, run, task, attempt))

    def forget_one(self) -> None:
        """Note that one of those in the heap does not count any more."""
        self._cancelled += 1
        if self._cancelled > SLACK and self._cancelled * 2 > len(self.heap):
            self.heap = [timer for timer in self.heap if counts(timer)]
            heapify(self.heap)
            self._cancelled = 0

    def next(self) -> float | None:
        """When the next that counts is due."""
        heap = self.heap
        while heap and not counts(heap[0]):
            heappop(heap)
            self._cancelled = max(self._cancelled - 1, 0)
        return heap[0][0] if heap else None

    def due(self, now: float) -> Iterator[Timer]:
        """Those that are due, in order; each is asked for when it comes whether it counts."""
        while self.heap and self.heap[0][0] <= now:
            timer = heappop(self.heap)
            if counts(timer):
                yield timer
            else:
                self._cancelled = max(self._cancelled - 1, 0)


def counts(timer: Timer) -> bool:
    """Whether a timer still means something."""
    _, _, due, run, task, attempt = timer
    return bool(run.awaits(due, task, attempt))
