"""Safety: constraints, circuit breakers, limits and budgets. Names are loaded at their first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.lazy import find_name

if TYPE_CHECKING:
    from .breaker import BreakerOpen, BreakerState, CircuitBreaker
    from .budgets import (
        Breach,
        Budget,
        BudgetExceeded,
        Budgets,
        BudgetScope,
        BudgetUnit,
        Reservation,
        Usage,
    )
    from .model import (
        ConstraintType,
        Halt,
        OperationContext,
        SafetyConfig,
        SafetyConstraint,
        SafetyLevel,
        ValidationResult,
        Violation,
    )
    from .monitor import OperationRefused, SafetyMonitor, SafetyStatistics

_HOMES = {
    "Breach": ".budgets",
    "BreakerOpen": ".breaker",
    "BreakerState": ".breaker",
    "Budget": ".budgets",
    "BudgetExceeded": ".budgets",
    "BudgetScope": ".budgets",
    "BudgetUnit": ".budgets",
    "Budgets": ".budgets",
    "CircuitBreaker": ".breaker",
    "ConstraintType": ".model",
    "Halt": ".model",
    "OperationContext": ".model",
    "OperationRefused": ".monitor",
    "Reservation": ".budgets",
    "SafetyConfig": ".model",
    "SafetyConstraint": ".model",
    "SafetyLevel": ".model",
    "SafetyMonitor": ".monitor",
    "SafetyStatistics": ".monitor",
    "Usage": ".budgets",
    "ValidationResult": ".model",
    "Violation": ".model",
}

__all__ = [
    "Breach",
    "BreakerOpen",
    "BreakerState",
    "Budget",
    "BudgetExceeded",
    "BudgetScope",
    "BudgetUnit",
    "Budgets",
    "CircuitBreaker",
    "ConstraintType",
    "Halt",
    "OperationContext",
    "OperationRefused",
    "Reservation",
    "SafetyConfig",
    "SafetyConstraint",
    "SafetyLevel",
    "SafetyMonitor",
    "SafetyStatistics",
    "Usage",
    "ValidationResult",
    "Violation",
]


def __getattr__(name: str) -> Any:
    return find_name(__name__, name, _HOMES)
