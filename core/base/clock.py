"""Sources of time and chance, handed in so that tests and simulations can own them."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds for durations, aware UTC for stamps."""

    def monotonic(self) -> float:
        """Seconds that only grow; the origin means nothing."""
        ...

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clocks; ``monotonic`` is seconds since an arbitrary start."""

    monotonic = staticmethod(time.monotonic)  # as it is: it is asked several times in each turn

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told; shipped for tests and simulations."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._monotonic = 0.0

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._monotonic

    def now(self) -> datetime:
        """The start plus the seconds advanced, plus any jump."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks; negative values are refused."""
        if seconds < 0:
            msg = "time only moves forward; use jump() for the wall clock"
            raise ValueError(msg)
        self._monotonic += seconds
        self._now += timedelta(seconds=seconds)

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, either way, as an administrator or NTP would."""
        self._now += timedelta(seconds=seconds)


SYSTEM_CLOCK = SystemClock()

Random = random.Random


def require_aware(stamp: datetime, what: str) -> datetime:
    """``stamp`` in UTC.

    :raises ValueError: if it has no time zone.
    """
    if stamp.tzinfo is None:
        msg = f"{what} has no time zone; give an aware datetime, such as datetime.now(UTC)"
        raise ValueError(msg)
    return stamp.astimezone(UTC)
