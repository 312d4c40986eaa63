"""One check per type of constraint. Each says what is wrong, or ``""``; in doubt something is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from math import ceil, isnan
from typing import Any

from ..base.clock import Clock
from ..base.topics import topic_matches
from .limiter import BucketCache
from .model import ConstraintType, OperationContext, SafetyConstraint

MISSING = object()
MINUTE = 60


@dataclass(slots=True)
class Circumstances:
    """What checks know beside the operation: the time, what is in use, when something was done last."""

    clock: Clock
    in_use: dict[str, float] = field(default_factory=dict)
    last_done: dict[tuple[str, str], float] = field(default_factory=dict)
    buckets: dict[str, BucketCache] = field(default_factory=dict)


class Later(str):
    """What is wrong for now, ``what`` in words: time mends it in ``seconds``."""

    __slots__ = ("seconds", "what")
    seconds: float
    what: str

    @classmethod
    def of(cls, text: str, seconds: float) -> Later:
        """``text``, and when to ask again."""
        found = cls(f"{text}, again in {_span(seconds)}")
        found.seconds, found.what = seconds, text
        return found


def _span(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    minutes = ceil(seconds / MINUTE)
    return f"{minutes} min" if minutes < MINUTE else f"{minutes // MINUTE} h {minutes % MINUTE} min"


Check = Callable[[SafetyConstraint, OperationContext, Any, Circumstances], str]


def check(
    constraint: SafetyConstraint, context: OperationContext, value: Any, around: Circumstances
) -> str:
    """What is wrong with the operation by this constraint; ``""``: nothing.

    An unknown type, and whatever the check itself can't cope with, is wrong.
    """
    found = _CHECKS.get(constraint.constraint_type)
    if found is None:
        return (
            f"the type {constraint.constraint_type!r} is none that is known, so nothing passes it"
        )
    try:
        return found(constraint, context, value, around)
    except Exception as error:  # noqa: BLE001  # a check that fails lets nothing through
        return f"it could not be checked ({type(error).__name__}: {error}), so nothing passes it"


def _threshold(c: SafetyConstraint, _: OperationContext, value: Any, __: Circumstances) -> str:
    if c.max_value is None and c.min_value is None:
        return "it has neither max_value nor min_value, so nothing passes it"
    return _number(value) or _within(value, c.min_value, c.max_value)


def _within(value: float, least: float | None, most: float | None) -> str:
    if most is not None and not value <= most:
        return f"{value:g} is above {most:g}"
    if least is not None and not value >= least:
        return f"{value:g} is below {least:g}"
    return ""


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or isnan(value):
        return f"{value!r} is no number"
    return ""


def _rate(c: SafetyConstraint, context: OperationContext, _: Any, around: Circumstances) -> str:
    """At most ``max_value`` in ``window_seconds`` for each agent (``per``: agent or all)."""
    buckets = around.buckets.get(c.constraint_id)
    if buckets is None:
        most, window = float(c.max_value or 0), float(c.metadata.get("window_seconds", 60.0))
        if most < 1 or window <= 0:
            return "a rate needs max_value of 1 or more, and window_seconds above 0"
        buckets = BucketCache(most / window, most, clock=around.clock)
        around.buckets[c.constraint_id] = buckets
    key = context.agent_id if c.metadata.get("per", "agent") == "agent" else "all"
    wait = buckets.take(key)
    return Later.of("the rate is used up", wait) if wait else ""


def _dependency(c: SafetyConstraint, context: OperationContext, _: Any, __: Circumstances) -> str:
    required = _names(c.metadata, "requires")
    if not required:
        return "it names nothing under requires, so nothing passes it"
    missing = [name for name in required if not context.parameters.get(name)]
    return f"{', '.join(missing)} must be there first" if missing else ""


def _permission(c: SafetyConstraint, context: OperationContext, _: Any, __: Circumstances) -> str:
    agents, needed = _names(c.metadata, "agents"), _names(c.metadata, "permissions")
    if not agents and not needed:
        return "it names neither agents nor permissions, so nothing passes it"
    if agents and not any(topic_matches(pattern, context.agent_id) for pattern in agents):
        return f"the agent {context.agent_id!r} is not allowed to"
    missing = [name for name in needed if name not in context.permissions]
    return f"the permission {', '.join(missing)} is missing" if missing else ""


def _resource(c: SafetyConstraint, _: OperationContext, value: Any, around: Circumstances) -> str:
    if c.max_value is None:
        return "it has no max_value, so nothing passes it"
    amount = 1.0 if value is MISSING else value
    if wrong := _number(amount):
        return wrong
    if amount < 0:
        return f"{amount:g} is below 0"
    used = around.in_use.get(c.parameter or c.name, 0.0)
    if not used + amount <= c.max_value:
        return f"{amount:g} on top of {used:g} in use is above {c.max_value:g}"
    return ""


def _timing(
    c: SafetyConstraint, context: OperationContext, value: Any, around: Circumstances
) -> str:
    """Within ``window`` (two times of day, UTC), ``min_interval_seconds`` apart, and in its bounds."""
    window, apart = c.metadata.get("window"), c.metadata.get("min_interval_seconds")
    bounded = c.max_value is not None or c.min_value is not None
    if window is None and apart is None and not bounded:
        return "it has no window, interval or bound, so nothing passes it"
    if window is not None and (wrong := _outside(around.clock.now(), *window)):
        return wrong
    if apart is not None:
        last = around.last_done.get((c.constraint_id, context.agent_id))
        left = 0.0 if last is None else last + float(apart) - around.clock.monotonic()
        if left > 0:
            return Later.of("too soon after the last one", left)
    return (_number(value) or _within(value, c.min_value, c.max_value)) if bounded else ""


def _outside(now: datetime, begin: str, end: str) -> str:
    """What is wrong with this time of day, if it is not within the window."""
    first, last, at = time.fromisoformat(begin), time.fromisoformat(end), now.time()
    if first == last:
        return f"no time is between {begin} and {end}, so nothing passes it"
    if first <= at < last if first < last else at >= first or at < last:
        return ""
    opens = now.replace(
        hour=first.hour, minute=first.minute, second=first.second, microsecond=first.microsecond
    )
    left = (opens - now) % timedelta(days=1)
    return Later.of(f"only between {begin} and {end} UTC", left.total_seconds())


def _compliance(c: SafetyConstraint, _: OperationContext, value: Any, __: Circumstances) -> str:
    """Among ``allowed``, not among ``forbidden``, within the bounds; where none is given: true."""
    allowed, forbidden = c.metadata.get("allowed"), c.metadata.get("forbidden")
    bounded = c.max_value is not None or c.min_value is not None
    if allowed is not None and value not in allowed:
        return f"{value!r} is not among what is allowed"
    if forbidden is not None and value in forbidden:
        return f"{value!r} is forbidden"
    if bounded:
        return _number(value) or _within(value, c.min_value, c.max_value)
    if allowed is None and forbidden is None and value is not True:
        return "it is not confirmed"
    return ""


def _names(metadata: Mapping[str, Any], key: str) -> Collection[str]:
    given = metadata.get(key, ())
    return [given] if isinstance(given, str) else list(given)


_CHECKS: Mapping[str, Check] = {
    ConstraintType.THRESHOLD: _threshold,
    ConstraintType.RATE_LIMIT: _rate,
    ConstraintType.DEPENDENCY: _dependency,
    ConstraintType.PERMISSION: _permission,
    ConstraintType.RESOURCE: _resource,
    ConstraintType.TIMING: _timing,
    ConstraintType.COMPLIANCE: _compliance,
}
