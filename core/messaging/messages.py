"""Messages: what travels on the bus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ..base.clock import SYSTEM_CLOCK
from ..base.ids import next_id
from ..base.priority import Priority
from .faults import MessageInvalid

MessagePriority = Priority
"""The one priority, under the name that the third document gives it."""


class MessageType(StrEnum):
    """What a message is for."""

    COMMAND = "command"
    EVENT = "event"
    QUERY = "query"
    RESPONSE = "response"
    HEARTBEAT = "heartbeat"
    ERROR = "error"


@dataclass(slots=True, eq=False)
class Message:
    """One message on one topic.

    ``recipient_id`` tells handlers whom it is for; delivery goes by the topic alone.
    ``ttl_seconds`` counts from its publication. ``timestamp`` is aware.

    :raises MessageInvalid: for a naive timestamp or a time to live that is not above 0.
    """

    sender_id: str = ""
    recipient_id: str | None = None
    message_type: MessageType = MessageType.EVENT
    topic: str = ""
    payload: Any = None
    priority: MessagePriority = Priority.NORMAL
    correlation_id: str | None = None
    reply_to: str | None = None
    ttl_seconds: float | None = None
    message_id: str = field(default_factory=next_id)
    timestamp: datetime = field(default_factory=SYSTEM_CLOCK.now)

    def __post_init__(self) -> None:
        if self.timestamp.tzinfo is None:
            raise MessageInvalid(
                "A message's timestamp has no time zone; give an aware one, or none at all."
            )
        if self.ttl_seconds is not None and not self.ttl_seconds > 0:
            raise MessageInvalid(
                f"A message's ttl_seconds is above 0, not {self.ttl_seconds}; leave it out for "
                "a message that lives until it is delivered."
            )

    def copy(self, **changed: Any) -> Message:
        """Another message with the same fields, but for ``changed``."""
        return replace(self, **changed)

    def to_dict(self) -> dict[str, Any]:
        """Every field; the timestamp in ISO 8601."""
        return {
            "sender_id": self.sender_id,
            "recipient_id": self.recipient_id,
            "message_type": self.message_type.value,
            "topic": self.topic,
            "payload": self.payload,
            "priority": int(self.priority),
            "correlation_id": self.correlation_id,
            "reply_to": self.reply_to,
            "ttl_seconds": self.ttl_seconds,
            "message_id": self.message_id,
            "timestamp": self.timestamp.astimezone(UTC).isoformat(),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Message:
        """The message that ``to_dict`` gave."""
        return cls(
            **{
                **given,
                "message_type": MessageType(given["message_type"]),
                "priority": Priority(given["priority"]),
                "timestamp": datetime.fromisoformat(given["timestamp"]),
            }
        )
