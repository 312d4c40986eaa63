"""What all executors of one orchestrator share."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ...base.errors import QuarterdeckError
from ...telemetry.redaction import HIDDEN, SHORTEST
from ..context import ConditionFalse, TaskExecutionContext
from ..definition import TaskDefinition
from ..files.executing import scope_of, wanted
from ..files.templates import Scope
from ..orchestrator import WorkflowOrchestrator
from ..ports import WorkflowStore
from ..records import WorkflowChange
from ..statuses import TaskStatus
from .children import Child
from .surroundings import Surroundings


class Desk:
    """The orchestrator, its store and the surroundings, with what is done beside the attempts."""

    def __init__(self, orchestrator: WorkflowOrchestrator, surroundings: Surroundings) -> None:
        self.orchestrator = orchestrator
        self.surroundings = surroundings
        self._errands: set[asyncio.Task[None]] = set()
        self._to_forget: dict[tuple[str, str, str], str] = {}
        orchestrator.at_close(self._close)

    @property
    def store(self) -> WorkflowStore:
        """Where the instances are kept."""
        return self.orchestrator.state_manager.store

    def now(self) -> datetime:
        """The time of day."""
        return self.surroundings.clock.now()

    async def keep(self, *changes: WorkflowChange) -> None:
        """Make changes durable that belong to no task's state."""
        await self.store.commit(changes)

    # ---- values for the templates --------------------------------------------------------------

    async def scope(self, context: TaskExecutionContext) -> Scope:
        """The values for the templates of an attempt, with true statuses of what it needs.

        :raises ConditionFalse: if the task is not wanted.
        """
        needs = _needs(context)
        completed = {one["task_id"] for one in context.previous_results}
        statuses = {
            name: await self._status(context.workflow_id, name)
            for name in needs
            if name not in completed
        }
        scope = scope_of(
            context,
            statuses=statuses,
            outputs=await self._outputs(context, needs),
            environment=self.surroundings.environment,
        )
        scope = replace(scope, secrets=frozenset(_pieces(scope.secrets)))
        if not wanted(context.task_def, scope):
            raise ConditionFalse(f"The condition of {context.task_def.task_id} is false.")
        return scope

    async def _status(self, workflow_id: str, task_id: str) -> str:
        row = await self.store.task(workflow_id, task_id)
        return str(TaskStatus.SKIPPED if row is None else row.status)

    async def _outputs(
        self, context: TaskExecutionContext, needs: list[str]
    ) -> dict[str, dict[str, str]]:
        """Paths of the files that the needed tasks left, the newest attempt's."""
        if not needs or "outputs" not in json.dumps(dict(context.task_def.metadata)):
            return {}
        found: dict[str, dict[str, str]] = {}
        for record in await self.store.artifacts(context.workflow_id):
            if record.task_id in needs:
                path = str(self.surroundings.artifacts / record.path)
                found.setdefault(record.task_id, {})[record.name] = path
        return found

    def hider(self, scope: Scope) -> Callable[[str], str]:
        """What takes the secrets of an attempt out of text."""
        known = sorted(scope.secrets, key=len, reverse=True)
        redactor = self.surroundings.redactor

        def hide(text: str) -> str:
            for secret in known:
                text = text.replace(secret, HIDDEN)
            return redactor.text(text)

        return hide

    # ---- afterwards ------------------------------------------------------------------------

    def errand(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do something beside the attempts; it is over before the orchestrator is closed."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def forget_later(self, context: TaskExecutionContext, child: Child) -> None:
        """Let the back end forget an attempt as soon as its end is on disk."""
        key = context.workflow_id, context.task_def.task_id, child.text
        self._to_forget[key] = child.place
        self.errand(self._forget(), "attempt-forget")

    async def _forget(self) -> None:
        await asyncio.sleep(0)
        await self.orchestrator.settled()
        for key, place in list(self._to_forget.items()):
            workflow_id, task_id, text = key
            with contextlib.suppress(QuarterdeckError):
                row = await self.store.task(workflow_id, task_id)
                if row is not None and row.status is TaskStatus.RUNNING and row.child == text:
                    continue  # its end is not on disk yet; whoever comes next looks again
                if self._to_forget.pop(key, None) is not None:
                    await self.surroundings.backend.forget(place)

    async def _close(self) -> None:
        while self._errands:
            await asyncio.gather(*self._errands, return_exceptions=True)
        if self._to_forget:
            await self._forget()


def _needs(context: TaskExecutionContext) -> list[str]:
    task = context.task_def
    return list(dict.fromkeys([*task.dependencies, *task.metadata.get("needs", ())]))


def _pieces(secrets: frozenset[str]) -> set[str]:
    """Secrets of several lines are hidden line by line, too: logs are written so."""
    lines = {line.strip() for secret in secrets for line in secret.splitlines()}
    return {one for one in {*secrets, *lines} if len(one) >= min(SHORTEST, 4)}


def named(task: TaskDefinition) -> Mapping[str, Any]:
    """What the task's file says of the workflow itself."""
    found: Mapping[str, Any] = task.metadata.get("workflow", {})
    return found
