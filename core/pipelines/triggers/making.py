"""The triggers of a pipeline, ready to be started."""

from __future__ import annotations

from ...base.clock import SYSTEM_CLOCK, Clock
from ..definition import PipelineDefinition, TriggerDefinition
from .ports import Memory, Trigger


def triggers_of(
    pipeline: PipelineDefinition, memory: Memory, *, clock: Clock = SYSTEM_CLOCK
) -> tuple[Trigger, ...]:
    """What propels by itself in ``pipeline``, in the order of the file; nothing is begun yet."""
    return tuple(_made(pipeline, one, memory, clock) for one in pipeline.triggers)


def _made(
    pipeline: PipelineDefinition, definition: TriggerDefinition, memory: Memory, clock: Clock
) -> Trigger:
    # Start-up time: each is loaded with what it alone needs.
    if definition.kind == "watch":
        from .noticing import FolderNotices  # noqa: PLC0415
        from .watch import WatchTrigger  # noqa: PLC0415

        return WatchTrigger(pipeline, definition, memory, FolderNotices(), clock)
    if definition.kind == "schedule":
        from .schedule import ScheduleTrigger  # noqa: PLC0415

        return ScheduleTrigger(pipeline, definition, memory, clock)
    from .git import GitTrigger  # noqa: PLC0415

    return GitTrigger(pipeline, definition, clock)
