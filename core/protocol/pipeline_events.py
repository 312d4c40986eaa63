"""Events about pipelines.

What happened to each payload stands in the log of propulsion; so those events are not journalled.
"""

from __future__ import annotations

from typing import ClassVar

from .event_payload import EventPayload
from .pipeline_views import PayloadView, PipelineView


class AboutPipeline(EventPayload):
    """A payload about one pipeline, with how it stands now."""

    pipeline: PipelineView

    def key(self) -> str:
        """The pipeline's name."""
        return self.pipeline.name


class PipelineLoaded(AboutPipeline):
    """A pipeline was loaded, or replaced."""

    type: ClassVar[str] = "pipeline.loaded"


class PipelineChanged(AboutPipeline):
    """A pipeline was paused, went on, or its figures changed."""

    type: ClassVar[str] = "pipeline.changed"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True


class PipelineUnloaded(EventPayload):
    """A pipeline was forgotten."""

    type: ClassVar[str] = "pipeline.unloaded"
    name: str

    def key(self) -> str:
        """The pipeline's name."""
        return self.name


class PayloadChanged(EventPayload):
    """A payload was propelled, began, is retried or has ended."""

    type: ClassVar[str] = "pipeline.payload"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True
    payload: PayloadView

    def key(self) -> str:
        """The payload's id."""
        return self.payload.id


class PayloadDied(EventPayload):
    """A payload failed for good; it lies with the dead letters."""

    type: ClassVar[str] = "pipeline.dead"
    payload: PayloadView

    def key(self) -> str:
        """The payload's id."""
        return self.payload.id


PIPELINE_EVENTS: tuple[type[EventPayload], ...] = (
    PipelineLoaded, PipelineChanged, PipelineUnloaded, PayloadChanged, PayloadDied,
)  # fmt: skip
"""The payloads of this module."""
