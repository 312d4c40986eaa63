"""A machine with one run, and words for what happens to it."""

from __future__ import annotations

from random import Random
from typing import Any

from quarterdeck.core.workflows.definition import TaskDefinition, WorkflowDefinition
from quarterdeck.core.workflows.machine import (
    Machine,
    Outcome,
    Run,
    StopReason,
)
from quarterdeck.core.workflows.plan import compile_plan
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus

S = TaskStatus
W = WorkflowStatus
FAILED, LOST, STOPPED, CONDITION = (
    Outcome.FAILED, Outcome.LOST, Outcome.STOPPED, Outcome.CONDITION,
)  # fmt: skip


def task(task_id: str, *needs: str, **rules: Any) -> TaskDefinition:
    return TaskDefinition(task_id, "agent", "x", needs, **rules)


class Bench:
    """A machine with one run that has begun, and words for what happens to it."""

    def __init__(
        self,
        *tasks: TaskDefinition,
        limit: int | None = None,
        deadlines: dict[str, float] | None = None,
        machine: Machine | None = None,
        run_id: str = "w",
        **rules: Any,
    ) -> None:
        self.machine = machine or Machine(limit, ageing=60.0, random=Random(1))  # noqa: S311  # the same at every run
        self.plan = compile_plan(WorkflowDefinition("w", tasks, **rules))
        self.run: Run = self.machine.add(
            run_id,
            self.plan,
            deadlines={self.plan.index[name]: at for name, at in (deadlines or {}).items()},
        )
        self.machine.start(self.run, 0.0)

    def begun(self, now: float = 0.0) -> list[str]:
        names = []
        while (start := self.machine.take(now)) is not None:
            names.append(start[0].plan.ids[start[1]])
        return names

    def end(self, name: str, outcome: Outcome = Outcome.SUCCEEDED, now: float = 0.0) -> bool:
        at = self.plan.index[name]
        attempt = self.run.attempts[at]
        return self.machine.ended(self.run, at, attempt, outcome, now, error_type="Boom")

    def statuses(self) -> dict[str, str]:
        return {name: str(self.run.tasks[at]) for name, at in self.plan.index.items()}

    def status(self, name: str) -> TaskStatus:
        return self.run.tasks[self.plan.index[name]]

    def why(self, name: str) -> str | None:
        return self.run.error_types.get(self.plan.index[name])

    def stops(self) -> list[tuple[str, StopReason]]:
        return [(self.plan.ids[one.task], one.reason) for one in self.machine.drain().stops]
