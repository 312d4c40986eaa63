"""A loop whose time passes only when everybody waits, and that can end like a power cut."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=UTC)


LONGEST = 5000.0
"""Virtual seconds after which nothing but timers goes on."""


class Crash(Exception):
    """The process is gone."""


class Stuck(Exception):
    """Everybody waits for somebody, and nothing is due."""


class _Selector(selectors.DefaultSelector):
    """Instead of waiting it moves the time; and it counts the turns of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0
        self.turns = 0
        self.crash_at: int | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        if self.crash_at is not None and self.turns >= self.crash_at:
            self.crash_at = None
            raise Crash
        if timeout is None:
            raise Stuck
        self.at += max(timeout, 0.0)
        if self.at > LONGEST:
            raise Stuck
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self.selector = _Selector()
        self._born: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()
        self._numbers = count()
        super().__init__(self.selector)
        self.set_task_factory(self._make)

    def _make(self, _: Any, work: Any, **more: Any) -> asyncio.Task[Any]:
        """A task whose place in the order of all is known: so that each run is like the others."""
        task = asyncio.Task(work, loop=self, **more)
        self._born[task] = next(self._numbers)
        return task

    def time(self) -> float:
        """Virtual seconds."""
        return self.selector.at

    def live(self, life: Coroutine[Any, Any, T], crash_after: int | None = None) -> T | None:
        """What ``life`` comes to; ``None`` if it was cut off after so many turns."""
        self.selector.crash_at = None if crash_after is None else self.selector.turns + crash_after
        asyncio.set_event_loop(self)
        task = self.create_task(life)
        try:
            return self.run_until_complete(task)
        except Crash:
            self.stop()  # and let it notice, in case it was about to stop anyway
            self.run_forever()
            return None
        finally:
            self.selector.crash_at = None

    def bury(self) -> None:
        """Clear away what a crash left in memory."""
        while left := sorted(asyncio.all_tasks(self), key=self._born.__getitem__):
            for task in left:
                task.cancel()
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))


class VirtualClock:
    """The loop's time, as a clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._loop.time()

    def now(self) -> datetime:
        """The start plus the virtual seconds."""
        return START + timedelta(seconds=self._loop.time())
