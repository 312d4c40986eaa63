"""The one circuit breaker: after repeated failures it refuses, and tries again with care."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import ResourceFault

TRIAL = 1.0
"""Seconds after which to ask again while another call is the trial."""


class BreakerOpen(ResourceFault):
    """A circuit breaker refuses, after repeated failures; ``retry_after`` is in its details."""

    code = "circuit_open"


class BreakerState(StrEnum):
    """Whether calls pass: all, none, or a few to try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerStatistics:
    """A breaker's figures: ``failures`` in a row, seconds until it tries again, counts so far."""

    state: BreakerState
    failures: int
    retry_after: float
    opened: int
    refused: int


class Permit:
    """Leave to make one call; end it once, with ``success``, ``failure`` or ``release``."""

    __slots__ = ("_breaker", "_era", "_used")

    def __init__(self, breaker: CircuitBreaker, era: int) -> None:
        self._breaker = breaker
        self._era = era
        self._used = False

    def success(self) -> None:
        """The call went well."""
        self._end(self._breaker._succeeded)  # noqa: SLF001  # the two are one machine

    def failure(self) -> None:
        """The call failed."""
        self._end(self._breaker._failed)  # noqa: SLF001  # see above

    def release(self) -> None:
        """The call was given up, and says nothing about what it called."""
        self._end(self._breaker._released)  # noqa: SLF001  # see above

    def _end(self, tell: Callable[[int], None]) -> None:
        if not self._used:
            self._used = True
            tell(self._era)


class CircuitBreaker:
    """Closed; open after ``threshold`` failures in a row; half-open after ``timeout`` seconds.

    Half-open it admits ``probes`` calls at a time; after ``successes`` of them went well it
    closes, after one failure it opens again. A call that was admitted before the last change of
    state no longer counts.
    """

    def __init__(
        self,
        name: str,
        *,
        threshold: int = 5,
        timeout: float = 30.0,
        probes: int = 1,
        successes: int = 1,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Begin closed.

        :raises ValueError: if a number is below 1, or the timeout not above 0.
        """
        if min(threshold, probes, successes) < 1 or timeout <= 0:
            raise ValueError("threshold, probes and successes are at least 1, timeout is above 0")
        self.name = name
        self._threshold = threshold
        self._timeout = timeout
        self._probes = probes
        self._successes = successes
        self._clock = clock
        self._state = BreakerState.CLOSED
        self._era = 0
        self._failures = 0
        self._good = 0
        self._under_way = 0
        self._open_until = 0.0
        self._opened = 0
        self._refused = 0

    @property
    def state(self) -> BreakerState:
        """The present state; the time that passed is taken into account."""
        if self._state is BreakerState.OPEN and self._clock.monotonic() >= self._open_until:
            self._enter(BreakerState.HALF_OPEN)
        return self._state

    @property
    def retry_after(self) -> float:
        """Seconds until a call may be admitted again; 0.0 if it may be now."""
        if self.state is not BreakerState.OPEN:
            return 0.0
        return self._open_until - self._clock.monotonic()

    def admit(self) -> Permit:
        """Leave to make one call.

        :raises BreakerOpen: if none is given now.
        """
        state = self.state
        if state is BreakerState.CLOSED:
            return Permit(self, self._era)
        if state is BreakerState.HALF_OPEN and self._under_way < self._probes:
            self._under_way += 1
            return Permit(self, self._era)
        self._refused += 1
        wait = self.retry_after or TRIAL
        raise BreakerOpen(
            f"{self.name} failed {self._failures} times in a row and is left alone for now; "
            f"try again in {wait:.1f} s.",
            name=self.name,
            retry_after=wait,
        )

    @contextmanager
    def guard(self, *, counts: Callable[[Exception], bool] | None = None) -> Iterator[Permit]:
        """Admit the body of the ``with`` as one call; it may itself await.

        An exception is a failure, unless ``counts`` says that it isn't one; then it tells nothing.
        Being cancelled tells nothing.

        :raises BreakerOpen: if it is not admitted.
        """
        permit = self.admit()
        try:
            yield permit
        except Exception as error:
            if counts is None or counts(error):
                permit.failure()
            raise
        else:
            permit.success()
        finally:
            permit.release()

    def statistics(self) -> BreakerStatistics:
        """The figures of the moment."""
        return BreakerStatistics(
            self.state, self._failures, self.retry_after, self._opened, self._refused
        )

    def _succeeded(self, era: int) -> None:
        if era != self._era:
            return
        self._under_way = max(0, self._under_way - 1)
        if self._state is BreakerState.CLOSED:
            self._failures = 0
            return
        self._good += 1
        if self._good >= self._successes:
            self._enter(BreakerState.CLOSED)

    def _failed(self, era: int) -> None:
        if era != self._era:
            return
        self._failures += 1
        if self._state is BreakerState.HALF_OPEN or self._failures >= self._threshold:
            self._enter(BreakerState.OPEN)

    def _released(self, era: int) -> None:
        if era == self._era:
            self._under_way = max(0, self._under_way - 1)

    def _enter(self, state: BreakerState) -> None:
        self._state = state
        self._era += 1
        self._good = 0
        self._under_way = 0
        if state is BreakerState.CLOSED:
            self._failures = 0
        if state is BreakerState.OPEN:
            self._opened += 1
            self._open_until = self._clock.monotonic() + self._timeout
