"""The machine: which payload is taken when, and what becomes of it. It does no I/O.

Times are handed in: monotonic seconds for waiting, an aware stamp for deadlines.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any

from ..base.ids import next_id
from ..base.retry import RetryPolicy
from ..base.urgency import AGEING_SECONDS, UrgencyQueue
from .payload import PropulsionPayload, PropulsionResult

ONCE = RetryPolicy(max_attempts=1)


class State(StrEnum):
    """How a run stands; the last four are its ends."""

    QUEUED = "queued"
    RUNNING = "running"
    BACKING_OFF = "backing_off"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


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

    def __init__(
        self,
        event_type: str,
        payload: PropulsionPayload,
        policy: RetryPolicy = ONCE,
        *,
        buried: bool = False,
        run_id: str = "",
        succeeded: Iterable[str] = (),
    ) -> None:
        self._id = run_id
        self.event_type = event_type
        self.payload = payload
        self.policy = policy
        self.buried = buried
        self.attempt = 0
        self.state = State.QUEUED
        self.results: dict[str, PropulsionResult] = {}
        self.succeeded: set[str] = set(succeeded)
        self.tried: dict[str, int] = {}
        self.error: str | None = None
        self.label: Any = None

    @property
    def id(self) -> str:
        """Its id; made when it is first asked for, as only what is kept needs one."""
        if not self._id:
            self._id = next_id()
        return self._id

    def may_try(self, name: str) -> bool:
        """Whether the handler of this name has an attempt left."""
        return self.tried.get(name, 0) < self.policy.max_attempts

    def has_failed(self, name: str) -> bool:
        """Whether the handler of this name was tried, and never succeeded."""
        return name in self.tried and name not in self.succeeded


class Machine:
    """All runs of one engine: queued, at work (at most ``limit``), backing off.

    A payload is taken by priority, then deadline, then sequence; one that waits rises every
    ``ageing`` seconds, up to HIGH.
    """

    def __init__(self, limit: int, *, ageing: float | None = AGEING_SECONDS) -> None:
        self.limit = limit
        self.running = 0
        self.queued = 0
        self.backing_off = 0
        self._queue: UrgencyQueue[Run] = UrgencyQueue(ageing)
        self._timers: list[tuple[float, int, Run]] = []
        self._count = 0

    @property
    def pending(self) -> int:
        """Payloads whose handlers have not ended, those at work included."""
        return self.queued + self.backing_off + self.running

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
        deadline = inf if payload.deadline is None else payload.deadline.timestamp()
        run.state = State.QUEUED
        self.queued += 1
        self._queue.push(run, payload.priority, now, deadline)

    def adopt(self, run: Run) -> None:
        """Know a run that is to end without being queued."""
        run.state = State.QUEUED
        self.queued += 1

    def take(self, now: float) -> Run | None:
        """The next to be begun, which then holds a slot; ``None`` if none is there, or no slot."""
        if self._timers and self._timers[0][0] <= now:
            self.wake(now)
        if self.running >= self.limit:
            return None
        while (run := self._queue.pop(now)) is not None:
            if run.state is State.QUEUED:
                run.state = State.RUNNING
                run.attempt += 1
                self.queued -= 1
                self.running += 1
                return run
        return None

    def leave(self) -> None:
        """Give a slot back."""
        self.running -= 1

    def end(self, run: Run, state: State) -> bool:
        """It has ended so; ``False`` if it had already."""
        if run.state is State.QUEUED:
            self.queued -= 1
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
