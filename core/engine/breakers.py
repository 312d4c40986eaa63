"""A circuit breaker for each agent: one that fails to start again and again is left alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import Category, QuarterdeckError
from ..protocol.status import Lifecycle
from ..protocol.views import SessionView
from ..safety.breaker import BreakerOpen, BreakerState, BreakerStatistics, CircuitBreaker
from ..sessions.faults import SessionLimit
from ..telemetry.ports import MetricsCollector
from .faults import AgentUnavailable
from .retrying import Sleep, retried

START_FAILURES = 5
PAUSE = 30.0


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

    async def start(
        self,
        agent: str,
        start: Callable[[], Awaitable[SessionView]],
        *,
        repeatable: bool = True,
    ) -> SessionView:
        """The session that ``start`` gives; tried again after transient failures if ``repeatable``.

        A session that comes back crashed counts as a failure of its agent.

        :raises AgentUnavailable: if the agent failed too often lately.
        """
        breaker = self._breakers.get(agent) or self._breaker(agent)
        try:
            with breaker.guard(counts=_is_agents_fault) as permit:
                view = await self._attempt(start, repeatable=repeatable)
                if view.lifecycle is Lifecycle.CRASHED:
                    permit.failure()
                return view
        except BreakerOpen as error:
            raise self._unavailable(agent, error) from error
        finally:
            self._remember(agent, breaker)

    async def _attempt(
        self, start: Callable[[], Awaitable[SessionView]], *, repeatable: bool
    ) -> SessionView:
        if not repeatable:
            return await start()
        return await retried(start, "start", self._metrics, sleep=self._sleep)

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
    ours = isinstance(error, SessionLimit)
    return error.category in {Category.RESOURCE, Category.SYSTEM} and not ours
