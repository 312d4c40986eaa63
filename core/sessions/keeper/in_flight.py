"""Input that is on its way to a child."""

from __future__ import annotations

import asyncio
from asyncio import Future

from ...base.errors import QuarterdeckError


class InFlight:
    """The writes of a link that the child has not been given yet, oldest first.

    The keeper counts what it was given and did not refuse, in order; so do we.
    """

    def __init__(self, accepted: int, written: int) -> None:
        self.written = written
        self._before = accepted  # up to here it belongs to no write of this link
        self._writes: dict[int, tuple[int, Future[None]]] = {}

    async def sent(self, number: int, size: int) -> None:
        """Wait until the write ``number`` is with the child."""
        future = asyncio.get_running_loop().create_future()
        self._writes[number] = size, future
        await future

    def reach(self, written: int) -> None:
        """The child has been given so much."""
        self.written = written
        while self._writes:
            number, (size, future) = next(iter(self._writes.items()))
            if self._before + size > written:
                break
            self._before += size
            del self._writes[number]
            if not future.done():
                future.set_result(None)

    def refuse(self, number: int, fault: QuarterdeckError) -> None:
        """The keeper did not take a write."""
        _, future = self._writes.pop(number, (0, None))
        if future and not future.done():
            future.set_exception(fault)

    def fail(self, fault: QuarterdeckError) -> None:
        """None of them will be delivered."""
        for number in list(self._writes):
            self.refuse(number, fault)
