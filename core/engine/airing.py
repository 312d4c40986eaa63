"""The engine's events on its message bus."""

from __future__ import annotations

from ..messaging.bus import MessageBus
from ..messaging.messages import Message
from ..protocol.events import Event


class Airing:
    """Publishes every event under its topic; without a subscription it costs a look.

    It waits for nobody: each subscription has its own bounded queue. Links get their events from the
    hub instead, in the journal's order with replies.
    """

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    def tell(self, event: Event) -> None:
        """Send ``event`` on its way to who subscribes to its topic; the payload is the event itself."""
        if not self._bus.has_subscriptions:
            return
        about = event.metadata
        self._bus.publish_nowait(
            Message(
                sender_id=about.source,
                topic=event.topic,
                payload=event,
                message_id=about.event_id,
                timestamp=about.timestamp,
            )
        )
