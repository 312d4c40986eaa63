"""The base of all event payloads."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class EventPayload(BaseModel):
    """Base of all event payloads.

    ``durable`` ones are journalled. ``coalesce`` ones may be replaced, while unsent, by a newer
    one of the same key; all others are never dropped.
    """

    model_config = ConfigDict(frozen=True)
    type: ClassVar[str]
    durable: ClassVar[bool] = True
    coalesce: ClassVar[bool] = False

    def key(self) -> str:
        """What the event is about: with the type, the key it coalesces by."""
        return ""

    def merged(self, older: EventPayload) -> EventPayload:
        """This payload in place of an unsent ``older`` one of the same key."""
        return self
