"""Messages whose handler has failed, until they come again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from heapq import heappop, heappush

from .subscription import Held, Subscription


class Retries:
    """Waits in the running loop, with one timer. ``again`` is called for what has waited."""

    def __init__(
        self, monotonic: Callable[[], float], again: Callable[[Subscription, Held], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._monotonic = monotonic
        self._again = again
        self._waiting: list[tuple[float, int, Subscription, Held]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, sub: Subscription, held: Held, delay: float) -> None:
        """Let one come again after ``delay`` seconds."""
        self._count += 1
        heappush(self._waiting, (self._monotonic() + delay, self._count, sub, held))
        self._arm()

    def left(self) -> Iterator[tuple[Subscription, Held]]:
        """Take out all that wait."""
        for _, _, sub, held in self._waiting:
            yield sub, held
        self._waiting.clear()

    def stop(self) -> None:
        """Let nothing come any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self.stop()
        if self._waiting:
            delay = max(self._waiting[0][0] - self._monotonic(), 0)
            self._timer = self._loop.call_later(delay, self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, sub, held = heappop(self._waiting)
            self._again(sub, held)
        self._arm()
