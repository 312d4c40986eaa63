"""Commands about pipelines and their payloads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from ..base.priority import Priority
from .payload import Payload
from .pipeline_views import PayloadStatus
from .rules import Id

PipelineName = Annotated[str, Field(min_length=1, max_length=100)]
EventName = Annotated[str, Field(min_length=1, max_length=200)]


class OnPipeline(Payload):
    """A payload about one pipeline, by its name."""

    name: PipelineName


class OnPayload(Payload):
    """A payload about one payload of a pipeline."""

    payload_id: Id


class LoadPipeline(Payload):
    """Load a pipeline from a file on the engine's machine; one of the same name is replaced.

    It stays loaded until it is unloaded, also when the engine starts anew. ``cwd`` is what paths are
    counted from: the file's directory unless given.
    """

    type: ClassVar[str] = "pipeline.load"
    file: Annotated[str, Field(min_length=1, max_length=4096)]
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    cwd: str | None = None


class UnloadPipeline(OnPipeline):
    """Forget a pipeline. One with payloads that have not ended is refused, unless ``force`` cancels them."""

    type: ClassVar[str] = "pipeline.unload"
    force: bool = False


class ListPipelines(Payload):
    """Every pipeline, by name."""

    type: ClassVar[str] = "pipeline.list"


class ShowPipeline(OnPipeline):
    """One pipeline with lanes, handlers and triggers."""

    type: ClassVar[str] = "pipeline.show"


class PausePipeline(OnPipeline):
    """Begin no more payloads of it; what runs ends by itself."""

    type: ClassVar[str] = "pipeline.pause"


class ResumePipeline(OnPipeline):
    """Go on with what waits."""

    type: ClassVar[str] = "pipeline.resume"


class PropelPayload(OnPipeline):
    """Put a payload into the lane of ``event``; what the file says holds for what is not given.

    ``hook`` is the hook of git's that it comes from, ``repository`` where that ran.
    """

    type: ClassVar[str] = "pipeline.propel"
    event: EventName
    data: JsonValue = None
    priority: Priority | None = None
    deadline: datetime | None = None
    routing_key: str | None = None
    agent_affinity: str | None = None
    hook: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    repository: str | None = None


class ListPayloads(Payload):
    """Payloads, newest first; of one pipeline, event, status, or chain (``root``) if given."""

    type: ClassVar[str] = "pipeline.payloads"
    name: PipelineName | None = None
    event: EventName | None = None
    statuses: tuple[PayloadStatus, ...] = ()
    root: Id | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100


class ShowPayload(OnPayload):
    """All about one payload: data, causes, effects, runs."""

    type: ClassVar[str] = "pipeline.payload"


class CancelPayload(OnPayload):
    """End a payload that waits or runs; its handlers' processes are stopped."""

    type: ClassVar[str] = "pipeline.cancel"


class RetryPayload(OnPayload):
    """Try a payload now that waits for its next attempt."""

    type: ClassVar[str] = "pipeline.retry"


class ReplayPayload(OnPayload):
    """Submit a dead payload anew, for the handlers that have not succeeded."""

    type: ClassVar[str] = "pipeline.replay"


class DiscardPayload(OnPayload):
    """Remove a dead payload."""

    type: ClassVar[str] = "pipeline.discard"


PIPELINE_PAYLOADS: tuple[type[Payload], ...] = (
    LoadPipeline, UnloadPipeline, ListPipelines, ShowPipeline, PausePipeline, ResumePipeline,
    PropelPayload, ListPayloads, ShowPayload, CancelPayload, RetryPayload, ReplayPayload, DiscardPayload,
)  # fmt: skip
"""The payloads of this module."""
