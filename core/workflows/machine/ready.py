"""What is ready, in the order in which it is to be started."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any

from ...base.priority import HIGHEST_BY_AGE, Priority

Entry = tuple[int, float, int, float, Any, int]
"""Sequence, since when at this level, level, deadline, run (whose module needs this one), task.

An entry counts only while it is its run's entry of that task: who takes a task out of the queue, or
moves it to another level, just enters something else there.
"""

NORMAL = int(Priority.NORMAL)
SLACK = 64


class ReadyQueue:
    """Entries by level, then deadline, then sequence.

    One that has waited ``interval`` seconds at its level rises to the next, up to HIGH
    (``None``: never). Entries that come in the order of their sequence, without a deadline, are
    merely appended.
    """

    __slots__ = ("_ageing", "_fifos", "_heaps", "_interval", "_odd", "_plain")

    def __init__(self, interval: float | None) -> None:
        self._interval = interval
        self._fifos: list[deque[Entry]] = [deque() for _ in Priority]
        self._plain = self._fifos[NORMAL]
        self._heaps: list[list[tuple[float, int, Entry]]] = [[] for _ in Priority]
        self._ageing: list[tuple[float, int, Entry]] = []
        self._odd = 0  # entries anywhere but in the plain line of NORMAL ones

    def __len__(self) -> int:
        """Entries, those that don't count any more included."""
        return len(self._plain) + self._odd

    def push(self, entry: Entry) -> None:
        """Enter one."""
        sequence, since, level, deadline, _, _ = entry
        fifo = self._fifos[level]
        if deadline == inf and (not fifo or fifo[-1][0] < sequence):
            fifo.append(entry)
            if level != NORMAL:
                self._odd += 1
            return
        heappush(self._heaps[level], (deadline, sequence, entry))
        self._odd += 1
        if self._interval is not None and level > HIGHEST_BY_AGE:
            heappush(self._ageing, (since + self._interval, sequence, entry))

    def pop(self, now: float) -> Entry | None:
        """The most urgent one that counts, which then is in no queue any more."""
        interval = self._interval
        plain = self._plain
        if self._odd or (interval is not None and plain and plain[0][1] + interval <= now):
            return self._pop_oddly(now)
        while plain:
            entry = plain.popleft()
            run, task = entry[4], entry[5]
            mine: bool = run.entries[task] is entry
            if mine:
                run.entries[task] = None
                return entry
        return None

    def _pop_oddly(self, now: float) -> Entry | None:
        if self._interval is not None:
            self._age(now, self._interval)
        while (entry := self._first()) is not None:
            run, task = entry[4], entry[5]
            mine: bool = run.entries[task] is entry
            if mine:
                run.entries[task] = None
                return entry
        return None

    def _first(self) -> Entry | None:
        if not self._odd:
            plain = self._plain
            return plain.popleft() if plain else None
        for level, fifo in enumerate(self._fifos):
            heap = self._heaps[level]
            if heap and (not fifo or heap[0][:2] < (inf, fifo[0][0])):
                self._odd -= 1
                return heappop(heap)[2]
            if fifo:
                if level != NORMAL:
                    self._odd -= 1
                return fifo.popleft()
        return None

    def _age(self, now: float, interval: float) -> None:
        """Raise whatever has waited long enough, lowest levels first."""
        ageing = self._ageing
        while ageing and ageing[0][0] <= now:
            due, _, entry = heappop(ageing)
            self._raise(entry, due)
        if len(ageing) > SLACK and len(ageing) > 2 * self._odd:
            self._ageing = [one for one in ageing if one[2][4].entries[one[2][5]] is one[2]]
            heapify(self._ageing)
        for level in range(len(self._fifos) - 1, HIGHEST_BY_AGE, -1):
            fifo = self._fifos[level]
            while fifo and fifo[0][1] + interval <= now:
                entry = fifo.popleft()
                if level != NORMAL:
                    self._odd -= 1
                self._raise(entry, entry[1] + interval)
        if ageing and ageing[0][0] <= now:  # raised into a level where it is due again
            self._age(now, interval)

    def _raise(self, entry: Entry, at: float) -> None:
        sequence, _, level, deadline, run, task = entry
        if run.entries[task] is entry:
            run.entries[task] = raised = (sequence, at, level - 1, deadline, run, task)
            self.push(raised)
