"""What waits to begin, and what for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass

LONGEST = 3600.0
"""Seconds after which is asked again at the latest: the clock may have been set, the machine may have slept."""

Reason = Hashable
"""What is waited for: the halt, an account, a breaker, a limit."""


@dataclass(slots=True)
class Waiting:
    """One that waits: ``wake`` lets it ask again, ``text`` is what a person reads."""

    reason: Reason
    text: str
    wake: Callable[[], None]


class Line:
    """Everything that waits, by whatever stands for it; ``changed`` hears of new texts."""

    def __init__(self, changed: Callable[[Hashable], None]) -> None:
        self._waiting: dict[Hashable, Waiting] = {}
        self._by_reason: dict[Reason, dict[Hashable, None]] = {}
        self._timers: dict[Reason, asyncio.TimerHandle] = {}
        self._changed = changed

    def __len__(self) -> int:
        return len(self._waiting)

    def text(self, key: Hashable) -> str:
        """Why it waits; empty if it does not."""
        found = self._waiting.get(key)
        return "" if found is None else found.text

    def enter(self, key: Hashable, waiting: Waiting, *, seconds: float | None = None) -> None:
        """Let it wait; ``seconds`` is when to ask again at the latest."""
        self.leave(key)
        self._waiting[key] = waiting
        self._by_reason.setdefault(waiting.reason, {})[key] = None
        if seconds is not None:
            self._arm(waiting.reason, min(seconds, LONGEST))
        self._changed(key)

    def retell(self, key: Hashable, text: str) -> None:
        """It waits for the same, which is put in other words now."""
        found = self._waiting.get(key)
        if found is not None:
            found.text = text
            self._changed(key)

    def leave(self, key: Hashable) -> Reason | None:
        """It waits no more; what it waited for."""
        found = self._waiting.pop(key, None)
        if found is None:
            return None
        same = self._by_reason.get(found.reason, {})
        same.pop(key, None)
        if not same:
            self._by_reason.pop(found.reason, None)
            self._disarm(found.reason)
        return found.reason

    def waits(self, reason: Reason) -> list[Hashable]:
        """All that waits for it, in the order in which it came."""
        return list(self._by_reason.get(reason, ()))

    def wake(self, reason: Reason) -> None:
        """Let all that waits for it ask again."""
        self._disarm(reason)
        for key in self.waits(reason):
            found = self._waiting.get(key)
            if found is not None:  # else one that was woken before has taken it out
                self.leave(key)
                found.wake()

    def close(self) -> None:
        """Set no timer any more."""
        for reason in list(self._timers):
            self._disarm(reason)

    def _arm(self, reason: Reason, seconds: float) -> None:
        """Ring after so many seconds; whoever may begin first says when."""
        loop, known = asyncio.get_running_loop(), self._timers.get(reason)
        if known is not None:
            if known.when() <= loop.time() + seconds:
                return
            known.cancel()
        self._timers[reason] = loop.call_later(seconds, self._ring, reason)

    def _ring(self, reason: Reason) -> None:
        self._timers.pop(reason, None)
        self.wake(reason)

    def _disarm(self, reason: Reason) -> None:
        timer = self._timers.pop(reason, None)
        if timer is not None:
            timer.cancel()
