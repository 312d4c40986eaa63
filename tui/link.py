"""The link to the engine: made, watched, and made again when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from ..core.base.clock import Clock
from ..core.base.errors import Category, QuarterdeckError
from ..core.base.retry import RetryPolicy
from ..core.client.client import Client
from ..core.client.ports import Connector
from ..core.client.view import View
from ..core.protocol.events import Event
from ..core.protocol.screen import ScreenFrame
from ..core.protocol.wire import Goodbye

STEADY_SECONDS = 10.0
LONGEST_WAIT = 10.0


def back_off(first: float) -> RetryPolicy:
    """Attempts for as long as it takes, each wait twice the one before, up to ten seconds."""
    longest = max(first, LONGEST_WAIT)
    return RetryPolicy(max_attempts=1_000_000, initial_delay=first, max_delay=longest)


class LinkState(NamedTuple):
    """How the link is: up, or down with the reason and the seconds to the next attempt.

    ``shut_down``: somebody had the engine stopped; it is started again when the person says so.
    """

    up: bool
    reason: str = ""
    wait: float = 0.0
    attempt: int = 0
    shut_down: bool = False


class Link:
    """Keeps one client on an engine.

    ``on_event`` and ``on_frame`` are called as the client's; ``on_state`` after each change of
    ``state``. An engine that says goodbye and asks to be taken over is followed at once, one that
    was shut down by somebody only after ``reconnect_now``, any other loss after a back-off that
    grows until a link has held for ten seconds. ``on_hopeless`` is called, and ``run`` returns, if
    there never was a link and the error is one that no retry mends. ``settled`` is not set while a
    link is being made: what the new engine tells comes before the link counts as up.
    """

    def __init__(self, connector: Connector, clock: Clock, retry: RetryPolicy) -> None:
        self.connector = connector
        self._clock = clock
        self._retry = retry
        self._nudge = asyncio.Event()
        self._ended = asyncio.Event()
        self._reason = ""
        self._takeover = False
        self._shut_down = False
        self._leaving = False
        self.settled = asyncio.Event()
        self.client: Client | None = None
        self.state = LinkState(up=False, reason="connecting")
        self.on_event: Callable[[Event], None] = _ignore
        self.on_frame: Callable[[ScreenFrame], None] = _ignore
        self.on_state: Callable[[LinkState], None] = _ignore
        self.on_hopeless: Callable[[QuarterdeckError], None] = _ignore

    @property
    def view(self) -> View | None:
        """What the present client knows; ``None`` before the first link."""
        return self.client.view if self.client is not None else None

    async def run(self) -> None:
        """Connect, and connect again, until told to ``leave`` or there is no hope."""
        attempt = 0
        while True:
            try:
                held = await self._hold()
            except QuarterdeckError as error:
                self.on_hopeless(error)
                return
            if self._leaving:
                return
            attempt = 1 if held >= STEADY_SECONDS else attempt + 1
            await self._pause(0.0 if self._takeover else self._retry.delay(attempt), attempt)

    def reconnect_now(self) -> None:
        """Don't wait for the next attempt."""
        self._nudge.set()

    async def leave(self) -> None:
        """Leave the engine for good."""
        self._leaving = True
        await self._close()

    async def _close(self) -> None:
        if self.client is not None:
            await self.client.close()

    async def _hold(self) -> float:
        """Connect and wait for the link's end; the seconds it held.

        :raises QuarterdeckError: if no retry mends what is wrong, and there never was a link.
        """
        self._takeover = self._shut_down = False
        self._ended.clear()
        self.settled.clear()
        try:
            await self._open()
        except QuarterdeckError as error:
            if self.client is None and _is_hopeless(error):
                raise
            self._reason = error.message
            return 0.0
        since = self._clock.monotonic()
        await self._ended.wait()
        await self._close()
        return self._clock.monotonic() - since

    async def _open(self) -> None:
        client = Client(await self.connector.connect(), "dashboard", host=True)
        client.on_event = self.on_event
        client.on_frame = self.on_frame
        client.on_goodbye = self._goodbye
        client.on_closed = self._closed
        try:
            await client.start()
            self.client = client
            await client.follow()
        except QuarterdeckError:
            await client.close()
            raise
        self._tell(LinkState(up=True))

    def _goodbye(self, goodbye: Goodbye) -> None:
        self._takeover = goodbye.takeover
        self._shut_down = goodbye.asked and not goodbye.takeover
        self._reason = goodbye.reason

    def _closed(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._ended.set()

    async def _pause(self, seconds: float, attempt: int) -> None:
        self._nudge.clear()
        self._tell(LinkState(False, self._reason, seconds, attempt, self._shut_down))
        self._reason = ""
        try:
            async with asyncio.timeout(None if self._shut_down else seconds):
                await self._nudge.wait()
        except TimeoutError:
            return

    def _tell(self, state: LinkState) -> None:
        self.state = state
        self.on_state(state)
        self.settled.set()


def _is_hopeless(error: QuarterdeckError) -> bool:
    """Whether no retry can mend it: a person has to."""
    return not error.recoverable or error.category is Category.VALIDATION


def _ignore(_: object) -> None:
    """Listen to nothing."""
