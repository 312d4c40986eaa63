"""What can be refused about pipelines that run: one class for each cause."""

from __future__ import annotations

from ..base.errors import BusinessFault, ResourceFault, SystemFault, ValidationFault


class PipelineUnknown(BusinessFault):
    """No pipeline of this name is loaded."""

    code = "pipeline_unknown"


class PipelineBusy(BusinessFault):
    """A pipeline has payloads that have not ended."""

    code = "pipeline_busy"


class PipelineUnusable(BusinessFault):
    """A pipeline's file can't be read any more, so that it takes nothing in."""

    code = "pipeline_unusable"


class EventUnknown(ValidationFault):
    """A pipeline has no such event type."""

    code = "event_unknown"


class PayloadUnknown(BusinessFault):
    """No payload of this id is kept."""

    code = "payload_unknown"


class PayloadEnded(BusinessFault):
    """The payload has ended, and can't be cancelled or tried any more."""

    code = "payload_ended"


class PayloadNotDead(BusinessFault):
    """Only payloads that failed for good are replayed or discarded."""

    code = "payload_not_dead"


class PayloadsFull(ResourceFault):
    """As many payloads wait as pipelines hold."""

    code = "payloads_full"


class ChainTooLong(BusinessFault):
    """More payloads follow from each other than ``max_hops`` allows."""

    code = "chain_too_long"


class HandlerGone(BusinessFault):
    """The pipeline was loaded anew, and has the handler of a waiting payload no more."""

    code = "handler_gone"


class HandlerFailed(SystemFault):
    """What a handler runs has failed."""

    code = "handler_failed"
    recoverable = True


class HandlerHopeless(HandlerFailed):
    """What a handler runs has failed as it would again."""

    code = "handler_hopeless"
    recoverable = False


class PayloadNotRetrying(BusinessFault):
    """The payload waits for no attempt, so that there is none to be hurried."""

    code = "payload_not_retrying"
