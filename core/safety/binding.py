"""Breakers and limits by name or pattern: which of them an agent's operation meets.

A name or pattern (levels between dots, ``*`` and ``#``) is held against the operation, the agent, and
``agent.operation``; so a breaker named after an operation, an agent, or both, is found.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..base.clock import Clock
from ..base.topics import topic_matches
from .breaker import BreakerOpen, BreakerState, BreakerStatistics, CircuitBreaker, Permit
from .limiter import BucketCache


def bound(pattern: str, agent_id: str, operation: str, more: tuple[str, ...] = ()) -> bool:
    """Whether the pattern means this agent's operation."""
    if pattern in {operation, agent_id} or pattern in more:
        return True
    whole = f"{agent_id}.{operation}"
    return any(topic_matches(pattern, name) for name in (operation, agent_id, whole, *more))


Names = tuple[str, str, tuple[str, ...]]
REMEMBERED = 1000

F = TypeVar("F")


class Remembered(Generic[F]):
    """What was found for an agent's operation, the ``REMEMBERED`` latest."""

    def __init__(self) -> None:
        self._found: OrderedDict[Names, F] = OrderedDict()

    def find(self, names: Names, look: Callable[[Names], F]) -> F:
        """What is remembered, else what ``look`` finds."""
        found = self._found.get(names)
        if found is None:
            found = self._found[names] = look(names)
            if len(self._found) > REMEMBERED:
                self._found.popitem(last=False)
        return found

    def clear(self) -> None:
        """Look again."""
        self._found.clear()


class Guarded:
    """A breaker with the trial calls whose outcome it awaits; one never told of lapses in time."""

    def __init__(self, breaker: CircuitBreaker, lapse: float, clock: Clock) -> None:
        self.breaker = breaker
        self._lapse = lapse
        self._clock = clock
        self._trials: deque[tuple[float, Permit]] = deque()

    def admit(self) -> Permit | None:
        """Let one call through; its permit if it is a trial.

        :raises BreakerOpen: if it may not be made.
        """
        now = self._clock.monotonic()
        while self._trials and self._trials[0][0] + self._lapse <= now:
            self._trials.popleft()[1].release()
        if self.breaker.state is BreakerState.CLOSED:
            return None
        permit = self.breaker.admit()
        self._trials.append((now, permit))
        return permit

    def permit(self) -> Permit:
        """Let one call through, whoever is let through ends its permit.

        :raises BreakerOpen: if it may not be made.
        """
        return self.breaker.admit()

    def give_up(self, permit: Permit) -> None:
        """The trial was not made after all."""
        permit.release()
        self._trials = deque(one for one in self._trials if one[1] is not permit)

    def tell(self, *, good: bool) -> None:
        """A call has ended: that of the oldest trial, if there are any."""
        if self._trials:
            permit = self._trials.popleft()[1]
        elif self.breaker.state is BreakerState.CLOSED:
            permit = self.breaker.admit()
        else:
            return  # a call from before it opened says nothing about now
        (permit.success if good else permit.failure)()


@dataclass(frozen=True, slots=True)
class _Terms:
    pattern: str
    threshold: int
    timeout: float
    probes: int
    successes: int
    per_agent: bool


class Breakers:
    """The breakers of a monitor; with ``per_agent`` each agent that meets one has its own."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._terms: dict[str, _Terms] = {}
        self._made: OrderedDict[tuple[str, str], Guarded] = OrderedDict()
        self._met: Remembered[tuple[_Terms, ...]] = Remembered()

    def add(
        self,
        name: str,
        *,
        threshold: int,
        timeout: float,
        probes: int,
        successes: int,
        per_agent: bool,
    ) -> None:
        """Add one, or replace that of the same name."""
        self._terms[name] = _Terms(name, threshold, timeout, probes, successes, per_agent)
        self._met.clear()
        for key in [key for key in self._made if key[0] == name]:
            del self._made[key]
        if not per_agent:
            self._of(self._terms[name], "")

    def meeting(
        self, agent_id: str, operation: str, more: tuple[str, ...] = ()
    ) -> Iterator[Guarded]:
        """Those that an agent's operation meets; ``more`` are further names it goes by."""
        if not self._terms:
            return
        for terms in self._met.find((agent_id, operation, more), self._those_of):
            yield self._of(terms, agent_id if terms.per_agent else "")

    def _those_of(self, names: Names) -> tuple[_Terms, ...]:
        agent_id, operation, more = names
        every = self._terms.values()
        return tuple(one for one in every if bound(one.pattern, agent_id, operation, more))

    def reset(self, name: str) -> bool:
        """Close the breaker of that name as a person's decision; whether there is one.

        ``NAME@AGENT`` is the one that an agent has of its own.
        """
        terms = self._terms.get(name)
        if terms is None:
            pattern, _, agent = name.partition("@")
            return self._made.pop((pattern, agent), None) is not None
        if terms is not None:
            self.add(
                name,
                threshold=terms.threshold,
                timeout=terms.timeout,
                probes=terms.probes,
                successes=terms.successes,
                per_agent=terms.per_agent,
            )
        return terms is not None

    def status(self) -> dict[str, BreakerStatistics]:
        """Each by its name, or ``name@agent``."""
        return {
            f"{name}@{agent}" if agent else name: guarded.breaker.statistics()
            for (name, agent), guarded in self._made.items()
        }

    def _of(self, terms: _Terms, agent_id: str) -> Guarded:
        key = (terms.pattern, agent_id)
        found = self._made.get(key)
        if found is None:
            breaker = CircuitBreaker(
                f"{terms.pattern}@{agent_id}" if agent_id else terms.pattern,
                threshold=terms.threshold,
                timeout=terms.timeout,
                probes=terms.probes,
                successes=terms.successes,
                clock=self._clock,
            )
            found = self._made[key] = Guarded(breaker, terms.timeout, self._clock)
            self._forget_one()
        elif agent_id:
            self._made.move_to_end(key)
        return found

    def _forget_one(self) -> None:
        """Keep the number bounded: the longest unused of the agents' own goes."""
        if len(self._made) > self._limit + len(self._terms):
            oldest = next(key for key in self._made if key[1])
            del self._made[oldest]


@dataclass(frozen=True, slots=True)
class Limit:
    """A token bucket for each value of ``by``: ``agent``, another name of the operation's subjects, or ``""``: one for all."""

    key: str
    rate: float
    burst: float
    by: str
    buckets: BucketCache


class Limits:
    """Token buckets by the key of a limit."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._limits: dict[str, Limit] = {}
        self._met: Remembered[tuple[Limit, ...]] = Remembered()

    def add(self, key: str, rate: float, burst: float, by: str = "") -> None:
        """Add one, or replace that of the same key.

        :raises ValueError: if the rate is not above 0, or the burst below 1.
        """
        if burst < 1 or not rate > 0:
            raise ValueError(f"A limit needs a rate above 0 and a burst of 1, not {rate}, {burst}")
        cache = BucketCache(rate, burst, limit=self._limit, clock=self._clock)
        self._limits[key] = Limit(key, rate, burst, by, cache)
        self._met.clear()

    def take(
        self,
        agent_id: str,
        operation: str,
        more: tuple[str, ...],
        subjects: Mapping[str, str] | None = None,
    ) -> tuple[str, float] | None:
        """Count an operation; the key of the limit that forbids it, and for how many seconds."""
        if not self._limits:
            return None
        for limit in self._met.find((agent_id, operation, more), self._those_of):
            wait = limit.buckets.take(_subject(limit.by, agent_id, subjects))
            if wait:
                return limit.key, wait
        return None

    def evict_idle(self) -> int:
        """Drop the buckets that are full again; their number."""
        return sum(limit.buckets.evict_idle() for limit in self._limits.values())

    def all(self) -> tuple[Limit, ...]:
        """Every limit, in the order in which they came."""
        return tuple(self._limits.values())

    def status(self) -> dict[str, tuple[int, int]]:
        """For each key how many were granted and refused."""
        figures = {key: limit.buckets.statistics() for key, limit in self._limits.items()}
        return {key: (one.granted, one.refused) for key, one in figures.items()}

    def _those_of(self, names: Names) -> tuple[Limit, ...]:
        agent_id, operation, more = names
        return tuple(
            one for one in self._limits.values() if bound(one.key, agent_id, operation, more)
        )


def _subject(by: str, agent_id: str, subjects: Mapping[str, str] | None) -> str:
    if not by:
        return ""
    return agent_id if by == "agent" else (subjects or {}).get(by, "")


__all__ = ["BreakerOpen", "Breakers", "Guarded", "Limit", "Limits", "bound"]
