"""What can be refused in the propulsion room: one class for each cause."""

from __future__ import annotations

from ..base.errors import BusinessFault, ResourceFault, ValidationFault


class PayloadInvalid(ValidationFault):
    """A payload with a field that can't be, such as a deadline without a time zone."""

    code = "payload_invalid"


class HandlerExists(ValidationFault):
    """An event type has a handler of this name already."""

    code = "handler_exists"


class PropulsionFull(ResourceFault):
    """As many payloads wait as the engine holds."""

    code = "propulsion_full"


class PropulsionClosed(BusinessFault):
    """The engine takes no payloads any more."""

    code = "propulsion_closed"


class PropulsionElsewhere(BusinessFault):
    """The engine is at work in another event loop."""

    code = "propulsion_elsewhere"


class PermanentFault(BusinessFault):
    """Raised by a handler: another attempt would fail in the same way, so none is made."""

    code = "handler_gave_up"


class DeadPayloadUnknown(BusinessFault):
    """No dead payload has this id."""

    code = "dead_payload_unknown"
