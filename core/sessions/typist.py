"""What goes into a run: input, sizes and nudges, in order and bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from ..base.errors import QuarterdeckError
from ..telemetry.logs import logger
from .faults import InputStalled, NotRunning
from .keeper.faults import InputClosed, InputFull, KeeperGone, KeeperTimeout
from .ports import Link

INPUT_LIMIT = 256 * 1024
"""Bytes of unsent input after which more is refused."""

WRITE_PATIENCE = 5.0
"""Seconds for which a program may leave its input unread."""

LINK_PATIENCE = 10.0
"""Seconds in which a keeper answers."""

NUDGE = 0.1
"""Seconds between two sizes of a nudge: a program that sees only the last one draws nothing."""

T = TypeVar("T")
Size = tuple[int, int]

_log = logger("sessions.typist")


async def in_time(answer: Awaitable[T], seconds: float = LINK_PATIENCE) -> T:
    """What the keeper answers.

    :raises KeeperTimeout: if it takes longer than ``seconds``.
    """
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError as error:
        raise KeeperTimeout(f"The keeper didn't answer within {seconds:g} seconds.") from error


class TypistListener(Protocol):
    """Whoever wants to know what became of input; called in the loop."""

    def on_sized(self, cols: int, lines: int) -> None:
        """The terminal has this size from now on."""
        ...

    def on_refused_input(self) -> None:
        """Input was dropped: the program has left too much of it unread."""
        ...


class Typist:
    """Types into one run. ``size`` is the size that its terminal is to have."""

    def __init__(self, link: Link, size: Size, listener: TypistListener) -> None:
        self.size = size
        self.refused = 0
        self._link = link
        self._listener = listener
        self._input: deque[bytes] = deque()
        self._unsent = 0
        self._resized = False
        self._nudged = False
        self._closed = False
        self._wake = asyncio.Event()
        self._hand = asyncio.Lock()

    def post(self, data: bytes) -> bool:
        """Queue input without waiting; False, and counted, if it can't be taken."""
        if self._closed or self._unsent + len(data) > INPUT_LIMIT:
            self._refuse()
            return False
        self._input.append(data)
        self._unsent += len(data)
        self._wake.set()
        return True

    def post_size(self, cols: int, lines: int) -> None:
        """Queue a size; of several unsent ones the last counts."""
        self.size = (cols, lines)
        self._resized = True
        self._wake.set()

    def nudge(self) -> None:
        """Make the program draw its whole screen anew: another size for a moment, then its own."""
        self._nudged = True
        self._wake.set()

    def exclusive(self) -> asyncio.Lock:
        """The right to type: whoever holds it is not interrupted by queued input."""
        return self._hand

    async def write(self, data: bytes) -> None:
        """Write input; the caller holds ``exclusive()``.

        :raises NotRunning: if the process is gone.
        :raises InputStalled: if it leaves its input unread.
        """
        try:
            async with asyncio.timeout(WRITE_PATIENCE):
                await self._link.write(data)
        except (TimeoutError, InputFull) as error:
            raise InputStalled(
                "The program does not read what is typed; it may be stopped or busy. Look at its "
                "screen, or stop it."
            ) from error
        except QuarterdeckError as error:
            raise NotRunning(f"The process took no more input: {error.message}") from error

    async def resize(self, cols: int, lines: int) -> None:
        """Give the terminal another size, now.

        :raises QuarterdeckError: if its keeper or process is gone.
        """
        self.size = (cols, lines)
        await in_time(self._link.resize(cols, lines))
        self._listener.on_sized(cols, lines)

    async def work(self) -> None:
        """Send what is queued until the process takes no more."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._send_sizes()
                await self._send_input()
        except (InputClosed, KeeperGone):
            pass  # the process is gone, which the run tells
        finally:
            self._closed = True
            self._input.clear()
            self._unsent = 0

    async def _send_sizes(self) -> None:
        try:
            if self._nudged:
                self._nudged = False
                cols, lines = self.size
                await in_time(self._link.resize(cols - 1 if cols > 2 else cols + 1, lines))
                await asyncio.sleep(NUDGE)
                self._resized = True
            if self._resized:
                self._resized = False
                await self.resize(*self.size)
        except (InputClosed, KeeperGone):
            raise
        except QuarterdeckError as error:
            _log.warning("a terminal could not be resized", reason=error.message)

    async def _send_input(self) -> None:
        while self._input:
            async with self._hand:
                data = b"".join(self._input)
                self._input.clear()
                self._unsent = 0
                await self._send(data)

    async def _send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(WRITE_PATIENCE):
                await self._link.write(data)
        except TimeoutError:
            pass  # the keeper has it, and hands it on as soon as the program reads
        except (InputClosed, KeeperGone):
            raise
        except QuarterdeckError:
            self._refuse()

    def _refuse(self) -> None:
        self.refused += 1
        self._listener.on_refused_input()
