"""One subscription: who is called with what, and what waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any

from ..base.urgency import UrgencyQueue
from .messages import Message

Handler = Callable[[Message], Any]
"""Sync (called in a thread) or async. What it returns for a request is the answer, unless ``None``."""

Filter = Callable[[Message], bool]
"""Called on the loop before each delivery; quick."""


UNUSUAL = 1 << 30
"""Added to ``running`` of subscriptions that need more than a look at it."""


class QueuePolicy(StrEnum):
    """What happens to a message for a subscription whose queue is full.

    ``refuse``: it becomes a dead letter. ``drop_oldest``: the one that waits longest is dropped and
    counted. ``coalesce``: of messages with one key (the topic, unless told otherwise) only the latest
    waits, full or not; with too many keys the oldest is dropped. ``wait``: publishers wait for room,
    for a bounded time, after which it is refused; only who asks for it slows publishers down.
    """

    REFUSE = "refuse"
    DROP_OLDEST = "drop_oldest"
    COALESCE = "coalesce"
    WAIT = "wait"


class Held:
    """A message that waits for its subscription, with the failed attempts so far."""

    __slots__ = ("attempts", "expires", "key", "message")

    def __init__(
        self, message: Message, expires: float, attempts: int = 0, key: Hashable = None
    ) -> None:
        self.message = message
        self.expires = expires
        self.attempts = attempts
        self.key = key


@dataclass(frozen=True, slots=True)
class SubscriptionStatistics:
    """A subscription's figures: messages ended one way or another, and those that wait now."""

    subscription_id: str
    subscriber_id: str
    pattern: str
    delivered: int
    failed: int
    retried: int
    dropped: int
    coalesced: int
    expired: int
    filtered: int
    waiting: int
    running: int


class Subscription:
    """A handler under a pattern, with a bounded queue of its own."""

    __slots__ = (
        "again", "bound", "call", "coalesced", "coming", "delivered", "dropped", "expired",
        "failed", "filter", "filtered", "gone", "held", "id", "key_of", "keyed", "max_retries",
        "overflowing", "pattern", "policy", "queue", "retried", "room", "running", "subscriber_id",
    )  # fmt: skip

    def __init__(
        self,
        subscription_id: str,
        subscriber_id: str,
        pattern: str,
        call: Callable[[Message], Awaitable[Any]],
        *,
        bound: int,
        max_retries: int,
        policy: QueuePolicy = QueuePolicy.REFUSE,
        filter_fn: Filter | None = None,
        key_of: Callable[[Message], Hashable] | None = None,
        ageing: float | None = None,
    ) -> None:
        self.id = subscription_id
        self.subscriber_id = subscriber_id
        self.pattern = pattern
        self.call = call
        self.bound = bound
        self.max_retries = max_retries
        self.policy = policy
        self.filter = filter_fn
        self.key_of = key_of
        self.queue: UrgencyQueue[Held] = UrgencyQueue(ageing)
        self.keyed: dict[Hashable, Held] = {}
        self.room: asyncio.Event | None = None
        # handlers at work that have suspended, and its place in the line of those that go on
        self.running = UNUSUAL if policy is not QueuePolicy.REFUSE or filter_fn is not None else 0
        self.held = 0  # messages in its queue and in back-off
        self.coming = 0  # with the policy WAIT: messages on their way to it
        self.gone = self.overflowing = self.again = False
        self.delivered = self.failed = self.retried = self.dropped = 0
        self.coalesced = self.expired = self.filtered = 0

    @property
    def key(self) -> str:
        """Who it is, across restarts."""
        return f"{self.subscriber_id} {self.pattern}"

    @property
    def busy(self) -> bool:
        """Whether something is at work for it, or about to be."""
        return self.running & (UNUSUAL - 1) > 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more may wait for it."""
        return self.held + self.coming >= self.bound

    async def wait_for_room(self, seconds: float) -> None:
        """Return when something more may wait for it, when it is gone, or after that long."""
        if not self.is_full:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.is_full and not self.gone:
                    self.room = self.room or asyncio.Event()
                    self.room.clear()
                    await self.room.wait()

    def make_room(self) -> None:
        """Something that waited does so no more."""
        self.held -= 1
        if self.held <= self.bound // 2:
            self.overflowing = False
        if self.room is not None:
            self.room.set()

    def enter(self, held: Held, now: float) -> None:
        """Let it wait in the queue; it is counted already."""
        self.queue.push(held, held.message.priority, now)

    def take(self, now: float) -> Held | None:
        """The next that waits."""
        return self._out(self.queue.pop(now))

    def drop_oldest(self) -> Held | None:
        """Take out what waits longest at the least urgent level."""
        return self._out(self.queue.pop_least())

    def _out(self, held: Held | None) -> Held | None:
        if held is not None:
            if held.key is not None:
                self.keyed.pop(held.key, None)
            self.make_room()
        return held

    def statistics(self) -> SubscriptionStatistics:
        """Its figures since it was made."""
        return SubscriptionStatistics(
            self.id, self.subscriber_id, self.pattern, self.delivered, self.failed, self.retried,
            self.dropped, self.coalesced, self.expired, self.filtered, self.held,
            self.running & (UNUSUAL - 1),
        )  # fmt: skip


NEVER = inf
"""The expiry of a message without a time to live."""

WATCHED = inf + 1.0
"""The same, another object, where somebody wants to know how each delivery ends."""
