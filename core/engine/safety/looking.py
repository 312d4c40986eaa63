"""How rules and limits stand, for front ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ...protocol.crew_views import LimitView, ViolationView
from ...safety.binding import Limit
from ...safety.limiter import BucketCache
from ...safety.model import SafetyConstraint, Violation

SHOWN = 20
"""Buckets that are shown of each limit: those with the least left."""


def violation_view(found: Violation, now: datetime) -> ViolationView:
    """A violation that happens now."""
    return ViolationView(
        at=now,
        rule=found.rule,
        level=found.level.value,
        operation=found.operation_type,
        message=found.message,
        agent=found.agent_id,
    )


def limit_views(limits: Iterable[Limit]) -> tuple[LimitView, ...]:
    """Each limit with its fullest buckets."""
    return tuple(view for one in limits for view in bucket_views(one.key, one.buckets))


def bucket_views(name: str, cache: BucketCache) -> list[LimitView]:
    """One limit as such, then those of its buckets that are in use."""
    whole = cache.statistics()
    found = [
        LimitView(
            name=name, key="", rate=cache.rate, burst=cache.burst, left=cache.burst,
            refused=whole.refused,
        )
    ]  # fmt: skip
    for key, one in cache.lowest(SHOWN):
        if key:
            found.append(
                LimitView(
                    name=name, key=key, rate=one.rate, burst=one.burst, left=one.tokens,
                    refused=one.refused,
                )
            )  # fmt: skip
        else:
            found[0] = found[0].changed(left=one.tokens)
    return found


def rule_texts(constraints: Iterable[SafetyConstraint]) -> dict[str, str]:
    """What each constraint says in a line."""
    return {one.name: _text(one) for one in constraints}


def _text(one: SafetyConstraint) -> str:
    where = one.metadata.get("operation")
    parts = [
        f"{one.level} {one.constraint_type}",
        f"of {one.parameter}" if one.parameter is not None else "",
        f"in {where}" if where is not None else "",
        f"at least {one.min_value:g}" if one.min_value is not None else "",
        f"at most {one.max_value:g}" if one.max_value is not None else "",
        *(
            f"{name} {_listed(value)}"
            for name, value in one.metadata.items()
            if name not in {"operation", "parameter"}
        ),
    ]
    told = " ".join(part for part in parts if part)
    return f"{told}: {one.description}" if one.description else told


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
