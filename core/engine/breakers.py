"""A circuit breaker for each agent: one that fails to start again and again is left alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import Category, QuarterdeckError
from ..base.retry import RetryPolicy
from ..protocol.status import Lifecycle
from ..protocol.views import SessionView
from ..safety.breaker import BreakerOpen, BreakerState, BreakerStatistics, CircuitBreaker
from ..sessions.faults import SessionLimit
from ..sessions.workspaces.faults import THE_MACHINES
from ..telemetry.ports import MetricsCollector
from .faults import AgentUnavailable
from .retrying import Sleep, retried

START_FAILURES = 5
PAUSE = 30.0

START_RETRIES = RetryPolicy(max_attempts=3, initial_delay=0.1, max_delay=1.0, jitter=0.5)
"""Few: each attempt may itself take ``start_timeout``, and a person waits."""


class AgentBreakers:
    """Guards the starts of agents; a breaker is held only while it has something to remember."""

    def __init__(
        self,
        metrics: MetricsCollector,
        *,
        threshold: int = START_FAILURES,
        pause: float = PAUSE,
        clock: Clock = SYSTEM_CLOCK,
        sleep: Sleep | None = None,
    ) -> None:
        self._metrics = metrics
        self._threshold = threshold
        self._pause = pause
        self._clock = clock
        self._sleep = sleep
        self._breakers: dict[str, CircuitBreaker] = {}

    async def start(self, agent: str, start: Callable[[], Awaitable[SessionView]]) -> SessionView:
        """The session that ``start`` gives; tried again after transient failures.

        A session that comes back crashed counts as a failure of its agent.

        :raises AgentUnavailable: if the agent failed too often lately.
        """
        breaker = self._breakers.get(agent) or self._breaker(agent)
        try:
            with breaker.guard(counts=_is_agents_fault) as permit:
                view = await retried(
                    start, "start", self._metrics, policy=START_RETRIES, sleep=self._sleep
                )
                if view.lifecycle is Lifecycle.CRASHED:
                    permit.failure()
                return view
        except BreakerOpen as error:
            raise self._unavailable(agent, error) from error
        finally:
            self._remember(agent, breaker)

    def statistics(self) -> dict[str, BreakerStatistics]:
        """The breakers that have something to remember, by agent."""
        return {agent: breaker.statistics() for agent, breaker in self._breakers.items()}

    def _breaker(self, agent: str) -> CircuitBreaker:
        return CircuitBreaker(
            f"Starting {agent}", threshold=self._threshold, timeout=self._pause, clock=self._clock
        )

    def _unavailable(self, agent: str, error: BreakerOpen) -> AgentUnavailable:
        self._metrics.increment_counter("breaker_refusals", {"agent": agent})
        wait = error.details["retry_after"]
        return AgentUnavailable(
            f"{agent} failed to start {self._threshold} times in a row and is left alone for now. "
            f"See why with: quarterdeck session logs. Try again in {wait:.0f} s.",
            agent=agent,
            retry_after=round(wait, 3),
        )

    def _remember(self, agent: str, breaker: CircuitBreaker) -> None:
        figures = breaker.statistics()
        if figures.failures or figures.state is not BreakerState.CLOSED:
            self._breakers[agent] = breaker
        else:
            self._breakers.pop(agent, None)


def _is_agents_fault(error: Exception) -> bool:
    """Whether a failed start speaks against the agent, and not against the wish."""
    if not isinstance(error, QuarterdeckError):
        return True
    ours = isinstance(error, (SessionLimit, *THE_MACHINES))
    return error.category in {Category.RESOURCE, Category.SYSTEM} and not ours
