"""The runs of the light engine: calling handlers, showing what became of tasks, telling events."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ..base.calling import Threads
from ..base.clock import Clock
from ..base.errors import ValidationFault
from ..base.logs import warn
from .context import FanOut
from .machine import Drained, Machine, Outcome, Run, StopReason
from .statuses import TaskStatus
from .workflow import Config, Task, Workflow, copier_of

Handler = Callable[[Config, Workflow], Any]
"""Takes a copy of the task's config and the run's workflow; sync (in a thread) or async."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something that happened in a run: ``task.started``, ``task.completed``, ``workflow.failed`` ...

    ``task_id`` is ``None`` for those of the workflow.
    """

    name: str
    workflow_id: str
    run_id: str
    task_id: str | None = None
    error: str | None = None


Listener = Callable[[EngineEvent], None]


class Execution:
    """One run: the workflow that its handlers see, and how each task is called."""

    __slots__ = ("calls", "copiers", "done", "origin", "tasks", "workflow")

    def __init__(self, workflow: Workflow, calls: list[tuple[Handler, bool]], clock: Clock) -> None:
        self.calls = calls
        copies = {name: task.copy() for name, task in workflow.tasks.items()}
        self.workflow = Workflow(workflow.workflow_id, workflow.name, copies)
        self.tasks = list(copies.values())
        self.copiers = [copier_of(task.config) for task in self.tasks]
        for task, copier in zip(self.tasks, self.copiers, strict=True):
            task.config = copier(task.config)
        self.origin = clock.now() - timedelta(seconds=clock.monotonic())
        self.done: Future[None] = asyncio.get_running_loop().create_future()


class LightRuns:
    """What the driver asks about the runs of one engine."""

    fans_out = False

    def __init__(self, machine: Machine, threads: Threads, listener: Listener | None) -> None:
        self._machine = machine
        self._threads = threads
        self._listener = listener

    def begin(self, run: Run, task: int, attempt: int) -> Awaitable[Any]:
        """Call the handler."""
        execution: Execution = run.label
        mine = execution.tasks[task]
        mine.status = TaskStatus.RUNNING
        if self._listener is not None:
            self.tell(run, "task.started", task)
        config = execution.copiers[task](mine.config)
        handler, asynchronous = execution.calls[task]
        if asynchronous:
            awaitable: Awaitable[Any] = handler(config, execution.workflow)
            return awaitable
        return self._threads.call(handler, config, execution.workflow)

    def succeeded(self, run: Run, task: int, attempt: int, result: Any) -> None:
        """Let those that run later see the result.

        :raises ValidationFault: for a fan-out: a light workflow's tasks are what they are.
        """
        if type(result) is FanOut:
            raise ValidationFault("The light engine has no fan-outs; use WorkflowOrchestrator.")
        mine = run.label.tasks[task]
        mine.result = result
        mine.status = TaskStatus.COMPLETED

    def failed(
        self, run: Run, task: int, attempt: int, error: BaseException
    ) -> tuple[Outcome, str, bool]:
        """Keep the error's type and message."""
        mine: Task = run.label.tasks[task]
        mine.error = described(error)
        warn(
            _log,
            "Task %s of workflow %s failed: %s",
            mine.task_id,
            run.label.workflow.workflow_id,
            mine.error,
            error=error,
        )
        mine.status = TaskStatus.FAILED
        return Outcome.FAILED, type(error).__name__, True

    def stopped(self, run: Run, task: int, attempt: int, reason: StopReason | None) -> None:
        """Say that it was cancelled."""
        mine: Task = run.label.tasks[task]
        mine.error = "CancelledError: the run was cancelled"
        mine.status = TaskStatus.CANCELLED

    def expanded(self, run: Run, task: int, result: FanOut, children: Sequence[int]) -> None:
        """Nothing: there are no fan-outs here."""

    def after(self, drained: Drained) -> None:
        """Show in the tasks what became of them, tell the listener, end the runs."""
        for run, tasks in drained.changed:
            mine = run.label.tasks
            for task in tasks:
                mine[task].status = run.tasks[task]
                if self._listener is not None:
                    self.tell(run, f"task.{_EVENTS.get(run.tasks[task], '')}", task)
        for run in drained.ended:
            execution: Execution = run.label
            self._show(run, execution)
            self._machine.forget(run)
            self.tell(run, f"workflow.{run.status}")
            if not execution.done.done():
                execution.done.set_result(None)

    def _show(self, run: Run, execution: Execution) -> None:
        origin = execution.origin
        statuses, started, ended = run.tasks, run.started, run.ended
        for at, task in enumerate(execution.tasks):
            task.status = statuses[at]
            task.set_span(origin, started[at], ended[at])

    def tell(self, run: Run, name: str, task: int | None = None) -> None:
        """Tell the listener, if there is one; what it raises is logged."""
        if self._listener is None or name == "task.":
            return
        execution: Execution = run.label
        event = EngineEvent(name, execution.workflow.workflow_id, run.id)
        if task is not None:
            mine = execution.tasks[task]
            event = replace(event, task_id=mine.task_id, error=mine.error)
        try:
            self._listener(event)
        except Exception as error:  # noqa: BLE001  # a listener's fault is not the run's
            warn(_log, "The listener failed on %s.", name, error=error)


_EVENTS = {
    TaskStatus.COMPLETED: "completed",
    TaskStatus.FAILED: "failed",
    TaskStatus.SKIPPED: "skipped",
    TaskStatus.CANCELLED: "cancelled",
}


def described(error: BaseException) -> str:
    """The exception's type and message."""
    return f"{type(error).__name__}: {error}"
