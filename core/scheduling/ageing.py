"""Ageing: what waited long at its level rises to the next, up to HIGH and never into CRITICAL."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ..base.priority import HIGHEST_BY_AGE, Priority
from .items import Item

SLACK = 64


class Ageing:
    """One line per level, in the order in which their time comes; ``interval`` ``None``: never."""

    __slots__ = ("_interval", "_lines", "_slack")

    def __init__(self, interval: float | None) -> None:
        self._interval = interval
        self._lines: list[deque[tuple[float, int, Item]]] = [deque() for _ in Priority]
        self._slack = SLACK

    def enter(self, item: Item, now: float) -> None:
        """An item has been queued at its level."""
        if self._interval is None or item.level <= HIGHEST_BY_AGE:
            return
        line = self._lines[item.level]
        line.append((now + self._interval, item.entry, item))
        if len(line) > self._slack:
            kept = deque(entry for entry in line if entry[1] == entry[2].entry)
            self._lines[item.level] = kept
            self._slack = max(self._slack, 2 * len(kept) + SLACK)

    def risen(self, now: float) -> Iterator[Item]:
        """Items whose time has come, their level raised; queue each again before the next."""
        for line in self._lines[HIGHEST_BY_AGE + 1 :]:
            while line and line[0][0] <= now:
                _, entry, item = line.popleft()
                if item.entry == entry:
                    item.level -= 1
                    yield item
