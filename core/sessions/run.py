"""One run of a session: its link to the keeper, what comes out, what goes in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ..base.errors import QuarterdeckError
from .faults import NotRunning
from .keeper.items import Exited, Gone, Lost, Output, Resized, Superseded
from .keeper.link import KeeperLink
from .screen import SessionScreen

INPUT_LIMIT = 256 * 1024
"""Bytes of unsent input after which more is refused."""


NUDGE = 0.1
"""Seconds between two sizes of a nudge: a program that sees only the last one draws nothing."""


class RunListener(Protocol):
    """Whoever wants to know what a run does; called in the loop, in order."""

    def on_output(self) -> None:
        """The screen has taken output in."""
        ...

    def on_lost_output(self) -> None:
        """A part of the output is gone; the screen is not to be trusted until it is repainted."""
        ...

    def on_caught_up(self) -> None:
        """All output from before this link was taken in."""
        ...

    def on_exit(self, code: int | None, signal: int | None) -> None:
        """The child has ended, and all its output was taken in."""
        ...

    def on_gone(self, reason: str) -> None:
        """The keeper is gone without a word of the child's end."""
        ...

    def on_superseded(self) -> None:
        """Another engine holds the session now."""
        ...


class Run:
    """Pumps a keeper's items into a screen, and input into the keeper.

    ``offset`` is the one up to which output was taken in. ``live_from`` is the offset up to which
    it is history, which is parsed with device replies and notifications muted.
    """

    def __init__(
        self,
        link: KeeperLink,
        screen: SessionScreen,
        listener: RunListener,
        *,
        offset: int = 0,
        live_from: int = 0,
    ) -> None:
        self.link = link
        self.offset = offset
        self.refused_input = 0
        self._screen = screen
        self._listener = listener
        self._live_from = live_from
        self._input: deque[bytes] = deque()
        self._unsent = 0
        self._size: tuple[int, int] | None = None
        self._nudges: deque[tuple[int, int]] = deque(maxlen=4)
        self._wake = asyncio.Event()
        self._typing = asyncio.Lock()
        self._taken: asyncio.Event = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._pump(), name="session-pump"),
            asyncio.create_task(self._send(), name="session-input"),
        ]

    # Output

    async def _pump(self) -> None:
        if self.offset >= self._live_from:
            self._listener.on_caught_up()
        async for item in self.link.items():
            if not self._take(item):
                break
            self._taken.set()
        self._taken.set()

    def _take(self, item: object) -> bool:
        """Take one item in; False after the last one."""
        match item:
            case Output(offset=offset, data=data):
                self._output(offset, data)
            case Resized(cols=cols, rows=rows):
                self._screen.resize(cols, rows)
            case Lost(offset=offset):
                self.offset = offset
                self._listener.on_lost_output()
            case Exited(code=code, signal=signal):
                self._finish(lambda: self._listener.on_exit(code, signal))
                return False
            case Gone(reason=reason):
                self._finish(lambda: self._listener.on_gone(reason))
                return False
            case Superseded():
                self._listener.on_superseded()
                return False
            case _:
                pass
        return True

    def _finish(self, tell: Callable[[], None]) -> None:
        self._screen.end()
        tell()

    def _output(self, offset: int, data: bytes) -> None:
        old = min(max(self._live_from - offset, 0), len(data))
        if old:
            with self._screen.emulator.mute():
                self._screen.feed(data[:old])
        if old < len(data):
            self._screen.feed(data[old:])
            if replies := self._screen.emulator.take_replies():
                self.post(replies)
        was_behind = self.offset < self._live_from
        self.offset = offset + len(data)
        if old < len(data):
            self._listener.on_output()
        if was_behind and self.offset >= self._live_from:
            self._listener.on_caught_up()

    async def drain(self, seconds: float = 2.0) -> None:
        """Wait until all output that the keeper has now is taken in.

        :raises TimeoutError: if the program writes faster than can be read.
        """
        async with asyncio.timeout(seconds):
            end = await self.link.end_offset()
            while self.offset < end and not self._tasks[0].done():
                self._taken.clear()
                await self._taken.wait()

    # Input

    def post(self, data: bytes) -> bool:
        """Queue input without waiting; False, and counted, if too much is unsent."""
        if self._unsent + len(data) > INPUT_LIMIT:
            self.refused_input += 1
            return False
        self._input.append(data)
        self._unsent += len(data)
        self._wake.set()
        return True

    def post_size(self, cols: int, lines: int) -> None:
        """Queue a size; of several unsent ones the last counts."""
        self._size = (cols, lines)
        self._wake.set()

    def nudge(self, cols: int, lines: int) -> None:
        """Make the program draw its whole screen anew: another size for a moment, then its own."""
        self._nudges.append((max(cols - 1, 2), lines))
        self._nudges.append((cols, lines))
        self._wake.set()

    async def set_size(self, cols: int, lines: int) -> None:
        """Give the terminal another size, now."""
        await self.link.resize(cols, lines)

    def exclusive(self) -> asyncio.Lock:
        """The right to type: whoever holds it is not interrupted by queued input."""
        return self._typing

    async def write(self, data: bytes) -> None:
        """Write input; the caller holds ``exclusive()``.

        :raises NotRunning: if the process is gone.
        """
        try:
            await self.link.write(data)
        except QuarterdeckError as error:
            raise NotRunning(f"The process took no more input: {error.message}") from error

    async def _send(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._send_queued()
        except QuarterdeckError:
            self._input.clear()  # the process is gone, which the pump tells

    async def _send_queued(self) -> None:
        while self._nudges:
            await self.link.resize(*self._nudges.popleft())
            await asyncio.sleep(NUDGE)
        size, self._size = self._size, None
        if size is not None:
            await self.link.resize(*size)
        async with self._typing:
            while self._input:
                data = b"".join(self._input)
                self._input.clear()
                self._unsent = 0
                await self.link.write(data)

    # The end

    async def stop(self, grace: float) -> None:
        """Stop the child's process tree; SIGKILL after ``grace`` seconds."""
        await self.link.stop(grace)

    async def dismiss(self) -> None:
        """Let the keeper end, now that its child has."""
        await self.link.dismiss()
        await self.close()

    async def close(self) -> None:
        """Let go of the keeper; it and its child go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.link.detach()
