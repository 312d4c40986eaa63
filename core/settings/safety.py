"""``[safety]`` and ``[[budgets]]``: rules, breakers, limits, and what may be spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from ..safety.budgets import Budget, BudgetScope, BudgetUnit
from ..safety.model import ConstraintType, SafetyConfig, SafetyConstraint, SafetyLevel
from .section import Count, Seconds, Section

Name = Annotated[str, Field(min_length=1, max_length=100)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]
Amount = Annotated[float, Field(ge=0, le=1e15)]
AGENT, OPERATION = "agent/", "operation/"
EVERY_AGENT = "agent/*"

_METADATA = (
    "operation", "parameter", "window_seconds", "per", "requires", "agents", "permissions",
    "window", "min_interval_seconds", "allowed", "forbidden",
)  # fmt: skip


def _time_of_day(text: str) -> str:
    try:
        time.fromisoformat(text)
    except ValueError as error:
        raise PydanticCustomError(
            "time_of_day", "A time of day is written such as {example}", {"example": "08:30"}
        ) from error
    return text


TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]


class ConstraintSettings(Section):
    """``[[safety.constraints]]``: a rule for operations.

    It looks at the parameter of its name (without ``max_`` or ``min_``), or at ``parameter``; with
    ``operation``, a name or a pattern such as ``session.*``, at those operations.
    """

    name: Name
    type: Literal[
        "threshold", "rate_limit", "dependency", "permission", "resource", "timing", "compliance"
    ]
    level: Literal["critical", "high", "medium", "low", "info"] = "high"
    operation: Name | None = None
    parameter: Name | None = None
    max_value: float | None = None
    min_value: float | None = None
    window_seconds: Seconds | None = None
    per: Literal["agent", "all"] | None = None
    requires: tuple[str, ...] | None = None
    agents: tuple[str, ...] | None = None
    permissions: tuple[str, ...] | None = None
    window: tuple[TimeOfDay, TimeOfDay] | None = None
    min_interval_seconds: Seconds | None = None
    allowed: tuple[JsonValue, ...] | None = None
    forbidden: tuple[JsonValue, ...] | None = None
    description: str = ""

    @model_validator(mode="after")
    def _whole(self) -> ConstraintSettings:
        needs = _NEEDS.get(self.type)
        if needs is not None and not needs[0](self):
            raise PydanticCustomError(
                "constraint_empty",
                "A constraint of the type {type} needs {what}; without it nothing would pass",
                {"type": self.type, "what": needs[1]},
            )
        least, most = self.min_value, self.max_value
        if least is not None and most is not None and least > most:
            raise PydanticCustomError(
                "constraint_empty", "min_value is above max_value; so nothing would pass"
            )
        return self

    def made(self) -> SafetyConstraint:
        """The constraint as the monitor takes it."""
        found = {name: getattr(self, name) for name in _METADATA}
        return SafetyConstraint(
            self.name,
            ConstraintType(self.type),
            self.max_value,
            self.min_value,
            SafetyLevel(self.level),
            {name: value for name, value in found.items() if value is not None},
            self.description,
        )


def _bounded(one: ConstraintSettings) -> bool:
    return one.max_value is not None or one.min_value is not None


_NEEDS: Mapping[str, tuple[Callable[[ConstraintSettings], bool], str]] = {
    "threshold": (_bounded, "max_value or min_value"),
    "rate_limit": (lambda one: (one.max_value or 0) >= 1, "max_value of 1 or more"),
    "dependency": (lambda one: bool(one.requires), "requires"),
    "permission": (lambda one: bool(one.agents or one.permissions), "agents or permissions"),
    "resource": (lambda one: one.max_value is not None, "max_value"),
    "timing": (
        lambda one: bool(one.window or one.min_interval_seconds) or _bounded(one),
        "window, min_interval_seconds or a bound",
    ),
}


class BreakerSettings(Section):
    """``[safety.breakers."agent/NAME"]``: open after ``failures`` in a row, probed after ``timeout`` seconds.

    Then ``probes`` are let through at a time, and ``successes`` of them close it.
    """

    failures: Annotated[int, Field(ge=1, le=1000)] = 5
    timeout: Seconds = 30
    probes: Annotated[int, Field(ge=1, le=100)] = 1
    successes: Annotated[int, Field(ge=1, le=100)] = 1


class LimitSettings(Section):
    """``[safety.limits."session.prompt"]``: ``rate`` a second, ``burst`` at once; ``by`` says for whom."""

    rate: Rate
    burst: Count = 1
    by: Literal["session", "agent", "client", "all"] = "session"


class SafetySettings(Section):
    """``[safety]``: what operations are held against.

    With ``halt_on_critical`` a critical violation halts everything until a person resets it.
    Violations below ``blocking_level`` are warnings. The name of a breaker is ``agent/NAME``, ``agent/*`` (each
    agent without one of its own) or ``operation/TYPE``; that of a limit is an operation or a pattern.
    """

    halt_on_critical: bool = True
    blocking_level: Literal["critical", "high", "medium", "low", "info"] = "medium"
    constraints: tuple[ConstraintSettings, ...] = ()
    breakers: dict[Name, BreakerSettings] = Field(default_factory=dict)
    limits: dict[Name, LimitSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _named(self) -> SafetySettings:
        _check_unlike("constraint", [one.name for one in self.constraints])
        for name in self.breakers:
            kind, _, rest = name.partition("/")
            if f"{kind}/" not in {AGENT, OPERATION} or not rest:
                raise PydanticCustomError(
                    "breaker_name",
                    "A breaker is called agent/NAME, agent/* or operation/TYPE, not {name}",
                    {"name": name},
                )
        return self

    @property
    def config(self) -> SafetyConfig:
        """The settings of the monitor itself."""
        return SafetyConfig(
            halt_on_critical=self.halt_on_critical,
            blocking_level=SafetyLevel(self.blocking_level),
        )


class BudgetSettings(Section):
    """``[[budgets]]``: at most ``limit`` of ``unit`` for each account of ``scope``.

    ``key`` means one account only. ``estimate`` is set aside before each piece of work; without it the mean
    of the last ones is.
    """

    name: Annotated[str, Field(pattern=r"^[^/\s]{1,100}$")]
    scope: Literal["session", "workflow", "group", "day"]
    unit: Literal["cost", "tokens", "turns", "wall_seconds"]
    limit: Amount
    key: Name | None = None
    estimate: Amount | None = None

    def made(self) -> Budget:
        """The budget as the accounts take it."""
        scope, unit = BudgetScope(self.scope), BudgetUnit(self.unit)
        return Budget(self.name, scope, unit, self.limit, self.key)


def _check_unlike(what: str, names: list[str]) -> None:
    for at, name in enumerate(names):
        if name in names[:at]:
            raise PydanticCustomError(
                "named_twice", "Two of them are called {name}: each {what} has a name of its own",
                {"name": name, "what": what},
            )  # fmt: skip


def _unlike(budgets: tuple[BudgetSettings, ...]) -> tuple[BudgetSettings, ...]:
    _check_unlike("budget", [one.name for one in budgets])
    return budgets


BudgetList = Annotated[tuple[BudgetSettings, ...], AfterValidator(_unlike)]


def added(old: Any, new: Any) -> list[Any]:
    """Tables of a list from two sources: those of the later one come on top, by their names."""
    names = {one.get("name") for one in new if isinstance(one, dict)}
    before = old if isinstance(old, list | tuple) else []
    return [one for one in before if one.get("name") not in names] + list(new)
