"""What tests of triggers share: a pipeline with one trigger, and who is propelled to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from quarterdeck.core.base.errors import BusinessFault
from quarterdeck.core.pipelines.definition import PipelineDefinition, TriggerDefinition

DEADLINE = 60.0


class Refused(BusinessFault):
    """For tests: the lane is full."""

    code = "test_refused"


def with_trigger(kind: str, data: Any = None, **options: Any) -> PipelineDefinition:
    """A pipeline with one trigger, which propels ``came``."""
    trigger = TriggerDefinition(kind, "came", options, data)
    return PipelineDefinition("p", "/w/p.yaml", "/w", inputs={"who": "ann"}, triggers=(trigger,))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds, where nothing tells when it does."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110  # a view has no event
            await asyncio.sleep(0.005)


class Lane:
    """Keeps the payloads that triggers propel, each id once; ``refusing`` refuses them all."""

    def __init__(self) -> None:
        self.payloads: dict[str, Any] = {}
        self.told: list[Any] = []
        self.refusing = False
        self.refused = 0
        self._changed = asyncio.Condition()

    async def propel(self, _: TriggerDefinition, data: Any, payload_id: str) -> None:
        """As the engine's service does."""
        async with self._changed:
            self._changed.notify_all()
            if self.refusing:
                self.refused += 1
                raise Refused("The lane is full.")
            self.told.append(data)
            self.payloads.setdefault(payload_id, data)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds; asked after each call."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(condition)


class PlainMemory:
    """A memory that counts how often it was written."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.saved = asyncio.Event()

    async def load(self, key: str) -> dict[str, Any] | None:
        """What was kept."""
        return self.kept.get(key)

    async def save(self, key: str, value: Any) -> None:
        """Keep it."""
        self.kept[key] = dict(value)
        self.saved.set()
