"""Breakers and limits by name or pattern: which of them an agent's operation meets.

A name or pattern (levels between dots, ``*`` and ``#``) is held against the operation, the agent, and
``agent.operation``; so a breaker named after an operation, an agent, or both, is found.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

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
        for key in [key for key in self._made if key[0] == name]:
            del self._made[key]
        if not per_agent:
            self._of(self._terms[name], "")

    def meeting(self, agent_id: str, operation: str) -> Iterator[Guarded]:
        """Those that an agent's operation meets."""
        for terms in self._terms.values():
            if bound(terms.pattern, agent_id, operation):
                yield self._of(terms, agent_id if terms.per_agent else "")

    def reset(self, name: str) -> bool:
        """Close the breaker of that name as a person's decision; whether there is one."""
        terms = self._terms.get(name)
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


class Limits:
    """Token buckets by the key of a limit; with ``per_agent`` one for each agent."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._buckets: dict[str, tuple[BucketCache, bool]] = {}

    def add(self, key: str, most: int, window: float, *, per_agent: bool) -> None:
        """Add one, or replace that of the same key.

        :raises ValueError: if ``most`` is below 1, or the window not above 0.
        """
        if most < 1 or not window > 0:
            raise ValueError(
                f"A limit needs 1 request or more in more than 0 s, not {most}, {window}"
            )
        cache = BucketCache(most / window, most, limit=self._limit, clock=self._clock)
        self._buckets[key] = (cache, per_agent)

    def take(
        self, agent_id: str, operation: str, more: tuple[str, ...]
    ) -> tuple[str, float] | None:
        """Count an operation; the key of the limit that forbids it, and for how many seconds."""
        for key, (cache, per_agent) in self._buckets.items():
            if bound(key, agent_id, operation, more):
                wait = cache.take(agent_id if per_agent else "")
                if wait:
                    return key, wait
        return None

    def status(self) -> dict[str, tuple[int, int]]:
        """For each key how many were granted and refused."""
        figures = {key: cache.statistics() for key, (cache, _) in self._buckets.items()}
        return {key: (one.granted, one.refused) for key, one in figures.items()}


__all__ = ["BreakerOpen", "Breakers", "Guarded", "Limits", "bound"]
