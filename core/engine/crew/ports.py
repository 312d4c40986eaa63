"""What the crew's view needs of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ...protocol.crew_views import BreakerView, BudgetView, HaltView, LimitView, ViolationView


class SafetyViews(Protocol):
    """Breakers, limits, budgets, the halt and the newest violations, as they stand now. Quick."""

    def breakers(self) -> tuple[BreakerView, ...]:
        """Every circuit breaker."""
        ...

    def limits(self) -> tuple[LimitView, ...]:
        """Every token bucket that is in use."""
        ...

    def budgets(self) -> tuple[BudgetView, ...]:
        """Every account of every budget."""
        ...

    def halt_view(self) -> HaltView | None:
        """The halt, while it stands."""
        ...

    def violations(self) -> tuple[ViolationView, ...]:
        """The latest violations, oldest first."""
        ...

    def constraints(self) -> Mapping[str, str]:
        """Every constraint's name, and what it says."""
        ...


class NothingWatched:
    """Where nothing watches over safety."""

    def breakers(self) -> tuple[BreakerView, ...]:
        """None."""
        return ()

    def limits(self) -> tuple[LimitView, ...]:
        """None."""
        return ()

    def budgets(self) -> tuple[BudgetView, ...]:
        """None."""
        return ()

    def halt_view(self) -> HaltView | None:
        """None."""
        return None

    def violations(self) -> tuple[ViolationView, ...]:
        """None."""
        return ()

    def constraints(self) -> Mapping[str, str]:
        """None."""
        return {}
