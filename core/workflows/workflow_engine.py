"""The light engine: workflows in memory, over the same machine as the durable orchestrator."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from datetime import datetime, timedelta

from ..base.calling import Threads, is_async
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import ValidationFault
from ..base.ids import new_id
from .driver import Driver
from .faults import DependencyError, WorkflowInvalid
from .light_runs import Execution, Handler, LightRuns, Listener
from .machine import Machine, Run
from .plan import Plan, plan_of
from .result import Metrics, WorkflowResult, metrics_of
from .statuses import ENDED
from .workflow import Workflow


class WorkflowEngine:
    """Runs workflows in memory, at most ``max_concurrent`` tasks of all of them at once.

    ``listener`` is told the engine's events; it must be quick, and what it raises is logged. One
    engine serves one event loop at a time.

    :raises ValidationFault: if ``max_concurrent`` is below 1.
    """

    def __init__(
        self,
        max_concurrent: int = 1,
        *,
        listener: Listener | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if max_concurrent < 1:
            raise ValidationFault(f"max_concurrent is at least 1, not {max_concurrent}.")
        self.max_concurrent = max_concurrent
        self._handlers: dict[str, tuple[Handler, bool]] = {}
        self._machine = Machine(max_concurrent)
        self._threads = Threads(max_concurrent)
        self._runs = LightRuns(self._machine, self._threads, listener)
        self._followed = listener is not None
        self._clock = clock
        self._driver: Driver | None = None

    def register_handler(self, task_type: str, handler: Handler) -> None:
        """Let ``handler`` run the tasks of ``task_type``; it replaces an earlier one."""
        self._handlers[task_type] = (handler, is_async(handler))

    def validate(self, workflow: Workflow) -> tuple[bool, str | None]:
        """Whether it can be run here, and if not, all that is wrong, missing handlers included."""
        _, message = workflow.validate()
        missing = [
            f"Task {task.task_id!r} has the type {task.task_type!r}, for which no handler is registered."
            for task in workflow.tasks.values()
            if task.task_type not in self._handlers
        ]
        text = " ".join([*([message] if message else []), *missing])
        return not text, text or None

    async def execute_workflow(self, workflow: Workflow) -> WorkflowResult:
        """Run a copy of ``workflow`` to its end. A failed task makes a failed result, no exception.

        Cancelling the call cancels the run, and waits until its tasks have ended.

        :raises WorkflowInvalid: if it can't be run; the message tells all faults.
        """
        execution, plan = self._compiled(workflow)
        driver = self._driver_here()
        run = self._machine.add(new_id(), plan, label=execution)
        begun = driver.now()
        self._machine.start(run, begun)
        self._runs.tell(run, "workflow.started")
        driver.changed()
        cut = await self._end_of(run, execution, driver)
        result = self._result(run, execution, begun, driver.now())
        for name, task in workflow.tasks.items():
            other = execution.workflow.tasks.get(name)
            if other is not None:
                task.show(other)
        if cut is not None:
            raise cut
        return result

    @staticmethod
    def get_task_metrics(result: WorkflowResult) -> Metrics:
        """The figures of a run, durations in seconds.

        total_duration, total_tasks, completed_tasks, failed_tasks, skipped_tasks, and if a task
        has run avg_task_duration, max_task_duration, min_task_duration.
        """
        return metrics_of(result)

    # ---- one run ---------------------------------------------------------------------------

    def _compiled(self, workflow: Workflow) -> tuple[Execution, Plan]:
        handlers = self._handlers
        try:
            plan = plan_of(workflow.needs)
            calls = [handlers[task.task_type] for task in workflow.tasks.values()]
        except (DependencyError, KeyError):
            _, message = self.validate(workflow)
            raise WorkflowInvalid(
                message or "It can't be run.", workflow=workflow.workflow_id
            ) from None
        execution = Execution(workflow, calls, self._clock)
        for name, task in workflow.tasks.items():
            if task.task_id != name:
                _, message = workflow.validate()
                raise WorkflowInvalid(message or name, workflow=workflow.workflow_id)
        return execution, plan

    def _driver_here(self) -> Driver:
        loop = asyncio.get_running_loop()
        driver = self._driver
        if driver is None or driver.loop is not loop:
            if self._machine.runs:
                raise ValidationFault(
                    "The engine is at work in another event loop; use one for each."
                )
            driver = Driver(
                self._machine,
                self._runs,
                followed=self._followed,
                monotonic=self._clock.monotonic,
            )
            self._driver = driver
        return driver

    async def _end_of(
        self, run: Run, execution: Execution, driver: Driver
    ) -> CancelledError | None:
        """Wait for the end; a cancellation on the way cancels the run, and is given back."""
        cut = None
        while not execution.done.done():
            try:
                await asyncio.shield(execution.done)
            except CancelledError as error:
                cut = error
                if run.status not in ENDED:
                    self._machine.cancel(run, driver.now())
                    driver.changed()
        return cut

    def _result(self, run: Run, execution: Execution, begun: float, ended: float) -> WorkflowResult:
        workflow, origin = execution.workflow, execution.origin
        return WorkflowResult(
            workflow.workflow_id,
            run.id,
            workflow.name,
            run.status,
            workflow.tasks,
            _at(origin, begun),
            _at(origin, ended),
            ended - begun,
        )


def _at(origin: datetime, seconds: float) -> datetime:
    return origin + timedelta(seconds=seconds)
