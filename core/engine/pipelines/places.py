"""Where attempts of handlers were done: their sessions and agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from ...base.errors import QuarterdeckError
from ...pipelines.ports import Order
from ...protocol.commands import DeleteSession
from ...protocol.events import Cause
from ...protocol.workflow_commands import ShowWorkflow
from ...protocol.workflow_views import TaskView
from ..workflows.service import WorkflowService

DEEPEST = 50
"""So many workflows may lie in each other between a payload and what is emitted."""


def _none(_workflow_id: str) -> list[str]:
    return []


class Places:
    """Asked of the workflows that were those attempts."""

    def __init__(self, workflows: WorkflowService) -> None:
        self._workflows = workflows
        self.sessions_of: Callable[[str], list[str]] = _none
        """The sessions in which the attempts of a workflow were done."""

    async def of(self, workflow_id: str | None) -> tuple[str | None, str]:
        """The session in which an agent works, or worked, on it; and the agent that was chosen for it."""
        tasks = await self._tasks(workflow_id)
        sessions = [task.session_id for task in tasks if task.session_id is not None]
        sessions += [] if workflow_id is None else self.sessions_of(workflow_id)
        agents = [task.agent for task in tasks if task.kind == "agent"]
        return next(iter(sessions), None), agents[0] if len(agents) == 1 else ""

    async def payload_behind(self, workflow_id: str) -> str | None:
        """The payload whose handler started a workflow, or the one that this is nested in."""
        here = workflow_id
        for _ in range(DEEPEST):
            record = await self._workflows.states.store.workflow(here)
            kind, _, rest = ("" if record is None else record.parent or "").partition("/")
            if kind == "payload":
                return rest.partition("/")[0]
            if not rest:
                return None
            here = kind
        return None

    async def tidy(self, order: Order) -> None:
        """Remove the ended sessions of earlier attempts: the newest one's alone stays to be looked at."""
        found = self._workflows.surroundings
        if found is None or found.sessions is None:
            return
        for attempt in order.entry.attempts:
            is_earlier = attempt.number < order.attempt.number
            if attempt.handler != order.handler.name or not is_earlier:
                continue
            for session_id in self.sessions_of(attempt.workflow_id or ""):
                with suppress(QuarterdeckError):  # it is gone, or in use
                    if not found.sessions.view(session_id).living:
                        await found.sessions.delete(DeleteSession(session_id=session_id), Cause())

    async def _tasks(self, workflow_id: str | None) -> Sequence[TaskView]:
        if workflow_id is None:
            return ()
        try:
            return (
                await self._workflows.reading.whole(ShowWorkflow(workflow_id=workflow_id))
            ).tasks
        except QuarterdeckError:  # it has not been created yet, or is gone
            return ()
