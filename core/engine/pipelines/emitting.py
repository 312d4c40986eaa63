"""``emit``: a workflow's task that propels a payload into a pipeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...base.priority import Priority
from ...protocol.pipeline_commands import PropelPayload
from ...workflows.context import AttemptLost, TaskExecutionContext
from ...workflows.executors.attempt import Attempt, attempt_with
from ...workflows.executors.children import Child, ChildKind
from ...workflows.executors.desk import Desk

Emitted = Callable[[PropelPayload, str, str], Awaitable[str]]
"""Propels; given the cause, and the attempt from which the id follows."""


class EmitExecutor:
    """Propels under an id that follows from the attempt, so that nothing is propelled twice."""

    def __init__(self, desk: Callable[[], Desk], emitted: Emitted) -> None:
        self._desk = desk
        self._emitted = emitted

    async def execute(self, context: TaskExecutionContext) -> dict[str, str]:
        """The id of the payload."""
        # An attempt that is known to have begun is adopted after a crash, and not begun anew.
        await context.keep_child(Child(ChildKind.EVENT, context.attempt, "emit").text)
        return await self._emit(context)

    async def adopt(self, context: TaskExecutionContext) -> dict[str, str]:
        """The same, of an attempt that a former engine began."""
        child = Child.parse(context.child)
        if child is None or child.attempt != context.attempt:
            raise AttemptLost(f"{context.task_def.task_id}: its attempt did not get anywhere.")
        return await self._emit(context)

    async def _emit(self, context: TaskExecutionContext) -> dict[str, str]:
        found: dict[str, str] = await attempt_with(self._desk(), context, self._work)
        return found

    async def _work(self, attempt: Attempt) -> dict[str, str]:
        given = attempt.rendered("pipeline", "event", "data")
        priority = attempt.task.metadata.get("priority")
        wish = PropelPayload(
            name=str(given["pipeline"]),
            event=str(given["event"]),
            data=given.get("data"),
            priority=None if priority is None else Priority[str(priority).upper()],
        )
        payload_id = await self._emitted(
            wish,
            f"workflow/{attempt.context.workflow_id}/{attempt.task.task_id}",
            attempt.context.idempotency_key,
        )
        return {"payload_id": payload_id}
