"""Starts of agents by people: tried again after what passes, refused while the agent's breaker is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from ...base.clock import SYSTEM_CLOCK, Clock
from ...base.errors import Category, QuarterdeckError
from ...base.retry import RetryPolicy
from ...protocol.status import Lifecycle
from ...protocol.views import SessionView
from ...safety.breaker import BreakerStatistics
from ...safety.model import OperationContext, Violation
from ...safety.monitor import Admission, OperationRefused, SafetyMonitor
from ...sessions.faults import SessionLimit
from ...sessions.workspaces.faults import THE_MACHINES
from ...settings.safety import EVERY_AGENT, BreakerSettings
from ...telemetry.ports import MetricsCollector
from ..faults import AgentUnavailable
from ..retrying import Sleep, retried
from .board import BreakerBoard
from .dispatch import START
from .faults import Halted

START_RETRIES = RetryPolicy(max_attempts=3, initial_delay=0.1, max_delay=1.0, jitter=0.5)
"""Few: each attempt may itself take ``start_timeout``, and a person waits."""

Started = Callable[[SessionView, Admission], None]
"""Told of a session that has started; it ends the permits when more is known of the agent."""


class AgentBreakers:
    """Guards the starts of agents. Without ``started`` one that starts counts as a success at once."""

    def __init__(
        self,
        metrics: MetricsCollector,
        *,
        monitor: SafetyMonitor | None = None,
        board: BreakerBoard | None = None,
        started: Started | None = None,
        threshold: int = 5,
        pause: float = 30.0,
        clock: Clock = SYSTEM_CLOCK,
        sleep: Sleep | None = None,
    ) -> None:
        given = {EVERY_AGENT: BreakerSettings(failures=threshold, timeout=pause)}
        self._monitor = monitor or SafetyMonitor(clock=clock)
        self.board = board or BreakerBoard(self._monitor, clock, given)
        self._started = started or _proven
        self._metrics = metrics
        self._sleep = sleep
        self._under_way: Counter[str] = Counter()

    async def start(self, agent: str, start: Callable[[], Awaitable[SessionView]]) -> SessionView:
        """The session that ``start`` gives; tried again after transient failures.

        A session that comes back crashed counts as a failure of its agent.

        :raises AgentUnavailable: if the agent failed too often lately.
        :raises Halted: if everything is halted.
        :raises OperationRefused: if a rule forbids it.
        """
        admission = self._admitted(agent)
        self._under_way[agent] += 1
        try:
            view = await retried(
                start, "start", self._metrics, policy=START_RETRIES, sleep=self._sleep
            )
        except Exception as error:
            if is_agents_fault(error):
                self.board.failed(agent, str(error))
                fail(admission)
            raise
        else:
            if view.lifecycle is Lifecycle.CRASHED:
                self.board.failed(agent, view.reason or "it crashed as it started")
            self._started(view, admission)
            admission = Admission(admission.result)  # whose permits are its own affair now
            return view
        finally:
            self._under_way[agent] -= 1
            admission.release()
            self.board.look()

    def is_starting(self, agent: str) -> bool:
        """Whether a start of this agent is under way."""
        return self._under_way[agent] > 0

    def statistics(self) -> dict[str, BreakerStatistics]:
        """The breakers that have something to remember, by agent."""
        return self.board.statistics()

    def _admitted(self, agent: str) -> Admission:
        context = OperationContext(START, agent, {"agent": agent}, rate_keys=self.board.keys(agent))
        found = self._monitor.admit(context)
        self.board.look()
        if found.result.is_safe:
            return found
        waits = found.waits
        if waits is not None and waits.kind == "circuit_breaker":
            raise self._unavailable(agent, waits)
        if waits is not None and waits.kind == "halt":
            raise Halted(f"{waits.message}. Reset it with: quarterdeck safety reset")
        raise OperationRefused.of(context, found.result)

    def _unavailable(self, agent: str, found: Violation) -> AgentUnavailable:
        self._metrics.increment_counter("breaker_refusals", {"agent": agent})
        failures = self.statistics()[agent].failures
        return AgentUnavailable(
            f"{agent} failed to start {failures} times in a row and is left alone for now. "
            f"See why with: quarterdeck session logs. Try again in {found.retry_after:.0f} s.",
            agent=agent,
            retry_after=round(found.retry_after, 3),
        )


def fail(admission: Admission) -> None:
    """What was admitted failed."""
    for _, permit in admission.permits:
        permit.failure()


def _proven(view: SessionView, admission: Admission) -> None:
    if view.lifecycle is Lifecycle.CRASHED:
        fail(admission)
    for _, permit in admission.permits:
        permit.success()


def is_agents_fault(error: Exception) -> bool:
    """Whether a failed start speaks against the agent, and not against the wish."""
    if not isinstance(error, QuarterdeckError):
        return True
    ours = isinstance(error, (SessionLimit, *THE_MACHINES))
    return error.category in {Category.RESOURCE, Category.SYSTEM} and not ours
