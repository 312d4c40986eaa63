"""Mailboxes: each session's commands in their order, without holding up a worker."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import QuarterdeckError
from ..telemetry.logs import logger
from .faults import Internal, SessionBusy, ShuttingDown

MAILBOX_LIMIT = 64

_log = logger("engine.mailboxes")


class Work(Protocol):
    """A command that waits for its turn."""

    async def run(self) -> None:
        """Carry it out and answer it; raises nothing but a cancellation."""
        ...

    def refuse(self, error: QuarterdeckError) -> None:
        """Answer it with ``error``, if it was not answered yet."""
        ...


@dataclass(slots=True)
class _Mailbox:
    """Work that waits, the one under way with its start, and the names of the mailbox."""

    names: list[str]
    waiting: deque[Work] = field(default_factory=deque)
    current: Work | None = None
    since: float = 0.0
    task: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """Figures of all mailboxes: open ones, and work waiting in all of them and in the fullest.

    ``oldest`` is how many seconds the longest work has been under way.
    """

    open: int
    waiting: int
    fullest: int
    oldest: float
    limit: int


class Mailboxes:
    """One bounded mailbox for each session with work, run by one task that ends when it is idle.

    A full mailbox refuses (``session_busy``) and does not let the sender wait: a worker that
    waited for one session would be missing for all the others.
    """

    def __init__(self, limit: int = MAILBOX_LIMIT, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Begin with none.

        :raises ValueError: if ``limit`` is below 1.
        """
        if limit < 1:
            raise ValueError(f"A mailbox holds at least 1 command, not {limit}")
        self._limit = limit
        self._clock = clock
        self._boxes: dict[str, _Mailbox] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def post(self, name: str, work: Work) -> None:
        """Run ``work`` when all that was posted to ``name`` before is done; takes effect at once.

        :raises SessionBusy: if the mailbox is full.
        :raises ShuttingDown: if the engine is stopping.
        """
        if self._closed:
            raise ShuttingDown("The engine is stopping and takes no more commands.")
        box = self._boxes.get(name)
        if box is None:
            box = self._boxes[name] = _Mailbox([name])
        if len(box.waiting) >= self._limit:
            raise SessionBusy(
                f"{self._limit} commands wait for this session already. Let it finish some of "
                "them, or delete the session with force.",
                session_id=name,
                limit=self._limit,
            )
        box.waiting.append(work)
        if box.task is None:
            self._start(box)

    def adopt(self, name: str, other: str) -> None:
        """Let ``other`` stand for the mailbox ``name``, if that has work; its order goes on."""
        box = self._boxes.get(name)
        if box is not None and other not in self._boxes:
            box.names.append(other)
            self._boxes[other] = box

    async def finish(self, seconds: float | None = None) -> None:
        """Take no more work, and let what is there be done, for ``seconds`` at most.

        What is not done by then is cancelled, and what still waits refused. ``None``: take all the
        time it needs.
        """
        self._closed = True
        if self._tasks and seconds != 0:
            await asyncio.wait(self._tasks, timeout=seconds)
        self._refuse_all()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def statistics(self) -> MailboxStatistics:
        """The figures of the moment."""
        boxes = {id(box): box for box in self._boxes.values()}.values()
        now = self._clock.monotonic()
        return MailboxStatistics(
            open=len(boxes),
            waiting=sum(len(box.waiting) for box in boxes),
            fullest=max((len(box.waiting) for box in boxes), default=0),
            oldest=max((now - box.since for box in boxes if box.current), default=0.0),
            limit=self._limit,
        )

    def _start(self, box: _Mailbox) -> None:
        box.task = asyncio.create_task(self._run(box), name=f"mailbox-{box.names[0]}")
        self._tasks.add(box.task)
        box.task.add_done_callback(self._tasks.discard)

    async def _run(self, box: _Mailbox) -> None:
        try:
            while box.waiting:
                box.current, box.since = box.waiting.popleft(), self._clock.monotonic()
                await self._one(box.current)
                box.current = None
        finally:
            for name in box.names:
                del self._boxes[name]

    async def _one(self, work: Work) -> None:
        try:
            await work.run()
        except asyncio.CancelledError:
            work.refuse(ShuttingDown("The engine stopped before the command was done."))
            raise
        except Exception as error:  # noqa: BLE001  # the next command of the session goes on
            _log.error("work in a mailbox failed", error)
            work.refuse(Internal("The command failed inside the engine; the log says how."))

    def _refuse_all(self) -> None:
        for box in self._boxes.values():
            while box.waiting:
                box.waiting.popleft().refuse(
                    ShuttingDown("The engine stopped before it came to the command.")
                )
