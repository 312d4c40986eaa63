"""One run of a session: its link to the keeper, what comes out, what goes in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterator
from typing import Protocol, TypeVar

from ..base.errors import QuarterdeckError
from ..telemetry.logs import logger
from .keeper.faults import KeeperTimeout
from .keeper.foreground import Foreground
from .keeper.items import Exited, Gone, Item, Lost, Output, Resized, StopReport, Superseded
from .ports import Link
from .screen import SessionScreen
from .typist import Size, Typist, TypistListener, in_time

T = TypeVar("T")

PIECES = {"pyte": 1024}
PIECE = 4 * 1024
"""Bytes parsed at once, by back end: less than a millisecond's work, or about that."""

TURN = 0.001
"""Seconds of parsing after which everything else gets its turn."""

_log = logger("sessions.run")


class RunListener(TypistListener, Protocol):
    """Whoever wants to know what a run does; called in the loop, in order."""

    def on_output(self) -> None:
        """The screen has taken output in."""
        ...

    def on_resized(self, cols: int, lines: int) -> None:
        """From here on the output is for this size."""
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

    def on_cut_off(self, reason: str) -> None:
        """The link is gone, and nobody said how the child fares."""
        ...

    def on_superseded(self) -> None:
        """Another engine holds the session now."""
        ...


class Run:
    """Pumps a keeper's items into a screen, and input into the keeper.

    ``offset`` is the one up to which output was taken in. ``live_from`` is the offset up to which
    it is history, which is parsed with device replies and notifications muted. ``size`` is the one
    that the terminal is to have. ``over`` is set when nothing more comes out.
    """

    def __init__(
        self,
        link: Link,
        screen: SessionScreen,
        listener: RunListener,
        *,
        size: Size,
        offset: int = 0,
        live_from: int = 0,
    ) -> None:
        self.link = link
        self.offset = offset
        self.typist = Typist(link, size, listener)
        self._screen = screen
        self._listener = listener
        self._live_from = live_from
        self._taken = asyncio.Event()
        self.over = asyncio.Event()
        self._failures = 0
        self._turn_ends = 0.0
        self._tasks = [
            asyncio.create_task(self._pump(), name="session-pump"),
            asyncio.create_task(self.typist.work(), name="session-input"),
        ]

    # Output

    @property
    def live(self) -> bool:
        """Whether what comes now was written since this link began."""
        return self.offset >= self._live_from

    async def _pump(self) -> None:
        try:
            if self.live:
                self._listener.on_caught_up()
            async for item in self.link.items():
                if not await self._take(item):
                    return
                self._taken.set()
        except Exception as error:  # noqa: BLE001  # a session must not stay deaf without a word
            _log.error("reading a session failed", error)
            self._listener.on_cut_off(f"reading it failed: {error!r}")
        finally:
            self.over.set()
            self._taken.set()

    async def _take(self, item: Item) -> bool:
        """Take one item in; False after the last one."""
        match item:
            case Output(offset=offset, data=data):
                await self._read(offset, data)
            case Resized(cols=cols, rows=rows):
                with self._mended():
                    self._screen.resize(cols, rows)
                self._listener.on_resized(cols, rows)
            case Lost(offset=offset):
                self._lost(offset)
            case Exited(code=code, signal=signal):
                self._screen.end()
                self._listener.on_exit(code, signal)
                return False
            case Gone(reason=reason):
                self._listener.on_cut_off(reason)
                return False
            case Superseded():
                self._listener.on_superseded()
                return False
            case _:
                pass
        return True

    def _lost(self, offset: int) -> None:
        was_live = self.live
        self.offset = offset
        self._listener.on_lost_output()
        if self.live and not was_live:
            self._listener.on_caught_up()

    async def _read(self, offset: int, data: bytes) -> None:
        """Parse ``data`` in pieces, so that a flood leaves others their turn."""
        size = PIECES.get(self._screen.emulator.backend, PIECE)
        loop = asyncio.get_running_loop()
        for at in range(0, len(data), size):
            self._output(offset + at, data[at : at + size])
            self._taken.set()
            if loop.time() >= self._turn_ends:
                await asyncio.sleep(0)
                self._turn_ends = loop.time() + TURN

    def _output(self, offset: int, data: bytes) -> None:
        old = min(max(self._live_from - offset, 0), len(data))
        was_live = self.live
        with self._mended():
            self._feed(data, old)
        self.offset = offset + len(data)
        if old < len(data):
            self._listener.on_output()
        if self.live and not was_live:
            self._listener.on_caught_up()

    def _feed(self, data: bytes, old: int) -> None:
        if old:
            with self._screen.emulator.mute():
                self._screen.feed(data[:old])
        if old < len(data):
            self._screen.feed(data[old:])
            if replies := self._screen.emulator.take_replies():
                self.typist.post(replies)

    @contextlib.contextmanager
    def _mended(self) -> Iterator[None]:
        """Go on with an empty screen where the emulator fails on what a program writes."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever it is, the session goes on
            if not self._failures:  # the first one tells it all, and there may be one a piece
                _log.error("a screen failed and is drawn anew", error)
            self._failures += 1
            self._listener.on_lost_output()

    async def drain(self, seconds: float = 2.0) -> None:
        """Wait until all output that the keeper has now is taken in, or the run is over.

        :raises TimeoutError: if the program writes faster than can be read.
        """
        async with asyncio.timeout(seconds):
            end = await self.link.end_offset()
            while self.offset < end and not self.over.is_set():
                self._taken.clear()
                await self._taken.wait()

    async def foreground(self) -> Foreground:
        """The process group that owns the terminal."""
        return await in_time(self.link.foreground())

    # The end

    async def stop(self, grace: float, patience: float) -> StopReport:
        """Stop the child's process tree; SIGKILL after ``grace`` seconds.

        :raises KeeperTimeout: if it takes ``patience`` seconds longer, and no output comes meanwhile.
        """
        try:
            return await self.behind_output(self.link.stop(grace), grace + patience)
        except TimeoutError as error:
            raise KeeperTimeout(
                f"The keeper didn't answer within {grace + patience:g} seconds."
            ) from error

    async def behind_output(self, awaited: Awaitable[T], seconds: float) -> T:
        """What comes after the output there is: a flood of it may take longer than ``seconds``.

        :raises TimeoutError: if for so long neither it nor any output has come.
        """
        task = asyncio.ensure_future(awaited)
        try:
            while True:
                before = self.offset
                await asyncio.wait([task], timeout=seconds)
                if task.done():
                    return await task
                if self.offset == before:
                    raise TimeoutError
        finally:
            task.cancel()

    async def dismiss(self) -> None:
        """Let the keeper end, now that its child has; and let go of it."""
        try:
            with contextlib.suppress(QuarterdeckError):  # it is gone already, or hangs
                await in_time(self.link.dismiss())
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of the keeper; it and its child go on."""
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            await self.link.detach()
