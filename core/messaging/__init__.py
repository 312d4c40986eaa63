"""Messages between agents and rooms: topics, queues, requests, dead letters.

Names are loaded when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.lazy import find_name

if TYPE_CHECKING:
    from .bus import MessageBus
    from .config import MessageBusConfig
    from .dead_letters import DeadLetter, Reason
    from .event_bus import Event, EventBus, EventType
    from .faults import (
        BusClosed,
        BusElsewhere,
        DeadLetterUnknown,
        MessageInvalid,
        NoResponder,
        RequestFailed,
        RequestTimeout,
        SubscriptionGone,
        TooManyHandlers,
        TopicInvalid,
    )
    from .figures import BusStatistics
    from .messages import Message, MessagePriority, MessageType
    from .subscription import QueuePolicy, SubscriptionStatistics

_HOMES = {
    "BusClosed": ".faults",
    "BusElsewhere": ".faults",
    "BusStatistics": ".figures",
    "DeadLetter": ".dead_letters",
    "DeadLetterUnknown": ".faults",
    "Event": ".event_bus",
    "EventBus": ".event_bus",
    "EventType": ".event_bus",
    "Message": ".messages",
    "MessageBus": ".bus",
    "MessageBusConfig": ".config",
    "MessageInvalid": ".faults",
    "MessagePriority": ".messages",
    "MessageType": ".messages",
    "NoResponder": ".faults",
    "QueuePolicy": ".subscription",
    "Reason": ".dead_letters",
    "RequestFailed": ".faults",
    "RequestTimeout": ".faults",
    "SubscriptionGone": ".faults",
    "SubscriptionStatistics": ".subscription",
    "TooManyHandlers": ".faults",
    "TopicInvalid": ".faults",
}

__all__ = [
    "BusClosed",
    "BusElsewhere",
    "BusStatistics",
    "DeadLetter",
    "DeadLetterUnknown",
    "Event",
    "EventBus",
    "EventType",
    "Message",
    "MessageBus",
    "MessageBusConfig",
    "MessageInvalid",
    "MessagePriority",
    "MessageType",
    "NoResponder",
    "QueuePolicy",
    "Reason",
    "RequestFailed",
    "RequestTimeout",
    "SubscriptionGone",
    "SubscriptionStatistics",
    "TooManyHandlers",
    "TopicInvalid",
]


def __getattr__(name: str) -> Any:
    found = globals()[name] = find_name(__name__, name, _HOMES)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
