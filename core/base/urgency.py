"""The one order in which work is taken: priority, then deadline, then sequence; waiting raises."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from math import inf
from typing import Generic, TypeVar

from .priority import Priority

T = TypeVar("T")

AGEING_SECONDS = 30.0
HIGHEST_BY_AGE = int(Priority.HIGH)
NORMAL = int(Priority.NORMAL)

Entry = tuple[float, int, float, T]
"""Deadline, sequence, since when at this level, what."""


class UrgencyQueue(Generic[T]):
    """A queue by priority, deadline (seconds of any one clock, ``inf``: none) and sequence.

    An item that has waited ``interval`` seconds at its level rises to the next, up to HIGH
    (``None``: never), and keeps its sequence there. Items without a deadline that come in the order
    of their sequence are merely appended. Whoever takes an item out otherwise marks it, and passes
    over it when it comes.
    """

    __slots__ = ("_fifos", "_heaps", "_interval", "_odd", "_plain", "_sequence")

    def __init__(self, interval: float | None = AGEING_SECONDS) -> None:
        self._interval = interval
        self._fifos: list[deque[Entry[T]]] = [deque() for _ in Priority]
        self._heaps: list[list[Entry[T]]] = [[] for _ in Priority]
        self._plain = self._fifos[NORMAL]
        self._sequence = 0
        self._odd = 0  # items anywhere but in the plain line of NORMAL ones

    def __len__(self) -> int:
        return len(self._plain) + self._odd

    def push(
        self,
        item: T,
        priority: int,
        now: float,
        deadline: float = inf,
        *,
        sequence: int | None = None,
    ) -> None:
        """Enter one; without a ``sequence`` it comes after all that were entered so."""
        if sequence is None:
            sequence = self._sequence = self._sequence + 1
        self._enter((deadline, sequence, now, item), priority)

    def pop(self, now: float) -> T | None:
        """The most urgent one; ``None`` if there is none."""
        plain, interval = self._plain, self._interval
        if not self._odd:
            if not plain:
                return None
            if interval is None or plain[0][2] + interval > now:
                return plain.popleft()[3]
        if interval is not None:
            self._age(now, interval)
        return self._first()

    def depths(self) -> dict[Priority, int]:
        """How many wait at each level."""
        return {level: len(self._fifos[level]) + len(self._heaps[level]) for level in Priority}

    def pop_least(self) -> T | None:
        """Of the least urgent level that has any, the one that comes first; ``None`` if there is none."""
        for level in range(len(self._fifos) - 1, -1, -1):
            if self._fifos[level]:
                self._odd -= level != NORMAL
                return self._fifos[level].popleft()[3]
            if self._heaps[level]:
                self._odd -= 1
                return heappop(self._heaps[level])[3]
        return None

    def _enter(self, entry: Entry[T], level: int) -> None:
        fifo = self._fifos[level]
        if entry[0] == inf and (not fifo or fifo[-1][1] < entry[1]):
            fifo.append(entry)
            self._odd += level != NORMAL
        else:
            heappush(self._heaps[level], entry)
            self._odd += 1

    def _first(self) -> T | None:
        for level, fifo in enumerate(self._fifos):
            heap = self._heaps[level]
            if heap and (not fifo or heap[0][:2] < fifo[0][:2]):
                self._odd -= 1
                return heappop(heap)[3]
            if fifo:
                self._odd -= level != NORMAL
                return fifo.popleft()[3]
        return None

    def _age(self, now: float, interval: float) -> None:
        """Raise whatever has waited long enough, the highest levels first.

        Of items with a deadline the earliest is looked at alone: those behind it are taken later
        anyway, and each becomes the earliest in its turn.
        """
        rose = True
        while rose:  # what has waited for several intervals rises by as many levels
            rose = False
            for level in range(HIGHEST_BY_AGE + 1, len(self._fifos)):
                fifo, heap = self._fifos[level], self._heaps[level]
                while fifo and fifo[0][2] + interval <= now:
                    self._odd -= level != NORMAL
                    self._rise(fifo.popleft(), level, interval)
                    rose = True
                while heap and heap[0][2] + interval <= now:
                    self._odd -= 1
                    self._rise(heappop(heap), level, interval)
                    rose = True

    def _rise(self, entry: Entry[T], level: int, interval: float) -> None:
        deadline, sequence, since, item = entry
        self._enter((deadline, sequence, since + interval, item), level - 1)
