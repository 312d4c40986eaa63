"""The circuit breakers of the engine: by agent and by operation, told when they open and close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...base.clock import Clock
from ...protocol.crew_views import BreakerView
from ...safety.breaker import BreakerState, BreakerStatistics
from ...safety.monitor import SafetyMonitor
from ...settings.safety import AGENT, EVERY_AGENT, OPERATION, BreakerSettings
from ...telemetry.logs import logger

Heard = Callable[[BreakerView], None]

LEAST_WAIT = 0.001
"""Seconds: a timer may ring a moment before its time."""

_log = logger("engine.safety")


@dataclass(slots=True)
class _Told:
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    opened_at: datetime | None = None
    error: str | None = None


class BreakerBoard:
    """Names breakers as people do (``agent/claude``), keeps what they do not: times and errors.

    ``heard`` are told of every change; whoever needs to know adds itself.
    """

    def __init__(
        self, monitor: SafetyMonitor, clock: Clock, given: Mapping[str, BreakerSettings]
    ) -> None:
        self.heard: list[Heard] = []
        self._monitor = monitor
        self._clock = clock
        self._given = {EVERY_AGENT: BreakerSettings(), **given}
        self._told: dict[str, _Told] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.operations = any(name.startswith(OPERATION) for name in given)
        for name, one in self._given.items():
            monitor.add_circuit_breaker(
                name.removeprefix(OPERATION),
                one.failures,
                one.timeout,
                half_open_calls=one.probes,
                success_threshold=one.successes,
                per_agent=name == EVERY_AGENT,
            )

    def keys(self, agent: str) -> tuple[str, ...]:
        """The names by which the monitor finds an agent's breaker."""
        own = f"{AGENT}{agent}"
        return (own if own in self._given else EVERY_AGENT,)

    def failed(self, agent: str, error: str) -> None:
        """Remember why an agent failed last."""
        self._told.setdefault(f"{AGENT}{agent}", _Told()).error = error

    def crashed(self, agent: str, error: str) -> None:
        """An agent crashed, without anyone having asked for leave to begin with it."""
        self.failed(agent, error)
        self._monitor.record_failure(agent, "", self.keys(agent))
        self.look()

    def went_well(self, agent: str) -> None:
        """An agent did what it should, without anyone having asked for leave."""
        self._monitor.record_success(agent, "", self.keys(agent))
        self.look()

    def retry_at(self, wait: float) -> datetime:
        """The time of day after ``wait`` seconds."""
        return self._clock.now() + timedelta(seconds=wait)

    def look(self) -> None:
        """Tell what has changed; wake when an open one lets a probe through."""
        for name, found in self._found().items():
            told = self._told.setdefault(name, _Told())
            moved = told.state is not found.state
            if moved or told.failures != found.failures:
                told.failures = found.failures
                if not found.failures and found.state is BreakerState.CLOSED:
                    told.error = None
                if moved:
                    self._moved(name, told, found)
                self._tell(self._view(name, found))
            self._arm(name, found)

    def _arm(self, name: str, found: BreakerStatistics) -> None:
        """Look again when an open breaker lets a probe through."""
        is_open = found.state is BreakerState.OPEN
        if is_open and name not in self._timers:
            loop = asyncio.get_running_loop()
            wait = max(found.retry_after, LEAST_WAIT)
            self._timers[name] = loop.call_later(wait, self._ring, name)
        elif not is_open and name in self._timers:
            self._timers.pop(name).cancel()

    def _ring(self, name: str) -> None:
        self._timers.pop(name, None)
        self.look()

    def _moved(self, name: str, told: _Told, found: BreakerStatistics) -> None:
        told.state = found.state
        if found.state is BreakerState.OPEN:
            told.opened_at = self._clock.now()
        elif found.state is BreakerState.CLOSED:
            told.opened_at = told.error = None
        _log.warning("breaker", name=name, state=found.state.value, failures=found.failures)

    def _tell(self, view: BreakerView) -> None:
        for heard in list(self.heard):
            heard(view)

    def reset(self, name: str) -> bool:
        """Close a breaker now; whether there is one of that name."""
        known = self._monitors_name(name)
        done = known is not None and self._monitor.reset_circuit_breaker(known)
        told = self._told.get(name)
        if told is not None and done:
            told.failures, told.error = 0, None
            self._moved(name, told, _CLOSED)
            self._arm(name, _CLOSED)
            self._tell(self._view(name, _CLOSED))
        return done

    def _monitors_name(self, name: str) -> str | None:
        if name in self._given and name != EVERY_AGENT:
            return name.removeprefix(OPERATION)
        agent = name.removeprefix(AGENT)
        return f"{EVERY_AGENT}@{agent}" if name in self._found() else None

    def why(self, view: BreakerView) -> str:
        """Why an open breaker is open, and until when."""
        until = (
            "" if view.retry_at is None else view.retry_at.astimezone().strftime(" until %H:%M:%S")
        )
        last = (view.last_error or "").partition("\n")[0].rstrip(":")
        return f"it failed {view.failures} times in a row{until}" + (f" ({last})" if last else "")

    def rule(self, name: str) -> str:
        """The name that violations have of a breaker."""
        return self._monitors_name(name) or name

    def views(self) -> tuple[BreakerView, ...]:
        """Every breaker that is configured, or has something to remember."""
        found = self._found()
        return tuple(
            self._view(name, one)
            for name, one in sorted(found.items())
            if name in self._given or one.failures or one.state is not BreakerState.CLOSED
        )

    def statistics(self) -> dict[str, BreakerStatistics]:
        """The breakers of agents that have something to remember, by agent."""
        return {
            name.removeprefix(AGENT): one
            for name, one in self._found().items()
            if name.startswith(AGENT) and (one.failures or one.state is not BreakerState.CLOSED)
        }

    def close(self) -> None:
        """Set no timer any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _found(self) -> dict[str, BreakerStatistics]:
        every = self._monitor.get_circuit_breaker_status()
        return {self._name(name): one for name, one in every.items()}

    def _name(self, name: str) -> str:
        pattern, at, agent = name.partition("@")
        if at:
            return f"{AGENT}{agent}"
        return pattern if pattern.startswith(AGENT) else f"{OPERATION}{pattern}"

    def _view(self, name: str, found: BreakerStatistics) -> BreakerView:
        told = self._told.get(name, _Told())
        given = self._given.get(name) or self._given[EVERY_AGENT]
        waits = found.state is BreakerState.OPEN
        return BreakerView(
            name=name,
            about=name,
            state=found.state.value,
            failures=found.failures,
            threshold=given.failures,
            opened_at=told.opened_at,
            retry_at=self.retry_at(found.retry_after) if waits else None,
            last_error=told.error,
        )


_CLOSED = BreakerStatistics(BreakerState.CLOSED, 0, 0.0, 0, 0)
