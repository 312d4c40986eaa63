"""Workers of a bus, and whom they tell what became of a delivery."""

from __future__ import annotations

from asyncio import CancelledError, Future, Task
from collections.abc import Iterator, Sequence
from operator import length_hint
from typing import Any, Protocol

from .dead_letters import Reason
from .messages import Message
from .routes import Route
from .subscription import Subscription


class Ends(Protocol):
    """What becomes of deliveries. Called on the loop; quick."""

    def answered(self, sub: Subscription, message: Message, result: Any) -> None:
        """A handler returned something, or a kept message was delivered."""
        ...

    def died(
        self, sub: Subscription, message: Message, reason: Reason, error: str, attempts: int
    ) -> None:
        """The subscription does not get the message."""
        ...

    def dropped(self, sub: Subscription, message: Message) -> None:
        """A message gave way to a newer one."""
        ...

    def overflows(self, sub: Subscription) -> None:
        """A subscription's queue has become full."""
        ...


Entry = tuple[Message, Sequence[Subscription], float]
"""A message, whom it goes to, and when it expires."""


class Worker:
    """One coroutine that delivers: an entry, and what is left of its subscriptions.

    ``at`` is the subscription whose handler has suspended here, or may; of an entry that is gone
    through quickly it is found out when somebody must know.
    """

    __slots__ = ("at", "entry", "lent", "marked", "nap", "rest", "task")

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.rest: Iterator[Subscription] = iter(())
        self.at: Subscription | None = None
        self.marked = False
        self.lent = 0
        self.nap: Future[None] | None = None
        self.task: Task[None] | None = None

    def where(self) -> Subscription | None:
        """The subscription whose handler it calls, if it calls one."""
        if self.at is not None or self.entry is None:
            return self.at
        subs = self.entry[1]
        begun = len(subs) - length_hint(self.rest)
        return subs[begun - 1] if begun else None

    def give_up(self) -> Entry | None:
        """Have nothing more to do for the entry; what is left of it, if anything."""
        entry, self.entry = self.entry, None
        if entry is None:
            return None
        left = tuple(self.rest)
        if isinstance(entry[1], Route):
            entry[1].take_back(len(left) + 1)
        return (entry[0], left, entry[2]) if left else None


def is_leaving(worker: Worker, error: BaseException) -> bool:
    """Whether it is the worker that is to end, not the handler alone."""
    if isinstance(error, GeneratorExit):
        return True
    cut = isinstance(error, CancelledError)
    return cut and worker.task is not None and worker.task.cancelling() > 0
