"""Payloads and results: what is propelled, and what became of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from ..base.clock import SYSTEM_CLOCK
from ..base.ids import next_id
from ..base.priority import Priority
from .faults import PayloadInvalid

PropulsionPriority = Priority
"""The one priority, under the name that the first document gives it."""

_now = SYSTEM_CLOCK.now


@dataclass(slots=True, eq=False)
class PropulsionPayload:
    """A work item: data, and how it is to be handled.

    ``deadline`` is aware; past it nothing is begun. ``attempt_count`` and ``last_error`` are kept by
    the engine. ``timeout`` is the seconds that each handler may take. ``previous`` holds, in a chain,
    the results of the stages before by event type; ``agent_id`` is the agent that was chosen.

    :raises PayloadInvalid: for a naive deadline.
    """

    data: Any
    priority: PropulsionPriority = Priority.NORMAL
    deadline: datetime | None = None
    source_molecule_id: str | None = None
    id: str = field(default_factory=next_id)
    created_at: datetime = field(default_factory=_now)
    source_stage: str | None = None
    target_stage: str | None = None
    routing_key: str | None = None
    agent_affinity: str | None = None
    attempt_count: int = 0
    max_attempts: int = 3
    last_error: str | None = None
    timeout: float | None = None
    agent_id: str | None = field(default=None, init=False)
    previous: Mapping[str, list[PropulsionResult]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.deadline is not None:
            self.check()

    def check(self) -> None:
        """See that its fields can be.

        :raises PayloadInvalid: for a naive deadline.
        """
        if self.deadline is not None and self.deadline.tzinfo is None:
            raise PayloadInvalid(
                f"The deadline of payload {self.id} has no time zone; give an aware datetime, such "
                "as datetime.now(UTC) + timedelta(minutes=5).",
                payload_id=self.id,
            )

    def is_expired(self, now: datetime | None = None) -> bool:
        """Whether it is past its deadline (not: at it)."""
        return self.deadline is not None and (now or _now()) > self.deadline

    def can_retry(self) -> bool:
        """Whether fewer attempts were made than it may have."""
        return self.attempt_count < self.max_attempts

    def copy(self) -> PropulsionPayload:
        """Another payload of the same id, with data of its own."""
        other = copy.copy(self)
        try:
            other.data = copy.deepcopy(self.data)
        except Exception:  # noqa: BLE001  # data with a lock or a socket in it is handed on as it is
            other.data = copy.copy(self.data) if isinstance(self.data, dict | list) else self.data
        return other

    def to_dict(self) -> dict[str, Any]:
        """Every field that a constructor takes; stamps in ISO 8601, the priority by its name."""
        return {name: _plain(getattr(self, name)) for name in _FIELDS}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> PropulsionPayload:
        """The payload that ``to_dict`` gave.

        :raises PayloadInvalid: for a field that it does not have, or a stamp or priority that is none.
        """
        try:
            known: dict[str, Any] = {
                **given,
                "priority": _priority(given.get("priority", "NORMAL")),
            }
            for name in ("deadline", "created_at"):
                if isinstance(given.get(name), str):
                    known[name] = datetime.fromisoformat(given[name])
            return cls(**known)
        except (KeyError, TypeError, ValueError) as error:
            raise PayloadInvalid(f"That is no payload: {error}.") from error


@dataclass(slots=True, eq=False)
class PropulsionResult:
    """What one handler made of one payload; ``duration_ms`` is that of the last attempt."""

    payload_id: str
    success: bool
    handler_name: str
    result: Any = None
    error_message: str | None = None
    duration_ms: float = 0.0
    timestamp: datetime = field(default_factory=_now)


_AS_THEY_ARE = frozenset({str, int, float, bool, dict, list})

_FIELDS = tuple(one.name for one in fields(PropulsionPayload) if one.init)


def _plain(value: Any) -> Any:
    if value is None or type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, Priority):
        return value.name
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _priority(given: Any) -> Priority:
    return Priority[given.upper()] if isinstance(given, str) else Priority(given)
