"""What carries messages to their handlers: few workers, none of which a slow handler holds up.

A worker calls handler after handler in its own task. Should one of them suspend, a callback that
was left with the loop sees to it that another worker goes on with the rest.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Task
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..base.priority import Priority
from ..base.retry import RetryPolicy
from .dead_letters import Reason
from .faults import described
from .messages import Message
from .retries import Retries
from .routes import Route
from .subscription import NEVER, Held, QueuePolicy, Subscription
from .workers import Ends, Entry, Worker, is_leaving

NORMAL = int(Priority.NORMAL)
TURN_SECONDS = 0.001
LOOK_EVERY = 16
"""Deliveries between two looks at the clock."""

SPARE = 2
"""Workers that stay, parked, when there is nothing to do."""


class Pump:
    """The deliveries of one bus, in the running loop. ``bound`` is that of the inbox."""

    def __init__(
        self, ends: Ends, back_off: RetryPolicy, bound: int, monotonic: Callable[[], float]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends = ends
        self._back_off = back_off
        self._bound = bound
        self._monotonic = monotonic
        self._lines: list[deque[Entry]] = [deque() for _ in Priority]
        self.plain = self._lines[NORMAL]
        self._left: list[Entry] = []  # what suspended workers had begun
        self._odd = 0  # entries there and in any other line
        self._again: deque[Subscription] = deque()
        self.idle = True
        self._guarded = False
        self._yielding = 0
        self._parked: list[Worker] = []
        self.workers: dict[Task[Any], Worker] = {}
        self._retries = Retries(monotonic, self._again_now)
        self._quiet: asyncio.Event = asyncio.Event()
        self.closed = False

    # ---- the inbox -------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """Messages on their way to subscriptions."""
        return len(self.plain) + self._odd

    @property
    def is_full(self) -> bool:
        """Whether a publisher should give the workers a turn first."""
        return len(self.plain) + self._odd >= self._bound

    def put(self, message: Message, subs: Sequence[Subscription], expires: float) -> None:
        """Enter a message for its subscriptions."""
        priority = message.priority
        if priority == NORMAL:
            self.plain.append((message, subs, expires))
        else:
            self._lines[priority].append((message, subs, expires))
            self._odd += 1
        if self.idle:
            self._rouse()

    def put_back(self, sub: Subscription, held: Held) -> None:
        """Let a message wait in its subscription's queue, however full."""
        sub.held += 1
        sub.enter(held, self._monotonic())
        self.wake(sub)

    def wake(self, sub: Subscription) -> None:
        """Take up what waits in a subscription's queue, unless its handler is at work."""
        self._mark()
        self._go_on(sub)

    def _again_now(self, sub: Subscription, held: Held) -> None:
        sub.enter(held, self._monotonic())
        self.wake(sub)

    def count_one_by_one(self) -> None:
        """Take back what of the messages on their way was counted in advance."""
        self._mark()
        for at, (message, subs, expires) in enumerate(self.plain):
            if isinstance(subs, Route):
                subs.take_back(len(subs))
                self.plain[at] = (message, subs.subs, expires)

    def _more(self) -> bool:
        return bool(self.plain or self._odd or self._again)

    def _next(self) -> Entry | None:
        """Take the next entry out; ``None`` if there is none."""
        if self._left:
            self._odd -= 1
            return self._left.pop()
        if self._odd:
            for line in self._lines:
                if line:
                    self._odd -= line is not self.plain
                    return line.popleft()
        return self.plain.popleft() if self.plain else None

    def _leave(self, worker: Worker) -> None:
        """Leave what is left of a worker's entry to whoever comes first."""
        left = worker.give_up()
        if left is not None:
            self._left.append(left)
            self._odd += 1

    # ---- workers ---------------------------------------------------------------------------

    def _rouse(self) -> None:
        self.idle = False
        while self._parked:
            nap = self._parked.pop().nap
            if nap is not None and not nap.done():
                nap.set_result(None)
                return
        worker = Worker()
        worker.task = self._loop.create_task(self._live(worker))
        self.workers[worker.task] = worker

    def _guard(self) -> None:
        self._guarded = True
        self._loop.call_soon(self._check)

    def _check(self) -> None:
        """A turn later: whoever is at work has suspended, or is done."""
        self._guarded = False
        self._mark()
        if self._yielding:
            return
        if self._more():
            self._rouse()
        else:
            self.idle = True

    async def _live(self, worker: Worker) -> None:
        try:
            while not self.closed:
                await self._work(worker)
                self.idle = True
                if len(self._parked) >= SPARE:
                    return
                worker.nap = self._loop.create_future()
                self._parked.append(worker)
                await worker.nap
        except CancelledError:
            self.closed = True  # the loop ends, or the bus
            raise
        finally:
            if worker.task is not None:
                self.workers.pop(worker.task, None)
            if worker in self._parked:
                self._parked.remove(worker)
            self._leave(worker)
            self.idle = True

    async def _work(self, worker: Worker) -> None:  # noqa: C901, PLR0912  # every call would cost more than its work
        """Deliver until nothing is left."""
        self._mark()
        looked, begun, plain = 0, self._monotonic(), self.plain
        while True:
            if plain and not self._odd:
                entry = plain.popleft()
            elif (taken := self._next()) is not None:
                entry = taken
            else:
                worker.entry = None
                if not self._again:
                    self._settle()
                    return
                await self._deliver_held(worker, self._again.popleft())
                looked, begun = 0, await self._breathe(worker, begun)
                continue
            message, subs, expires = worker.entry = entry
            worker.rest = rest = iter(subs)
            if not self._guarded:
                self._guard()
            if type(subs) is Route:
                for sub in rest:  # nothing is left here once a handler has suspended
                    if sub.running and not self._admit(sub, message, expires):
                        sub.delivered -= 1
                        continue
                    try:
                        await sub.call(message)
                    except BaseException as error:  # noqa: BLE001  # whatever it is, the delivery ends
                        self._broke(worker, sub, Held(message, expires), error)
                        sub.delivered -= 1
                if worker.marked:
                    if worker.at is not None:
                        worker.at.delivered += 1  # it was taken back when it was marked
                    self._resumed(worker)
            elif expires is not NEVER:
                await self._deliver_carefully(worker, message, rest, expires)
            else:
                for sub in rest:
                    if sub.running and not self._admit(sub, message, expires):
                        continue
                    try:
                        await sub.call(message)
                    except BaseException as error:  # noqa: BLE001  # whatever it is, the delivery ends
                        self._broke(worker, sub, Held(message, expires), error)
                    else:
                        sub.delivered += 1
                if worker.marked:
                    self._resumed(worker)
            looked += 1
            if looked >= LOOK_EVERY:
                looked, begun = 0, await self._breathe(worker, begun)

    async def _deliver_carefully(
        self, worker: Worker, message: Message, rest: Iterator[Subscription], expires: float
    ) -> None:
        """The same for a message that may expire, or whose handlers' results somebody wants."""
        for sub in rest:
            if sub.running:
                if not self._admit(sub, message, expires):
                    continue
            elif self._expired(sub, message, expires, 0):
                continue
            await self._deliver_now(worker, sub, Held(message, expires))

    def _mark(self) -> None:
        """Note whose handlers have suspended: their subscriptions take nothing more for now.

        A handler that does not suspend needs no such note, as nobody could see it.
        """
        for worker in self.workers.values():
            if not worker.marked and (sub := worker.where()) is not None:
                worker.at, worker.marked = sub, True
                sub.running += 1
                self._leave(worker)

    def _resumed(self, worker: Worker) -> None:
        """A handler that had suspended has ended; others may have done so since."""
        sub, worker.at, worker.marked = worker.at, None, False
        if sub is not None:
            sub.running -= 1
            if sub.held:
                self._go_on(sub)
        self._mark()
        if not self._guarded:
            self._guard()

    async def _breathe(self, worker: Worker, begun: float) -> float:
        """Give the loop a turn, if it had none for a millisecond; when this turn began."""
        now = self._monotonic()
        if now - begun < TURN_SECONDS:
            return begun
        worker.entry = None
        self._yielding += 1
        try:
            await asyncio.sleep(0)
        finally:
            self._yielding -= 1
        self._mark()
        return self._monotonic()

    async def _deliver_held(self, worker: Worker, sub: Subscription) -> None:
        """One message from the subscription's queue; its place in line counted as running."""
        sub.again = False
        sub.running -= 1
        held = sub.take(self._monotonic())
        if held is None or sub.gone:
            pass
        elif not self._expired(sub, held.message, held.expires, held.attempts):
            await self._deliver_now(worker, sub, held)
        if sub.held:
            self._go_on(sub)

    async def _deliver_now(self, worker: Worker, sub: Subscription, held: Held) -> None:
        if not self._guarded:
            self._guard()
        worker.at = sub
        try:
            result = await sub.call(held.message)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the delivery ends
            self._broke(worker, sub, held, error)
        else:
            sub.delivered += 1
            self._ends.answered(sub, held.message, result)
        if worker.marked:
            self._resumed(worker)
        worker.at = None

    def _go_on(self, sub: Subscription) -> None:
        """Let the subscription's queue have its turn."""
        if sub.busy or not sub.queue:
            return
        sub.running += 1
        sub.again = True
        self._again.append(sub)
        if self.idle:
            self._rouse()

    # ---- what a delivery may meet ------------------------------------------------------------

    def _admit(self, sub: Subscription, message: Message, expires: float) -> bool:
        """Whether it may be delivered at once; else it was seen to."""
        if sub.policy is QueuePolicy.WAIT:
            sub.coming -= 1
            if sub.room is not None:
                sub.room.set()
        if sub.gone or not self._passes(sub, message, expires):
            return False
        if sub.busy or sub.queue:
            self._hold(sub, message, expires)
            return False
        return not self._expired(sub, message, expires, 0)

    def _passes(self, sub: Subscription, message: Message, expires: float) -> bool:
        if sub.filter is None:
            return True
        try:
            passes = bool(sub.filter(message))
        except Exception as error:  # noqa: BLE001  # a filter's fault is the delivery's
            self._ends.died(sub, message, Reason.FAILED, f"filter: {described(error)}", 0)
            sub.failed += 1
            return False
        if not passes:
            sub.filtered += 1
            if message.reply_to is not None:
                self._ends.answered(sub, message, None)
        return passes

    def _expired(self, sub: Subscription, message: Message, expires: float, attempts: int) -> bool:
        if expires is NEVER or expires > self._monotonic():
            return False
        sub.expired += 1
        text = f"It was not delivered within its {message.ttl_seconds} s."
        self._ends.died(sub, message, Reason.EXPIRED, text, attempts)
        return True

    def _hold(self, sub: Subscription, message: Message, expires: float) -> None:
        """Let it wait, by the subscription's policy."""
        key = None
        if sub.policy is QueuePolicy.COALESCE:
            key = message.topic if sub.key_of is None else sub.key_of(message)
            former = sub.keyed.get(key)
            if former is not None:
                sub.coalesced += 1
                self._ends.dropped(sub, former.message)
                former.message, former.expires = message, expires
                return
        if sub.held >= sub.bound and not self._make_room(sub, message):
            return
        sub.held += 1
        held = Held(message, expires, 0, key)
        if key is not None:
            sub.keyed[key] = held
        sub.enter(held, self._monotonic())

    def _make_room(self, sub: Subscription, message: Message) -> bool:
        if not sub.overflowing:
            sub.overflowing = True
            self._ends.overflows(sub)
        if sub.policy in {QueuePolicy.DROP_OLDEST, QueuePolicy.COALESCE}:
            oldest = sub.drop_oldest()
            if oldest is not None:
                sub.dropped += 1
                self._ends.dropped(sub, oldest.message)
                return True
        sub.dropped += 1
        text = f"{sub.held} messages wait for {sub.subscriber_id} already."
        self._ends.died(sub, message, Reason.QUEUE_FULL, text, 0)
        return False

    def _broke(self, worker: Worker, sub: Subscription, held: Held, error: BaseException) -> None:
        """A handler raised: again later, or never. A worker that is to end says so again."""
        held.attempts += 1
        if is_leaving(worker, error):
            self._ends.died(sub, held.message, Reason.CLOSED, "The loop ended.", held.attempts)
            if worker.marked:
                self._resumed(worker)
            worker.at = None
            raise error
        sub.failed += 1
        delay = self._back_off.delay(held.attempts)
        if self._may_retry(sub, held, delay):
            sub.held += 1
            sub.retried += 1
            held.key = None
            self._retries.add(sub, held, delay)
        else:
            self._ends.died(sub, held.message, Reason.FAILED, described(error), held.attempts)

    def _may_retry(self, sub: Subscription, held: Held, delay: float) -> bool:
        return (
            held.attempts <= sub.max_retries
            and sub.held < sub.bound
            and not self.closed
            and not sub.gone
            and self._monotonic() + delay < held.expires
        )

    # ---- requests made by handlers -----------------------------------------------------------

    def lend(self) -> tuple[Worker, Subscription] | None:
        """Let the subscription whose handler's own task this is go on meanwhile."""
        task = asyncio.current_task()
        worker = self.workers.get(task) if task is not None else None
        sub = None if worker is None else worker.where()
        if worker is None or sub is None:
            return None
        worker.lent += 1
        if worker.marked:
            self._resumed(worker)
        worker.at = None
        self._leave(worker)
        return worker, sub

    def take_back(self, lent: tuple[Worker, Subscription]) -> None:
        """The handler goes on itself."""
        worker, sub = lent
        worker.lent -= 1
        worker.at, worker.marked = sub, True
        sub.running += 1

    # ---- the end ---------------------------------------------------------------------------

    def _settle(self) -> None:
        self._mark()
        if self.is_quiet:
            self._quiet.set()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is on its way, at work or in back-off."""
        return not (
            self._more()
            or self._retries
            or any(one.lent or one.where() is not None for one in self.workers.values())
        )

    async def drained(self) -> None:
        """Wait until nothing is on its way, at work or in back-off."""
        while not self.is_quiet:
            self._quiet.clear()
            await self._quiet.wait()

    def left(self) -> Iterator[tuple[Subscription, Message, int]]:
        """Take out what was not delivered, and how often each was tried; queues are left alone."""
        self.count_one_by_one()
        while (entry := self._next()) is not None:
            for sub in entry[1]:
                yield sub, entry[0], 0
        for sub, held in self._retries.left():
            yield sub, held.message, held.attempts

    async def stop(self) -> None:
        """End the workers, with the handlers that they still call."""
        self.closed = True
        self._retries.stop()
        own = asyncio.current_task()
        tasks = [task for task in self.workers if task is not own]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
