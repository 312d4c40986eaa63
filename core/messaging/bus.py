"""The message bus: topics, subscriptions, requests, dead letters."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from functools import partial
from itertools import count
from typing import Any, Self

from ..base.batches import BatchStore
from ..base.calling import Threads, is_async
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.ids import next_id
from ..base.priority import Priority
from ..base.topics import topic_matches
from . import faults as f
from .config import MessageBusConfig
from .dead_letters import DeadLetter, DeadLetters, Reason
from .endings import OWN, Endings
from .figures import BusStatistics, figures_of, sums
from .keeping import Keeper
from .messages import Message, MessageType
from .pump import Pump
from .requests import Request, Requests, answer_to
from .routes import Route, Routes
from .subscription import (
    NEVER,
    UNUSUAL,
    WATCHED,
    Filter,
    Handler,
    Held,
    QueuePolicy,
    Subscription,
)
from .trie import check_pattern

_NORMAL = Priority.NORMAL

BURST = 256
"""Messages on their way after which a publisher lets the loop have a turn: it keeps both quick."""

_ANSWERS = frozenset({MessageType.RESPONSE, MessageType.ERROR})


class MessageBus:
    """Publish and subscribe by topic, in one event loop at a time.

    ``publish`` returns when the message is on its way: it never waits for a subscriber, unless one
    asked for that with the policy ``wait``. Each subscription gets its messages one at a time, the
    more urgent first, else in the order of their publication; one that failed comes again after a
    while, with others in between. ``store`` keeps what ``config.persist`` covers.
    """

    def __init__(
        self,
        config: MessageBusConfig | None = None,
        *,
        store: BatchStore | None = None,
        clock: Clock = SYSTEM_CLOCK,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config or MessageBusConfig()
        self._monotonic = monotonic
        self._routes = Routes()
        self._recent = self._routes.recent
        self._subs: dict[str, Subscription] = {}
        self._names = count(1)
        self._letters = DeadLetters(self.config.max_dead_letters)
        self._requests = Requests()
        self._threads = Threads(None)
        self._keeper = Keeper(store, lambda: self._letters) if store is not None else None
        self._ends = Endings(
            self._letters if self.config.enable_dead_letter else None, self._requests,
            self._keeper, clock, self.publish_nowait,
        )  # fmt: skip
        self._pump: Pump | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._careful = store is not None  # a publisher may have to wait for somebody
        self._published = self._unrouted = 0
        self._former = [0] * 6
        self._leaving: list[Subscription] = []  # gone, and perhaps still at work

    # ---- lifecycle -------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what a store has kept; without a store a bus needs no start."""
        self._closed = self._ends.closed = False
        self._here()
        if self._keeper is not None:
            await self._keeper.begin()
            for letter in self._keeper.found:
                self._letters.add(letter)
            for sub in self._subs.values():
                self._deliver_kept(sub)

    async def close(self, *, drain: bool = True) -> None:
        """Take nothing more, and deliver what is on its way, for at most ``drain_seconds``.

        What is left then, or at once without ``drain``, becomes dead letters (``closed``); kept
        messages stay with the store instead, for the next start.
        """
        self._closed = self._ends.closed = True
        pump, self._pump = self._pump, None
        if pump is not None:
            try:
                if drain:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self.config.drain_seconds):
                            await pump.drained()
            finally:
                await pump.stop()
                self._bury(pump)
        if self._keeper is not None:
            await self._keeper.settled()
        self._threads.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _here(self) -> Pump:
        pump = self._pump
        if pump is not None and not pump.closed and self._loop is asyncio.get_running_loop():
            return pump
        if self._closed:
            raise f.BusClosed("The message bus is closed; start it again to publish.")
        if pump is not None and not pump.closed and self._loop and self._loop.is_running():
            raise f.BusElsewhere(
                "The message bus is at work in another event loop; give each loop a bus of its own."
            )
        return self._move_in(pump)

    def _move_in(self, former: Pump | None) -> Pump:
        self._loop = asyncio.get_running_loop()
        self._pump = pump = Pump(
            self._ends, self.config.back_off, self.config.max_queue_size, self._monotonic
        )
        self._ends.silent = False
        for sub in self._subs.values():
            sub.running, sub.again, sub.room = sub.running & UNUSUAL, False, None
        if former is not None:
            self._bury(former)
        for sub in self._subs.values():
            pump.wake(sub)
        return pump

    def _bury(self, pump: Pump) -> None:
        for sub, message, attempts in pump.left():
            self._ends.died(sub, message, Reason.CLOSED, "The bus was closed.", attempts)
        if self._closed:
            for sub in self._subs.values():
                while (held := sub.drop_oldest()) is not None:
                    text = "The bus was closed."
                    self._ends.died(sub, held.message, Reason.CLOSED, text, held.attempts)

    # ---- subscriptions ---------------------------------------------------------------------

    async def subscribe(
        self, pattern: str, handler: Handler, subscriber_id: str = "", **how: Any
    ) -> str:
        """Call ``handler`` for what is published where ``pattern`` covers; the subscription's id.

        ``how`` is as with ``add_subscription``.
        """
        return self.add_subscription(pattern, handler, subscriber_id, **how)

    def add_subscription(
        self,
        pattern: str,
        handler: Handler,
        subscriber_id: str = "",
        *,
        policy: QueuePolicy | str = QueuePolicy.REFUSE,
        max_queue_size: int | None = None,
        max_retries: int | None = None,
        filter_fn: Filter | None = None,
        coalesce_by: Callable[[Message], Hashable] | None = None,
    ) -> str:
        """Subscribe, outside of a coroutine too; the subscription's id.

        :raises TopicInvalid: if the pattern is none.
        :raises TooManyHandlers: if as many lie under it as the bus allows.
        """
        check_pattern(pattern)
        most = self.config.max_handlers_per_topic
        if len(self._routes.under(pattern)) >= most:
            raise f.TooManyHandlers(
                f"{pattern!r} has {most} subscriptions already. Raise max_handlers_per_topic, or "
                "look for subscriptions that are never taken back.",
                pattern=pattern,
                limit=most,
            )
        subscription_id = f"subscription-{next(self._names)}"
        sub = Subscription(
            subscription_id,
            subscriber_id or subscription_id,
            pattern,
            self._call_of(handler),
            bound=max_queue_size or self.config.max_queue_size,
            max_retries=self.config.max_retries if max_retries is None else max_retries,
            policy=QueuePolicy(policy),
            filter_fn=filter_fn,
            key_of=coalesce_by,
            ageing=self.config.ageing_seconds,
        )
        self._careful = self._careful or sub.policy is QueuePolicy.WAIT
        self._subs[subscription_id] = sub
        self._routes.add(pattern, sub)
        self._deliver_kept(sub)
        return subscription_id

    @property
    def has_subscriptions(self) -> bool:
        """Whether anybody subscribes to anything."""
        return bool(self._subs)

    async def unsubscribe(self, subscription_id: str) -> bool:
        """Call it no more; ``False`` if there is none of this id. See ``remove_subscription``."""
        return self.remove_subscription(subscription_id)

    def remove_subscription(self, subscription_id: str) -> bool:
        """Take a subscription back; what waits for it becomes dead letters."""
        sub = self._subs.pop(subscription_id, None)
        if sub is None:
            return False
        self._settle()
        self._routes.remove(sub.pattern, sub)
        sub.gone = True
        sub.running |= UNUSUAL
        while (held := sub.drop_oldest()) is not None:
            self._ends.died(sub, held.message, Reason.CLOSED, "It was unsubscribed.", held.attempts)
        self._leaving.append(sub)
        return True

    def _call_of(self, handler: Handler) -> Callable[[Message], Awaitable[Any]]:
        return handler if is_async(handler) else partial(self._threads.call, handler)

    # ---- publishing ------------------------------------------------------------------------

    async def publish(self, message: Message) -> int:
        """Send ``message`` on its way; how many subscriptions it goes to.

        :raises TopicInvalid: if its topic is none.
        :raises BusClosed: after ``close``.
        :raises QuarterdeckError: if it is to be kept, and could not be.
        """
        known, pump = self._recent.latest.get(message.topic), self._pump
        subs = self._recent.recall(message.topic) if known is None else known
        if (
            pump is None
            or pump.idle
            or not subs
            or self._careful
            or message.ttl_seconds is not None
            or message.priority is not _NORMAL
            or message.correlation_id is not None
            or message.reply_to is not None
            or len(pump.plain) >= BURST
        ):
            return await self._publish(message)
        if type(subs) is Route:  # quicker than isinstance where it is none
            subs.sent += 1
        elif known is None:
            self._published += 1
        else:
            subs = self._routes.route(message.topic, subs)
            subs.sent += 1
        pump.plain.append((message, subs, NEVER))
        return len(subs)

    async def _publish(self, message: Message) -> int:
        """The same for any message, and any state of the bus."""
        pump = self._here()
        subs = self._routes.find(message.topic)
        self._published += 1
        if message.correlation_id is not None and message.message_type in _ANSWERS:
            self._requests.answer(message)
        if not subs:
            self._unrouted += 1
            return 0
        if self._careful or len(pump.plain) >= BURST:
            await self._ready(message, subs, pump)
        pump.put(message, subs, self._expiry(message))
        return len(subs)

    def publish_nowait(self, message: Message) -> int:
        """The same for callers that are no coroutines: nobody is waited for, and nothing is kept."""
        pump = self._here()
        subs = self._routes.find(message.topic)
        self._published += 1
        if not subs:
            self._unrouted += 1
            return 0
        self._count_in(subs)
        pump.put(message, subs, self._expiry(message))
        return len(subs)

    def _is_kept(self, topic: str) -> bool:
        return self._keeper is not None and any(
            topic_matches(pattern, topic) for pattern in self.config.persist
        )

    async def _ready(self, message: Message, subs: Sequence[Subscription], pump: Pump) -> None:
        """What publishing may have to wait for: the loop's turn, the disk, who asked for it."""
        self._here()
        if self._keeper is not None and self._is_kept(message.topic):
            await self._keeper.keep(message, (sub.key for sub in subs))
        for sub in subs:
            if sub.policy is QueuePolicy.WAIT:
                await sub.wait_for_room(self.config.wait_seconds)
        self._count_in(subs)
        if pump.depth >= BURST:
            await asyncio.sleep(0)
        while pump.is_full:  # noqa: ASYNC110  # it is the turn that the workers need, no event
            await asyncio.sleep(0)

    def _count_in(self, subs: Iterable[Subscription]) -> None:
        if self._careful:
            for sub in subs:
                sub.coming += sub.policy is QueuePolicy.WAIT

    # ---- requests --------------------------------------------------------------------------

    async def request_response(self, message: Message, timeout_seconds: float = 30.0) -> Message:
        """Publish ``message`` as a request; the first answer.

        A handler answers by returning something, or with ``respond``. While a handler waits here in
        its own task, its subscription takes further messages, so that two that ask each other don't
        wait for ever.

        :raises NoResponder: if nobody subscribes to the topic.
        :raises RequestFailed: if every handler failed for good.
        :raises RequestTimeout: if no answer came in time.
        """
        pump = self._here()
        correlation_id = next_id()
        request = Request(message.topic, len(self._routes.find(message.topic)))
        if not request.left:
            raise f.NoResponder(
                f"Nobody subscribes to {message.topic!r}, so nobody can answer.",
                topic=message.topic,
            )
        asked = message.copy(
            message_id=next_id(),
            correlation_id=correlation_id,
            reply_to=message.reply_to or f"{OWN}reply.{correlation_id}",
        )
        self._requests.open(correlation_id, request)
        lent = pump.lend()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.publish(asked)
                return await request.answer
        except TimeoutError as error:
            raise f.RequestTimeout(
                f"No answer to the request on {message.topic!r} within {timeout_seconds} s.",
                topic=message.topic,
                timeout_seconds=timeout_seconds,
            ) from error
        finally:
            self._requests.close(correlation_id)
            if lent is not None:
                pump.take_back(lent)

    async def respond(
        self,
        request: Message,
        payload: Any = None,
        *,
        sender_id: str = "",
        message_type: MessageType = MessageType.RESPONSE,
    ) -> None:
        """Answer a request that a handler was given."""
        await self.publish(answer_to(request, payload, sender_id, message_type))

    # ---- dead letters ----------------------------------------------------------------------

    def dead_letters(
        self, topic: str | None = None, subscriber_id: str | None = None
    ) -> list[DeadLetter]:
        """Dead letters, oldest first: on topics that the pattern covers, of one subscriber."""
        return self._letters.find(topic, subscriber_id)

    async def replay(self, dead_letter_id: str) -> None:
        """Deliver a dead letter again, to the subscription that did not get it and to no other.

        :raises DeadLetterUnknown: if there is none of this id.
        :raises SubscriptionGone: if its subscriber does not subscribe to that pattern any more.
        """
        letter = self._letters.take(dead_letter_id)
        sub = next((one for one in self._subs.values() if one.key == letter.key), None)
        if sub is None:
            self._letters.add(letter)
            raise f.SubscriptionGone(
                f"{letter.subscriber_id} does not subscribe to {letter.pattern!r} any more. "
                "Subscribe again under that name, then replay; or discard the dead letter.",
                dead_letter_id=dead_letter_id,
            )
        pump = self._here()
        if self._keeper is not None and self._is_kept(letter.message.topic):
            await self._keeper.keep(letter.message, (sub.key,))
            self._keeper.forget(dead_letter_id)
        pump.put_back(sub, Held(letter.message, self._expiry(letter.message)))

    async def replay_all(self, topic: str | None = None, subscriber_id: str | None = None) -> int:
        """Replay every dead letter that is found so and whose subscription is there; how many."""
        keys = {sub.key for sub in self._subs.values()}
        found = [one for one in self.dead_letters(topic, subscriber_id) if one.key in keys]
        for letter in found:
            await self.replay(letter.dead_letter_id)
        return len(found)

    def discard(self, dead_letter_id: str) -> DeadLetter:
        """Forget a dead letter.

        :raises DeadLetterUnknown: if there is none of this id.
        """
        letter = self._letters.take(dead_letter_id)
        if self._keeper is not None:
            self._keeper.forget(dead_letter_id)
        return letter

    def _expiry(self, message: Message) -> float:
        if message.ttl_seconds is not None:
            return self._monotonic() + message.ttl_seconds
        return NEVER if message.reply_to is None and self._keeper is None else WATCHED

    def _deliver_kept(self, sub: Subscription) -> None:
        if self._keeper is None or self._pump is None:
            return
        for message in self._keeper.waiting_for(sub.key):
            self._pump.put_back(sub, Held(message, self._expiry(message)))

    async def drained(self) -> None:
        """Wait until every message published so far has been delivered, or is a dead letter."""
        if self._pump is not None:
            await self._pump.drained()

    def _settle(self) -> None:
        """Let the figures of all subscriptions be what they are now."""
        if self._pump is not None:
            self._pump.count_one_by_one()
        self._routes.settle()
        for sub in [one for one in self._leaving if not one.busy]:
            self._leaving.remove(sub)
            for place, value in enumerate(figures_of(sub)):
                self._former[place] += value

    def statistics(self) -> BusStatistics:
        """The figures since the bus was made."""
        self._settle()
        each = tuple(sub.statistics() for sub in self._subs.values())
        summed = sums(self._former, [*self._subs.values(), *self._leaving])
        depth = 0 if self._pump is None else self._pump.depth
        return BusStatistics(
            self._published + self._routes.sent, self._unrouted, *summed, len(self._letters), self._letters.lost,
            self._requests.late, len(self._requests), depth + sum(one.waiting for one in each), each,
        )  # fmt: skip
