"""The command queue: bounded, first in first out, and closed in an orderly way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class QueueClosed(Exception):  # no error of a user's, but the end of a stream
    """Nothing more goes in, or nothing more will come out."""


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """Figures of a queue: what waits in it, what waits before it, and what passed through."""

    size: int
    limit: int
    waiting: int
    taken: int


class CommandQueue(Generic[T]):
    """At most ``limit`` items; whoever puts one into a full queue waits, in order of arrival."""

    def __init__(self, limit: int) -> None:
        """Begin empty.

        :raises ValueError: if ``limit`` is below 1.
        """
        if limit < 1:
            raise ValueError(f"A queue holds at least 1 item, not {limit}")
        self._limit = limit
        self._items: deque[T] = deque()
        self._putters: deque[asyncio.Future[None]] = deque()
        self._getters: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._taken = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether the next sender has to wait."""
        return len(self._items) >= self._limit

    async def put(self, item: T) -> None:
        """Put ``item`` in, once there is room.

        :raises QueueClosed: if the queue is closed, also while this waited.
        """
        while self.full and not self._closed:
            await _turn(self._putters, lambda: not self.full)
        if self._closed:
            raise QueueClosed
        self._items.append(item)
        _wake(self._getters)

    async def get(self) -> T:
        """The oldest item, once there is one.

        :raises QueueClosed: if the queue is closed and empty.
        """
        while not self._items:
            if self._closed:
                raise QueueClosed
            await _turn(self._getters, lambda: bool(self._items))
        self._taken += 1
        item = self._items.popleft()
        _wake(self._putters)
        return item

    def close(self) -> None:
        """Let nothing more in; what is in still comes out."""
        self._closed = True
        for line in (self._putters, self._getters):
            while line:
                _wake(line)

    def drain(self) -> list[T]:
        """Everything that is in, taken out at once."""
        items = list(self._items)
        self._items.clear()
        for _ in items:
            _wake(self._putters)
        return items

    def statistics(self) -> QueueStatistics:
        """The figures of the moment."""
        return QueueStatistics(len(self._items), self._limit, len(self._putters), self._taken)


async def _turn(line: deque[asyncio.Future[None]], possible: Callable[[], bool]) -> None:
    """Wait at the end of ``line``; whoever is cancelled as his turn comes passes it on."""
    mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    line.append(mine)
    try:
        await mine
    except BaseException:
        if mine in line:
            line.remove(mine)
        elif possible():
            _wake(line)
        raise


def _wake(line: deque[asyncio.Future[None]]) -> None:
    """Let the first of ``line`` go on."""
    while line:
        first = line.popleft()
        if not first.done():
            first.set_result(None)
            return
