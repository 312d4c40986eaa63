"""Typed events with a history: a front over the message bus."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from ..base.calling import is_async
from ..base.clock import SYSTEM_CLOCK
from ..base.ids import next_id
from ..base.topics import topic_matches
from .bus import MessageBus
from .figures import BusStatistics
from .messages import Message
from .subscription import QueuePolicy
from .trie import check_topic

HISTORY = 1000


class EventType(StrEnum):
    """The names of the events that engines emit; any other name of levels is one too."""

    TASK_STARTED = "task.started"
    TASK_COMPLETED = "task.completed"
    TASK_FAILED = "task.failed"
    TASK_SKIPPED = "task.skipped"
    TASK_CANCELLED = "task.cancelled"
    WORKFLOW_STARTED = "workflow.started"
    WORKFLOW_COMPLETED = "workflow.completed"
    WORKFLOW_FAILED = "workflow.failed"
    WORKFLOW_CANCELLED = "workflow.cancelled"
    AGENT_STARTED = "agent.started"
    AGENT_STOPPED = "agent.stopped"
    AGENT_FAILED = "agent.failed"
    PIPELINE_PROPELLED = "pipeline.propelled"
    PIPELINE_COMPLETED = "pipeline.completed"
    PIPELINE_FAILED = "pipeline.failed"
    SYSTEM_STARTED = "system.started"
    SYSTEM_STOPPED = "system.stopped"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: its name, what there is to say, and who says it."""

    name: str
    data: Any = None
    source: str = ""
    event_id: str = field(default_factory=next_id)
    timestamp: datetime = field(default_factory=SYSTEM_CLOCK.now)


EventHandler = Callable[[Event], Any]
EventFilter = Callable[[Event], bool]


class EventBus:
    """Emit events by name, and subscribe to them by pattern.

    Over a message bus of its own, or over ``bus``, which then is its owner's to close; there event
    names are topics. ``history`` is how many of the latest events are kept.
    """

    def __init__(self, bus: MessageBus | None = None, *, history: int = HISTORY) -> None:
        self.bus = bus or MessageBus()
        self._own = bus is None
        self._history: deque[Event] = deque(maxlen=max(history, 0))
        self._emitted: dict[str, int] = {}

    def subscribe(
        self,
        pattern: str,
        handler: EventHandler,
        filter: EventFilter | None = None,  # noqa: A002  # the document's name
        *,
        policy: QueuePolicy | str = QueuePolicy.REFUSE,
    ) -> str:
        """Call ``handler`` with the events that ``pattern`` covers and ``filter`` lets pass; an id.

        :raises TopicInvalid: if the pattern is none.
        """
        return self.bus.add_subscription(
            pattern,
            _unwrapping(handler),
            policy=policy,
            filter_fn=partial(_passes, filter),
        )

    def unsubscribe(self, subscription_id: str) -> bool:
        """Call it no more; ``False`` if there is none of this id."""
        return self.bus.remove_subscription(subscription_id)

    async def emit(self, name: str, data: Any = None, source: str = "") -> Event:
        """Tell all who subscribe; returns when it is on its way.

        :raises TopicInvalid: if the name has an empty level or a wildcard.
        """
        event = self._enter(name, data, source)
        await self.bus.publish(Message(sender_id=source, topic=event.name, payload=event))
        return event

    def emit_nowait(self, name: str, data: Any = None, source: str = "") -> Event:
        """The same for callers that are no coroutines."""
        event = self._enter(name, data, source)
        self.bus.publish_nowait(Message(sender_id=source, topic=event.name, payload=event))
        return event

    def get_history(
        self, pattern: str | None = None, source: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """The latest events, oldest first: by pattern of the name and by source, at most ``limit``."""
        found = [
            event
            for event in self._history
            if (pattern is None or topic_matches(pattern, event.name))
            and (source is None or event.source == source)
        ]
        return found if limit is None else found[max(len(found) - max(limit, 0), 0) :]

    def clear_history(self) -> None:
        """Forget the events so far."""
        self._history.clear()

    def get_stats(self) -> dict[str, Any]:
        """Figures: emitted in all and by the first level of the name, history, subscriptions, deliveries."""
        figures = self.statistics()
        return {
            "total_emitted": sum(self._emitted.values()),
            "by_kind": dict(self._emitted),
            "history_size": len(self._history),
            "subscriptions": len(figures.subscriptions),
            "delivered": figures.delivered,
            "failed": figures.failed,
        }

    def statistics(self) -> BusStatistics:
        """The figures of the bus below."""
        return self.bus.statistics()

    async def drained(self) -> None:
        """Wait until every event so far was handled."""
        await self.bus.drained()

    async def close(self) -> None:
        """Deliver what is on its way, and take nothing more; another's bus is left alone."""
        if self._own:
            await self.bus.close()

    def _enter(self, name: str, data: Any, source: str) -> Event:
        event = Event(str(check_topic(name)), data, source)
        kind = event.name.partition(".")[0]
        self._emitted[kind] = self._emitted.get(kind, 0) + 1
        self._history.append(event)
        return event


def _unwrapping(handler: EventHandler) -> Callable[[Message], Any]:
    if not is_async(handler):
        return lambda message: handler(message.payload)

    async def handle(message: Message) -> None:
        await handler(message.payload)

    return handle


def _passes(wanted: EventFilter | None, message: Message) -> bool:
    """On a shared bus there are messages that are no events."""
    event = message.payload
    return isinstance(event, Event) and (wanted is None or wanted(event))
