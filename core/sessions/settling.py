"""When a screen is worth reading: after a pause of its output, or from time to time in a flood."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Settling:
    """Calls ``settled`` when the output has paused for ``pause`` seconds, at the latest after ``limit``.

    The argument tells whether it has paused. Nothing is called while nothing happens.
    """

    def __init__(self, settled: Callable[[bool], None], *, pause: float, limit: float) -> None:
        self._settled = settled
        self._pause = pause
        self._limit = limit
        self._timer: asyncio.TimerHandle | None = None
        self._since: float | None = None
        self._last = 0.0

    def disturbed(self) -> None:
        """There was output just now."""
        now = asyncio.get_running_loop().time()
        self._last = now
        if self._since is None:
            self._since = now
            self._set(min(self._pause, self._limit))

    def after(self, seconds: float) -> None:
        """Call in so many seconds, unless something calls before."""
        if self._timer is None:
            self._set(max(seconds, 0.0))

    def cancel(self) -> None:
        """Call no more, until there is output again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._since = None

    def _set(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        if self._since is None:
            self._settled(True)
            return
        quiet, waited = now - self._last, now - self._since
        if quiet < self._pause and waited < self._limit:
            self._set(min(self._pause - quiet, self._limit - waited))
            return
        self._since = None
        self._settled(quiet >= self._pause)
