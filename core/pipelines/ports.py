"""What running pipelines need of others: something that does a handler's work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from .definition import HandlerDefinition, PipelineDefinition
from .entries import Attempt, Entry
from .files.executing import Names


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt of one handler on one payload; ``names`` are what its templates see."""

    pipeline: PipelineDefinition
    handler: HandlerDefinition
    entry: Entry
    attempt: Attempt
    names: Names


class HandlerRunner(Protocol):
    """Does what handlers say."""

    def place(self, pipeline: PipelineDefinition, handler: HandlerDefinition, entry: Entry,
              number: int) -> str | None:  # fmt: skip
        """The workflow that will do it, the same in every engine; ``None``: none will."""
        ...

    async def run(self, order: Order) -> Any:
        """The handler's result. What an earlier engine began of the same order goes on."""
        ...

    async def cancel(self, entry: Entry, handler: str, number: int) -> None:
        """End what works on an attempt, here or since a former engine; nothing waits for it any more."""
        ...

    def not_begun(self, entry: Entry, attempt: Attempt) -> str:
        """Why an attempt that was handed over does not work yet; empty if it does."""
        ...
