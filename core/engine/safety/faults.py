"""What is refused for safety's sake, beside what the rules themselves refuse."""

from __future__ import annotations

from ...base.errors import BusinessFault, ValidationFault


class Halted(BusinessFault):
    """Everything is halted until a person resets it; the message says why."""

    code = "halted"


class NotHalted(BusinessFault):
    """A halt was to be reset, and there is none."""

    code = "not_halted"


class BreakerUnknown(ValidationFault):
    """There is no circuit breaker of this name."""

    code = "breaker_unknown"


class BudgetUnknown(ValidationFault):
    """There is no budget of this name."""

    code = "budget_unknown"
