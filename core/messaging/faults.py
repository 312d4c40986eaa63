"""What can be refused or fail on the bus: one class for each cause."""

from __future__ import annotations

from ..base.errors import BusinessFault, QuarterdeckError, ResourceFault, ValidationFault


class TopicInvalid(ValidationFault):
    """A topic or pattern that is none."""

    code = "topic_invalid"


class MessageInvalid(ValidationFault):
    """A message with a field that can't be."""

    code = "message_invalid"


class TooManyHandlers(ResourceFault):
    """A pattern has as many subscriptions as the bus allows."""

    code = "too_many_handlers"


class BusClosed(BusinessFault):
    """The bus takes nothing any more."""

    code = "bus_closed"


class BusElsewhere(BusinessFault):
    """The bus is at work in another event loop."""

    code = "bus_elsewhere"


class NoResponder(ResourceFault):
    """Nobody subscribes to the topic of a request."""

    code = "no_responder"


class RequestTimeout(ResourceFault, TimeoutError):
    """Nobody answered a request in time."""

    code = "request_timeout"


class RequestFailed(ResourceFault):
    """Every handler of a request failed for good."""

    code = "request_failed"


class DeadLetterUnknown(BusinessFault):
    """No dead letter has this id."""

    code = "dead_letter_unknown"


class SubscriptionGone(BusinessFault):
    """The subscriber of a dead letter has no such subscription any more."""

    code = "subscription_gone"


def described(error: BaseException) -> str:
    """The exception's type and message."""
    if isinstance(error, QuarterdeckError):
        return f"{type(error).__name__}: {error.message}"
    return f"{type(error).__name__}: {error}"
