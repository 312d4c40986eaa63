"""Constraints, operations and what a check of them says (source document 003)."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..base.ids import new_id


class ConstraintType(StrEnum):
    """What a constraint looks at."""

    THRESHOLD = "threshold"
    RATE_LIMIT = "rate_limit"
    DEPENDENCY = "dependency"
    PERMISSION = "permission"
    RESOURCE = "resource"
    TIMING = "timing"
    COMPLIANCE = "compliance"


class SafetyLevel(StrEnum):
    """How grave a violation is, gravest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(SafetyLevel).index(self)


@dataclass(frozen=True, slots=True)
class SafetyConstraint:
    """A rule for operations.

    It applies to operations that carry its parameter: ``metadata["parameter"]``, else its name
    without ``max_`` or ``min_``. With ``metadata["operation"]`` (a name or a pattern of levels) it
    applies to those operations instead, or, if a parameter is given too, to those of them that carry
    it. ``docs/safety.md`` says what else each type reads from ``metadata``.
    """

    name: str
    constraint_type: ConstraintType | str
    max_value: float | None = None
    min_value: float | None = None
    level: SafetyLevel = SafetyLevel.HIGH
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    constraint_id: str = field(default_factory=new_id)

    @property
    def parameter(self) -> str | None:
        """The parameter it looks at; ``None``: it goes by the operation alone."""
        given = self.metadata.get("parameter")
        if given is not None:
            return str(given)
        if "operation" in self.metadata:
            return None
        return self.name.removeprefix("max_").removeprefix("min_")


@dataclass(frozen=True, slots=True)
class OperationContext:
    """An operation that is about to be done.

    ``rate_keys`` name further limits that count it, and further breakers that it meets. ``subjects``
    say for whom it is counted, where a limit is by ``session`` or ``client``.
    """

    operation_type: str
    agent_id: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    permissions: AbstractSet[str] = frozenset()
    rate_keys: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    operation_id: str = ""
    subjects: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that an operation breaks, and how; ``retry_after`` in seconds where time mends it."""

    rule: str
    kind: str
    level: SafetyLevel
    message: str
    operation_type: str
    agent_id: str
    parameter: str | None = None
    retry_after: float = 0.0

    @property
    def passes(self) -> bool:
        """Whether time mends it, or the end of a halt."""
        return self.kind == "halt" or self.retry_after > 0

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What a check found: ``violations`` forbid the operation, ``warnings`` don't."""

    violations: tuple[Violation, ...] = ()
    warnings: tuple[Violation, ...] = ()

    @property
    def is_safe(self) -> bool:
        """Whether the operation may be done."""
        return not self.violations


@dataclass(frozen=True, slots=True)
class SafetyConfig:
    """Settings of a monitor.

    With ``halt_on_critical`` a critical violation halts everything until reset. Violations below
    ``blocking_level`` are warnings. The last ``max_violations`` are kept.
    """

    halt_on_critical: bool = True
    blocking_level: SafetyLevel = SafetyLevel.MEDIUM
    enable_circuit_breakers: bool = True
    enable_rate_limiting: bool = True
    max_violations: int = 1000
    max_keys: int = 10_000


@dataclass(frozen=True, slots=True)
class Halt:
    """Everything is forbidden until reset, and why; ``since`` in ISO 8601."""

    rule: str
    reason: str
    since: str
