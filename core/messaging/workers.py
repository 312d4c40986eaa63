"""Workers of a bus, and whom they tell what became of a delivery."""

from __future__ import annotations

from asyncio import CancelledError, Future, Task
from typing import Any, Protocol

from .dead_letters import Reason
from .messages import Message
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


class Worker:
    """One coroutine that delivers."""

    __slots__ = ("at", "lent", "marked", "nap", "task")

    def __init__(self) -> None:
        self.at: Subscription | None = None
        self.marked = False
        self.lent = 0
        self.nap: Future[None] | None = None
        self.task: Task[None] | None = None


def is_leaving(worker: Worker, error: BaseException) -> bool:
    """Whether it is the worker that is to end, not the handler alone."""
    if isinstance(error, GeneratorExit):
        return True
    cut = isinstance(error, CancelledError)
    return cut and worker.task is not None and worker.task.cancelling() > 0
