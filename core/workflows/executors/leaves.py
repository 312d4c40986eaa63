"""What executors have in common whose attempts are one process each."""

from __future__ import annotations

from typing import Any

from ..context import TaskExecutionContext
from .attempt import Attempt, attempt_with
from .children import Child, ChildKind, kept_child
from .desk import Desk


class LeafExecutor:
    """Begins attempts, and adopts those that a former engine began."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def carry_out(self, attempt: Attempt, child: Child | None) -> Any:
        """The attempt's result; ``child`` is that of an attempt that is adopted."""
        raise NotImplementedError

    async def execute(self, context: TaskExecutionContext) -> Any:
        """Begin an attempt, and see it to its end."""

        async def work(attempt: Attempt) -> Any:
            return await self.carry_out(attempt, None)

        return await attempt_with(self.desk, context, work)

    async def adopt(self, context: TaskExecutionContext) -> Any:
        """See to its end what a former engine began.

        :raises AttemptLost: if nothing tells what became of it.
        """
        child = kept_child(context, ChildKind.PROCESS)

        async def work(attempt: Attempt) -> Any:
            return await self.carry_out(attempt, child)

        return await attempt_with(self.desk, context, work, child)
