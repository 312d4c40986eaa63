"""Events about the crew."""

from __future__ import annotations

from typing import ClassVar

from .crew_views import BreakerView, BudgetView, HaltView, ViolationView
from .event_payload import EventPayload


class CrewChanged(EventPayload):
    """Something of the crew's view changed; a front end that shows it asks for it again."""

    type: ClassVar[str] = "crew.changed"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True


class SafetyViolated(EventPayload):
    """An operation broke a rule."""

    type: ClassVar[str] = "safety.violation"
    violation: ViolationView


class SafetyHalted(EventPayload):
    """Everything is halted until a person resets it."""

    type: ClassVar[str] = "safety.halted"
    halt: HaltView


class SafetyReset(EventPayload):
    """The halt is over."""

    type: ClassVar[str] = "safety.reset"


class BreakerChanged(EventPayload):
    """A circuit breaker opened, let probes through, or closed."""

    type: ClassVar[str] = "breaker.changed"
    breaker: BreakerView

    def key(self) -> str:
        """The breaker's name."""
        return self.breaker.name


class BudgetBreached(EventPayload):
    """A budget does not suffice; what wants more waits, and a person is asked."""

    type: ClassVar[str] = "budget.breached"
    budget: BudgetView
    wanted: float


class BudgetGranted(EventPayload):
    """More was granted."""

    type: ClassVar[str] = "budget.granted"
    budget: BudgetView
    more: float


CREW_EVENTS: tuple[type[EventPayload], ...] = (
    CrewChanged, SafetyViolated, SafetyHalted, SafetyReset, BreakerChanged, BudgetBreached,
    BudgetGranted,
)  # fmt: skip
"""The payloads of this module."""
