"""The machine: which payload is taken when, and what becomes of it. It does no I/O.

Times are handed in: monotonic seconds for waiting, an aware stamp for deadlines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from heapq import heapify, heappop, heappush
from types import MappingProxyType
from typing import Any, TypeVar

from ..base.ids import next_id
from ..base.retry import RetryPolicy
from ..base.urgency import AGEING_SECONDS, UrgencyQueue
from .payload import PropulsionPayload, PropulsionResult

T = TypeVar("T")

ONCE = RetryPolicy(max_attempts=1)

_NO_RESULTS: Mapping[str, PropulsionResult] = MappingProxyType({})
_NOT_TRIED: Mapping[str, int] = MappingProxyType({})
"""What runs have until there is more to say."""


class State(StrEnum):
    """How a run stands; the last four are its ends."""

    QUEUED = "queued"
    RUNNING = "running"
    BACKING_OFF = "backing_off"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


_QUEUED, _RUNNING = State.QUEUED, State.RUNNING

Plain = tuple[str, PropulsionPayload]
"""An event type and a payload that was submitted without more: it needs a run only if it doesn't
succeed at once."""


class Run:
    """One payload on its way through the handlers of one event type.

    ``results`` are the latest by handler; ``succeeded`` those that are not called again, ``tried`` how
    often each of the others has failed, and ``attempt`` how often the run was begun. ``buried`` says
    that it becomes a dead payload when it fails for good. ``label`` is its driver's.
    """

    __slots__ = (
        "_id", "attempt", "buried", "error", "event_type", "label", "payload", "policy", "results",
        "state", "succeeded", "tried",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917  # by place it is made quicker
        self,
        event_type: str,
        payload: PropulsionPayload,
        policy: RetryPolicy = ONCE,
        buried: bool = False,
        run_id: str = "",
        succeeded: Collection[str] = (),
    ) -> None:
        self._id = run_id
        self.event_type = event_type
        self.payload = payload
        self.policy = policy
        self.buried = buried
        self.attempt = 0
        self.state = _QUEUED
        self.results = _NO_RESULTS
        self.succeeded = succeeded
        self.tried = _NOT_TRIED
        self.error: str | None = None
        self.label: Any = None

    @property
    def id(self) -> str:
        """Its id; made when it is first asked for, as only what is kept needs one."""
        if not self._id:
            self._id = next_id()
        return self._id

    def note(self, result: PropulsionResult) -> None:
        """Keep a handler's latest result."""
        self.results = {**self.results, result.handler_name: result}

    def has_succeeded(self, name: str) -> None:
        """The handler of this name is not called again."""
        self.succeeded = {*self.succeeded, name}

    def failed_once_more(self, name: str) -> None:
        """One more attempt of the handler of this name has failed."""
        self.tried = {**self.tried, name: self.tried.get(name, 0) + 1}

    def give_up(self, name: str) -> None:
        """The handler of this name has failed in a way that no other attempt would mend."""
        tried = max(self.tried.get(name, 0), self.policy.max_attempts)
        self.tried = {**self.tried, name: tried}

    def passed_over(self, name: str) -> None:
        """The handler of this name is not to be called after all: nothing is known of it."""
        self.results = _without(self.results, name)
        self.tried = _without(self.tried, name)

    def may_try(self, name: str) -> bool:
        """Whether the handler of this name has an attempt left."""
        return self.tried.get(name, 0) < self.policy.max_attempts

    def has_failed(self, name: str) -> bool:
        """Whether the handler of this name was tried, and never succeeded."""
        return name in self.tried and name not in self.succeeded


def _without(known: Mapping[str, T], name: str) -> Mapping[str, T]:
    return {other: one for other, one in known.items() if other != name} if name in known else known


class Machine:
    """All runs of one engine: queued, at work (at most ``limit``), backing off.

    A payload is taken by priority, then deadline, then sequence; one that waits rises every
    ``ageing`` seconds, up to HIGH.
    """

    hears_ends = False
    """Whether it must be told of every end; else what succeeded at once may be forgotten."""

    def __init__(self, limit: int, *, ageing: float | None = AGEING_SECONDS) -> None:
        self.limit = limit
        self.running = 0
        self.backing_off = 0
        self._ended = 0  # that still stand in the queue
        self._queue: UrgencyQueue[Run | Plain] = UrgencyQueue(ageing)
        self.append = self._queue.append
        """Queue what has no deadline, neither of its own nor from before: what, priority, now."""
        self.take: Callable[[float], Run | Plain | None] = self._queue.pop
        """Take the next one out, for one that holds a slot; ``None`` if none is there. A run is to
        be begun then."""
        self._timers: list[tuple[float, int, Run]] = []
        self._count = 0

    @property
    def queued(self) -> int:
        """How many wait to be begun."""
        return len(self._queue) - self._ended

    @property
    def startable(self) -> int:
        """How many more could be begun now."""
        return min(self.queued, self.limit - self.running)

    def depths(self) -> dict[Any, int]:
        """How many wait at each level, those that were cancelled meanwhile included."""
        return self._queue.depths()

    def enter(self, run: Run, now: float) -> None:
        """Queue it."""
        payload = run.payload
        run.state = _QUEUED
        if payload.deadline is None:
            self._queue.push(run, payload.priority, now)
        else:
            self._queue.push(run, payload.priority, now, payload.deadline.timestamp())

    def adopt(self, run: Run) -> None:
        """Know a run that is to end without being queued."""
        run.state = _QUEUED
        self._ended -= 1

    def begin(self, run: Run) -> bool:
        """A run that was taken begins; ``False`` if it has ended while it waited."""
        if run.state is _QUEUED:
            run.state = _RUNNING
            run.attempt += 1
            return True
        self._ended -= 1
        return False

    def plain_ones(self) -> Iterator[Plain]:
        """Empty the queue, before all runs that are known are ended; what was no run."""
        while (one := self._queue.pop(0.0)) is not None:
            if isinstance(one, tuple):
                yield one
            else:
                self._ended -= 1

    def hold(self) -> bool:
        """Take a slot; ``False`` if none is free."""
        if self.running >= self.limit:
            return False
        self.running += 1
        return True

    def leave(self) -> None:
        """Give a slot back."""
        self.running -= 1

    def end(self, run: Run, state: State) -> bool:
        """It has ended so; ``False`` if it had already."""
        if run.state is State.QUEUED:
            self._ended += 1
        elif run.state is State.BACKING_OFF:
            self.backing_off -= 1
        elif run.state is not State.RUNNING:
            return False
        run.state = state
        return True

    def put_back(self, run: Run, now: float) -> None:
        """What was begun and could not go on waits again; it does not count as tried."""
        run.attempt -= 1
        self.enter(run, now)

    def next_delay(self, run: Run, failed: Iterable[str], wall: datetime) -> float | None:
        """Seconds until the failed handlers are tried again; ``None``: they are not, also for the deadline."""
        if not any(run.policy.allows(run.tried[name]) for name in failed):
            return None
        delay = run.policy.delay(run.attempt)
        deadline = run.payload.deadline
        if deadline is not None and wall.timestamp() + delay > deadline.timestamp():
            return None
        return delay

    def back_off(self, run: Run, due: float) -> None:
        """Let it wait for its next attempt; no slot is held meanwhile."""
        run.state = State.BACKING_OFF
        self.backing_off += 1
        self._count += 1
        heappush(self._timers, (due, self._count, run))

    def hurry(self, run: Run, now: float) -> bool:
        """Queue it now, if it waits for its next attempt."""
        if run.state is not State.BACKING_OFF:
            return False
        self._timers = [timer for timer in self._timers if timer[2] is not run]
        heapify(self._timers)
        self.backing_off -= 1
        self.enter(run, now)
        return True

    def next_due(self) -> float | None:
        """When the next wait ends."""
        while self._timers and self._timers[0][2].state is not State.BACKING_OFF:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def wake(self, now: float) -> None:
        """Queue those whose wait has ended."""
        while self._timers and self._timers[0][0] <= now:
            run = heappop(self._timers)[2]
            if run.state is State.BACKING_OFF:
                self.backing_off -= 1
                self.enter(run, now)
