"""An engine's link to a keeper."""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio import Future
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from .dialing import SPOKEN, Line, dial, refusal
from .faults import InputClosed, KeeperGone, KeeperTimeout
from .foreground import Foreground, foreground_of
from .frames import CHUNK, LATEST, WINDOW, Frame, cut_frames, encode_frame
from .in_flight import InFlight
from .items import (
    Exited,
    ExitStatus,
    Gone,
    Item,
    KeeperFacts,
    LogInMemory,
    Lost,
    Output,
    Resized,
    StopReport,
    Stream,
    Superseded,
)
from .places import KeeperPlaces
from .recording import log_item

__all__ = [
    "ExitStatus",
    "Exited",
    "Foreground",
    "Gone",
    "Item",
    "KeeperFacts",
    "KeeperLink",
    "LogInMemory",
    "Lost",
    "Output",
    "Resized",
    "StopReport",
    "Stream",
    "Superseded",
]

PIECE = 32 * 1024  # of input in one frame
ACK_SHARE = 4  # acknowledged after this part of the window: each wakes the keeper


class KeeperLink:
    """The one link that a keeper has at a time; ``connect`` makes it.

    The keeper sends at most a window of output that was not acknowledged, so a slow consumer
    never makes this side's memory grow. ``welcome`` is how the keeper stood at the start,
    ``facts`` how it stood when it last told.
    """

    def __init__(self, line: Line, *, window: int, auto_ack: bool) -> None:
        self.welcome = self.facts = line.welcome
        self._line = line
        self._window = window
        self._auto_ack = auto_ack
        self._acked = self._taken = 0
        self._items: deque[Item] = deque()  # bounded by the window
        self._arrived = asyncio.Event()
        self._ended = False
        self._number = 0
        self._requests: dict[int, Future[Any]] = {}
        self._writing = asyncio.Lock()
        self._input = InFlight(line.welcome.accepted, line.welcome.written)
        self._listener = asyncio.create_task(self._listen(), name="keeper-link")

    @classmethod
    async def connect(
        cls,
        places: KeeperPlaces,
        *,
        epoch: int,
        from_offset: int | None = 0,
        timeout: float = 10.0,  # noqa: ASYNC109  # it names the fault
        window: int = WINDOW,
        auto_ack: bool = True,
        versions: tuple[int, int] = SPOKEN,
    ) -> Self:
        """The link to the keeper at ``places``, bringing its output from ``from_offset`` on.

        None stands for the present end. An earlier link is superseded if its epoch is not higher.
        If what was asked for is gone, ``Lost`` tells where the stream goes on.

        :raises KeeperGone: if there is no keeper.
        :raises KeeperEpoch: if an engine of a higher epoch holds it.
        :raises KeeperVersion: if it speaks none of ``versions``.
        :raises KeeperTimeout: if it doesn't answer within ``timeout`` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                line = await dial(places, epoch=epoch, window=window, versions=versions)
        except TimeoutError as error:
            raise KeeperTimeout(
                f"The keeper of {places.key} didn't answer within {timeout:g} seconds."
            ) from error
        link = cls(line, window=window, auto_ack=auto_ack)
        link._subscribe(LATEST if from_offset is None else from_offset)
        return link

    def _subscribe(self, offset: int) -> None:
        end = self.welcome.ring_end
        if end < offset < LATEST:
            self._push(Lost(end))
        self._acked = self._taken = min(offset, end)
        self._send(Frame.SUBSCRIBE, offset)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.detach()

    # What comes

    def items(self) -> AsyncIterator[Item]:
        """What the keeper sends, for one consumer; ``Superseded`` or ``Gone`` comes last.

        Items are acknowledged, a part of the window at a time, as the next one is asked for, unless
        ``auto_ack`` is off.
        """
        return _Items(self)

    async def next_item(self) -> Item | None:
        """The next item; None after the last."""
        if self._auto_ack:
            self._ack_taken()
        while not self._items:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        item = self._items.popleft()
        if isinstance(item, Output):
            self._taken = item.offset + len(item.data)
        elif isinstance(item, Lost):
            self._taken = item.offset
        return item

    def ack(self, offset: int) -> None:
        """Say that all before ``offset`` was taken; the keeper sends on accordingly."""
        if not self._ended and offset != self._acked:
            self._acked = offset
            self._send(Frame.ACK, offset)

    def _ack_taken(self) -> None:
        if abs(self._taken - self._acked) >= self._window // ACK_SHARE:
            self.ack(self._taken)

    async def _listen(self) -> None:
        reason = "the keeper closed the link"
        try:
            self._take_all(self._line.rest)
            while data := await self._line.reader.read(CHUNK):
                self._line.buffer += data
                self._take_all(cut_frames(self._line.buffer))
        except ConnectionResetError:  # it closed with something of ours unread
            pass
        except OSError as error:
            reason = f"the link broke: {error}"
        except (ValueError, KeyError, TypeError) as error:
            reason = f"the keeper speaks nonsense: {error!r}"
        self._end(Gone(reason))

    def _take_all(self, frames: list[tuple[int, int, bytes]]) -> None:
        for kind, number, payload in frames:
            self._take(kind, number, payload)

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        match kind:
            case Frame.REPLY | Frame.ERROR:
                self._answer(kind, number, payload)
            case Frame.WRITE_ACK:
                self._input.reach(number)
            case Frame.STATUS:
                self._note(KeeperFacts.parse(json.loads(payload)))
            case Frame.LOST:
                self._push(Lost(number))
            case Frame.SUPERSEDED:
                self._end(Superseded(number))
            case _:
                item = log_item(kind, number, payload)
                if item is None:
                    raise ValueError(f"a frame of kind {kind}")
                self._push(item)

    def _answer(self, kind: int, number: int, payload: bytes) -> None:
        future = self._requests.pop(number, None)
        if kind == Frame.ERROR:
            fault = refusal(payload)
            self._input.refuse(number, fault)
            if future and not future.done():
                future.set_exception(fault)
        elif future and not future.done():
            future.set_result(json.loads(payload))

    def _note(self, facts: KeeperFacts) -> None:
        if facts.ring_kind != self.facts.ring_kind:
            self._push(LogInMemory(facts.fault))
        self.facts = facts
        if not facts.input_open:
            self._input.fail(InputClosed("The child takes no more input."))

    def _push(self, item: Item) -> None:
        if not self._ended:
            self._items.append(item)
            self._arrived.set()

    def _end(self, item: Item) -> None:
        if self._ended:
            return
        self._push(item)
        self._ended = True
        self._line.writer.close()
        why = item.reason if isinstance(item, Gone) else "a later link took the keeper over"
        for future in self._requests.values():
            if not future.done():
                future.set_exception(KeeperGone(f"The keeper is out of reach: {why}."))
        self._requests.clear()
        self._input.fail(KeeperGone(f"The keeper is out of reach: {why}."))

    # What goes

    async def write(self, data: bytes) -> int:
        """Hand input to the child; returns how much of it the child has been given since its start.

        Ends when the terminal or pipe has taken ``data``, which a child that doesn't read delays:
        bound it with a timeout. What was sent before a cancellation is still delivered.

        :raises InputClosed: if the child takes no more input.
        :raises InputFull: if too much waits for it already.
        :raises KeeperGone: if the link ends before.
        """
        async with self._writing:
            for at in range(0, len(data), PIECE):
                piece = data[at : at + PIECE]
                number = self._begin(Frame.WRITE, piece)
                await self._input.sent(number, len(piece))
        return self._input.written

    async def close_stdin(self) -> None:
        """End the child's input behind what was written.

        :raises NotSupported: on a terminal.
        """
        await self._request(Frame.CLOSE_STDIN)

    async def resize(self, cols: int, rows: int) -> None:
        """Give the terminal another size; the change stands in the stream as well.

        :raises NotSupported: if the child has pipes.
        """
        await self._request(Frame.RESIZE, [cols, rows])

    async def signal(self, number: int, *, tree: bool = False) -> tuple[int, ...]:
        """Signal the child, or all its living processes; those that got it."""
        return tuple(await self._request(Frame.SIGNAL, [number, int(tree)]))

    async def stop(self, grace: float) -> StopReport:
        """End the whole process tree: SIGTERM, after ``grace`` seconds SIGKILL, until none is left.

        On a terminal SIGHUP goes with SIGTERM. It goes on if the link is lost.
        """
        return StopReport.of(await self._request(Frame.STOP, grace))

    async def foreground(self) -> Foreground:
        """The process group that owns the terminal.

        :raises NotSupported: if the child has pipes.
        """
        pgid = int(await self._request(Frame.FOREGROUND))
        return await asyncio.to_thread(foreground_of, pgid, self.welcome.child_pid)

    async def look(self) -> KeeperFacts:
        """The keeper's facts, once all output until now is in its log."""
        self.facts = KeeperFacts.parse(await self._request(Frame.LOOK))
        return self.facts

    async def end_offset(self) -> int:
        """The offset behind all that the child has written until now."""
        return (await self.look()).ring_end

    async def dismiss(self) -> None:
        """Let the keeper go: it takes its socket away, and ends when its child has."""
        await self._request(Frame.DISMISS)

    async def detach(self) -> None:
        """Close the link; keeper and child go on. A second time does nothing."""
        self._listener.cancel()
        self._end(Gone("the engine let go of it"))
        await asyncio.gather(self._listener, return_exceptions=True)
        with contextlib.suppress(OSError):
            await self._line.writer.wait_closed()

    async def _request(self, kind: Frame, value: object = None) -> Any:
        number = self._begin(kind, b"" if value is None else json.dumps(value).encode())
        future = asyncio.get_running_loop().create_future()
        self._requests[number] = future
        try:
            return await future
        finally:
            self._requests.pop(number, None)

    def _begin(self, kind: Frame, payload: bytes) -> int:
        if self._ended:
            raise KeeperGone("The link to the keeper is closed.")
        self._number += 1
        self._send(kind, self._number, payload)
        return self._number

    def _send(self, kind: Frame, number: int, payload: bytes = b"") -> None:
        self._line.writer.write(encode_frame(kind, number, payload))


class _Items:
    """The items of a link; nothing of it needs to be closed."""

    def __init__(self, link: KeeperLink) -> None:
        self._link = link

    def __aiter__(self) -> _Items:
        return self

    async def __anext__(self) -> Item:
        item = await self._link.next_item()
        if item is None:
            raise StopAsyncIteration
        return item
