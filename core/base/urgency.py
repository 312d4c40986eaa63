"""The one order in which work is taken: priority, then deadline, then sequence; waiting raises."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from math import inf
from typing import Any, Generic, TypeVar

from .priority import HIGHEST_BY_AGE, Priority

T = TypeVar("T")

AGEING_SECONDS = 30.0

Entry = tuple[float, int, float, T]
"""Deadline, sequence, since when at this level, what."""


class UrgencyQueue(Generic[T]):
    """A queue by priority, deadline (seconds of any one clock, ``inf``: none) and sequence.

    An item that has waited ``interval`` seconds at its level rises to the next, up to HIGH
    (``None``: never), and keeps its sequence there. Items without a deadline that come in the order
    of their sequence are merely appended. Whoever takes an item out otherwise marks it, and passes
    over it when it comes.
    """

    __slots__ = (
        "_fifos", "_heaped", "_heaps", "_interval", "_levels", "_lines", "_rises_at", "_sequence",
    )  # fmt: skip

    def __init__(self, interval: float | None = AGEING_SECONDS) -> None:
        self._interval = inf if interval is None else interval
        self._fifos: list[deque[Entry[T]]] = [deque() for _ in Priority]
        self._lines = [
            (fifo, 1 << level, level > HIGHEST_BY_AGE) for level, fifo in enumerate(self._fifos)
        ]
        self._heaps: list[list[Entry[T]]] = [[] for _ in Priority]
        self._sequence = 0
        self._heaped = 0  # items in heaps
        self._levels = 0  # a bit for each level that has any
        self._rises_at = inf  # nothing rises before

    def __len__(self) -> int:
        return sum(map(len, self._fifos)) + self._heaped

    def __bool__(self) -> bool:
        return self._levels != 0

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
        fifo, bit, ages = self._lines[priority]
        if sequence is None:
            sequence = self._sequence = self._sequence + 1
            comes_last = deadline == inf
        else:
            last = fifo[-1] if fifo else _BEFORE_ALL
            comes_last = deadline == inf and last[1] < sequence and last[2] <= now
        if comes_last:
            fifo.append((deadline, sequence, now, item))
        else:
            heappush(self._heaps[priority], (deadline, sequence, now, item))
            self._heaped += 1
        self._levels |= bit
        if ages and now + self._interval < self._rises_at:
            self._rises_at = now + self._interval

    def append(self, item: T, priority: int, now: float) -> None:
        """Enter one without a deadline, after all that were entered so: ``push`` in fewer steps."""
        fifo, bit, ages = self._lines[priority]
        sequence = self._sequence = self._sequence + 1
        if not fifo:  # behind others it rises after them, and the level is known
            self._levels |= bit
            if ages and now + self._interval < self._rises_at:
                self._rises_at = now + self._interval
        fifo.append((inf, sequence, now, item))

    def pop(self, now: float) -> T | None:
        """The most urgent one; ``None`` if there is none."""
        if now >= self._rises_at:
            self._age(now)
        levels = self._levels
        if not levels:
            return None
        level = _FIRST[levels]
        if self._heaped:
            return self._take(level)
        fifo = self._fifos[level]
        item = fifo.popleft()[3]
        if not fifo:  # else the next one rises later than this one would have
            self._levels = levels ^ (1 << level)
        return item

    def depths(self) -> dict[Priority, int]:
        """How many wait at each level."""
        return {level: len(self._fifos[level]) + len(self._heaps[level]) for level in Priority}

    def pop_least(self) -> T | None:
        """Of the least urgent level that has any, the one that comes first; ``None`` if there is none."""
        if not self._levels:
            return None
        level = self._levels.bit_length() - 1
        return self._take(level, self._fifos[level])

    def _take(self, level: int, first: deque[Entry[T]] | None = None) -> T:
        """The first of a level that has any; those of ``first`` come before all others."""
        fifo = self._fifos[level]
        if self._heaped and (heap := self._heaps[level]):
            if not fifo or (heap[0][:2] < fifo[0][:2] and not first):
                return self._take_heaped(level, heap)
            item = fifo.popleft()[3]
        else:
            item, heap = fifo.popleft()[3], _NO_HEAP
        if not fifo and not heap:
            self._levels ^= 1 << level
        return item

    def _take_heaped(self, level: int, heap: list[Entry[T]]) -> T:
        item = heappop(heap)[3]
        self._heaped -= 1
        if not heap:
            if not self._fifos[level]:
                self._levels ^= 1 << level
        elif level > HIGHEST_BY_AGE:
            self._rises_at = min(self._rises_at, heap[0][2] + self._interval)
        return item

    def _age(self, now: float) -> None:
        """Raise whatever has waited long enough, the highest levels first.

        Of items with a deadline the earliest is looked at alone: those behind it are taken later
        anyway, and each becomes the earliest in its turn.
        """
        rose = True
        while rose:  # what has waited for several intervals rises by as many levels
            rose = False
            for level in range(HIGHEST_BY_AGE + 1, len(self._fifos)):
                fifo, heap = self._fifos[level], self._heaps[level]
                while fifo and fifo[0][2] + self._interval <= now:
                    self._rise(fifo.popleft(), level)
                    rose = True
                while heap and heap[0][2] + self._interval <= now:
                    self._heaped -= 1
                    self._rise(heappop(heap), level)
                    rose = True
        self._levels = 0
        self._rises_at = inf
        for level, fifo in enumerate(self._fifos):
            heads = [line[0] for line in (fifo, self._heaps[level]) if line]
            self._levels |= bool(heads) << level
            if level > HIGHEST_BY_AGE:
                since = min((head[2] for head in heads), default=inf)
                self._rises_at = min(self._rises_at, since + self._interval)

    def _rise(self, entry: Entry[T], level: int) -> None:
        deadline, sequence, since, item = entry
        self.push(item, level - 1, since + self._interval, deadline, sequence=sequence)


_FIRST = [(levels & -levels).bit_length() - 1 for levels in range(1 << len(Priority))]
"""The highest level of each set of levels."""

_NO_HEAP: list[Any] = []

_BEFORE_ALL = (inf, -1, -inf)
