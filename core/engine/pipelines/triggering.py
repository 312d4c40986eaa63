"""What propels by itself, of all loaded pipelines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ...base.clock import Clock
from ...pipelines.definition import PipelineDefinition, TriggerDefinition
from ...pipelines.triggers.ports import HookTrigger, Memory, Trigger
from ...protocol.pipeline_views import TriggerView

Triggered = Callable[[str, TriggerDefinition, Any, str], Awaitable[None]]
"""Propels: the pipeline, the trigger, the data, the payload's id."""


class Triggers:
    """The triggers that are at work; without a ``memory`` none are."""

    def __init__(self, memory: Memory | None, clock: Clock, triggered: Triggered) -> None:
        self._memory = memory
        self._clock = clock
        self._triggered = triggered
        self._at_work: dict[str, tuple[Trigger, ...]] = {}

    async def start(self, pipeline: PipelineDefinition) -> None:
        """Let a pipeline's triggers propel, in place of those it had before."""
        await self.stop(pipeline.name)
        if self._memory is None or not pipeline.triggers:
            return
        # Start-up time: few pipelines have any.
        from ...pipelines.triggers import triggers_of  # noqa: PLC0415

        made = triggers_of(pipeline, self._memory, clock=self._clock)
        self._at_work[pipeline.name] = made
        for one in made:
            await one.start(partial(self._triggered, pipeline.name))

    async def stop(self, pipeline: str) -> None:
        """Let a pipeline's triggers propel no more."""
        for one in self._at_work.pop(pipeline, ()):
            await one.stop()

    async def close(self) -> None:
        """Stop all."""
        for name in list(self._at_work):
            await self.stop(name)

    def look(self) -> None:
        """Look at the clock: it may have been set, or the machine have slept."""
        for triggers in self._at_work.values():
            for one in triggers:
                one.look()

    def fired(self, pipeline: str, event: str, hook: str, repository: str | None) -> None:
        """A hook of git's has propelled."""
        for one in self._at_work.get(pipeline, ()):
            if isinstance(one, HookTrigger) and one.fired(event, hook, repository):
                return

    def views(self, pipeline: str) -> tuple[TriggerView, ...]:
        """How a pipeline's triggers stand."""
        return tuple(one.view() for one in self._at_work.get(pipeline, ()))
