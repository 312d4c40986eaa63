"""The five strategies: which of several free agents takes a task.

Each is given the free agents that could take it, at least one, in the order of their registration.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import inf

from ..base.clock import Random
from .items import Agent
from .model import LoadBalanceStrategy

Choose = Callable[[Sequence[Agent]], Agent]


class RoundRobin:
    """In rotation: the next one after the one that was chosen last."""

    def __init__(self) -> None:
        self._last = -1

    def __call__(self, free: Sequence[Agent]) -> Agent:
        """The next one."""
        found = next((agent for agent in free if agent.order > self._last), free[0])
        self._last = found.order
        return found


def least_loaded(free: Sequence[Agent]) -> Agent:
    """The one with the least load over its capacity; the better score, then the older, first."""
    best = free[0]
    least = best.load
    for agent in free:
        load = agent.load
        if load < least or (load == least and _score(agent) > _score(best)):
            best, least = agent, load
    return best


def capability_match(free: Sequence[Agent]) -> Agent:
    """The most special one: it has the fewest capabilities; those that name none come last."""
    return min(free, key=lambda agent: (len(agent.capacity.capabilities) or inf, agent.load))


class PriorityWeighted:
    """Drawn in proportion to the scores; by lot alone if all are 0."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def __call__(self, free: Sequence[Agent]) -> Agent:
        """One drawn."""
        weights = list(accumulate(_score(agent) for agent in free))
        if not weights[-1]:
            return self._random.choice(free)
        return free[min(bisect(weights, self._random.random() * weights[-1]), len(free) - 1)]


def strategy(name: LoadBalanceStrategy, random: Random) -> Choose:
    """The strategy of that name, with a memory of its own."""
    made: dict[LoadBalanceStrategy, Callable[[], Choose]] = {
        LoadBalanceStrategy.ROUND_ROBIN: RoundRobin,
        LoadBalanceStrategy.LEAST_LOADED: lambda: least_loaded,
        LoadBalanceStrategy.PRIORITY_WEIGHTED: lambda: PriorityWeighted(random),
        LoadBalanceStrategy.CAPABILITY_MATCH: lambda: capability_match,
        LoadBalanceStrategy.RANDOM: lambda: random.choice,
    }
    return made[name]()


def _score(agent: Agent) -> float:
    return agent.capacity.performance_score
