"""When payloads expire: told in time, whatever they wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush

from ..base.clock import Clock

GATHERED = 0.1
"""Seconds for which deadlines are gathered, so that many of them cost one look."""
LONGEST = 3600.0
"""Seconds after which the clock, which may be set, is looked at again."""

LEAST = 1000
"""So many are remembered before those of ended payloads are looked for."""


class Deadlines:
    """Calls ``over`` with the ids of the payloads whose deadline has passed.

    ``open_`` says whether a payload has not ended; of the others none is remembered for long.
    """

    def __init__(
        self, clock: Clock, over: Callable[[set[str]], None], open_: Callable[[str], bool]
    ) -> None:
        self._clock = clock
        self._over = over
        self._open = open_
        self._most = LEAST
        self._coming: list[tuple[datetime, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def watch(self, payload_id: str, deadline: datetime) -> None:
        """Tell when the deadline of this payload has passed."""
        if len(self._coming) >= self._most:
            self._coming = sorted(one for one in self._coming if self._open(one[1]))
            self._most = max(LEAST, 2 * len(self._coming))
        heappush(self._coming, (deadline, payload_id))
        if self._coming[0] == (deadline, payload_id):
            self._arm()

    def look(self) -> None:
        """Look at the clock: tell what has passed, and wait for the next."""
        now, found = self._clock.now(), set[str]()
        while self._coming and self._coming[0][0] < now:
            found.add(heappop(self._coming)[1])
        self._arm()
        if found:
            self._over(found)

    def close(self) -> None:
        """Tell nothing any more."""
        self._closed = True
        self._disarm()

    def _arm(self) -> None:
        self._disarm()
        if self._coming and not self._closed:
            left = (self._coming[0][0] - self._clock.now()).total_seconds()
            seconds = min(max(left, 0.0) + GATHERED, LONGEST)
            self._timer = asyncio.get_running_loop().call_later(seconds, self.look)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
