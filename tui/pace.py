"""Wake-ups in measure: no timer runs while nothing has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pacing:
    """How long things wait, in seconds.

    ``frame`` is the least time between two repaints, ``rest`` how long the cursor must rest
    before all but its list follows, ``focus`` the same before the engine hears of it, ``size`` the
    same for a panel's size, ``notify`` the quiet time between two notifications, ``retry`` the time
    before the second attempt at a lost link, ``pull`` the least time between two looks at what is pulled.
    """

    frame: float = 1 / 30
    focus: float = 0.1
    size: float = 0.15
    notify: float = 5.0
    retry: float = 0.5
    rest: float = 0.04
    pull: float = 0.25


class Pacer:
    """Calls ``flush`` after ``mark``: at once after a pause, else ``interval`` after the last."""

    def __init__(self, flush: Callable[[], None], interval: float) -> None:
        self._flush = flush
        self._interval = interval
        self._next = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self.flushes = 0

    def ease(self, interval: float) -> None:
        """Let at least ``interval`` pass from now on between two flushes."""
        self._interval = interval

    def mark(self) -> None:
        """Something changed; of many marks before a flush one counts."""
        if self._handle is None:
            loop = asyncio.get_running_loop()
            self._next = max(self._next, loop.time())
            self._handle = loop.call_at(self._next, self._run)

    def stop(self) -> None:
        """Forget a pending flush."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        late = asyncio.get_running_loop().time() - self._next
        self._next += self._interval + (late if late > self._interval else 0.0)
        self.flushes += 1
        self._flush()


class Alarm:
    """Calls ``ring`` once, ``seconds`` after the last ``set``."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    @property
    def pending(self) -> bool:
        """Whether it will ring."""
        return self._handle is not None

    def set(self, seconds: float | None) -> None:
        """Ring after ``seconds`` instead of whenever it would have; ``None``: not at all."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if seconds is not None:
            self._handle = asyncio.get_running_loop().call_later(seconds, self._run)

    def _run(self) -> None:
        self._handle = None
        self._ring()
