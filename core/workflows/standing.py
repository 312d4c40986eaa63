"""How an instance's tasks stood at a moment, made into what programs read when they look at it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from .definition import TaskDefinition, WorkflowDefinition
from .machine import Run
from .states import TaskState
from .statuses import TaskStatus

_COMPLETED = TaskStatus.COMPLETED

WITH_ERROR = frozenset(
    {TaskStatus.FAILED, TaskStatus.SKIPPED, TaskStatus.CANCELLED, TaskStatus.RETRYING}
)
"""Where a task's error is its own, and not left from an earlier attempt."""


class Driven(Protocol):
    """What an instance says of its tasks; lists are by task."""

    definition: WorkflowDefinition
    tasks: list[TaskDefinition]
    openings: list[str]
    texts: list[str | None]
    errors: dict[int, str]
    started_at: list[str | None]
    ended_at: list[str | None]
    logs: dict[int, str]

    @property
    def run(self) -> Run:
        """The machine's run."""
        ...


class Standing:
    """Copies of what an instance says of its tasks; what happens to it later changes nothing here."""

    def __init__(self, instance: Driven) -> None:
        run = instance.run
        self._own = len(instance.definition.tasks)
        self._given = instance.tasks[: len(instance.openings)]
        self._statuses, self._attempts = run.tasks[:], run.attempts[:]
        self._losses, self._error_types = run.losses.copy(), run.error_types.copy()
        self._texts, self._errors = instance.texts[:], instance.errors.copy()
        self._started, self._ended = instance.started_at[:], instance.ended_at[:]
        self._logs = instance.logs.copy()

    def tasks(self) -> dict[str, TaskState]:
        """The tasks by id."""
        return {one.task_id: self._task(at) for at, one in enumerate(self._given)}

    def _task(self, task: int) -> TaskState:
        given, status = self._given[task], self._statuses[task]
        text = self._texts[task] if status is _COMPLETED else None
        errors = status in WITH_ERROR
        return TaskState(
            given.task_id,
            given.agent_id,
            given.agent_type,
            status,
            # children of fan-outs come after the workflow's own, and show no dependencies
            tuple(given.dependencies) if task < self._own else (),
            None if text is None else json.loads(text),
            text is not None,
            self._errors.get(task) if errors else None,
            self._error_types.get(task) if errors else None,
            self._attempts[task],
            self._losses.get(task, 0),
            _stamp(self._started[task]),
            _stamp(self._ended[task]),
            None,
            self._logs.get(task),
        )


class Shown(Mapping[str, TaskState]):
    """Tasks by id, made when somebody looks at them: most that wait for an end look at its status."""

    def __init__(self, standing: Standing) -> None:
        self._standing: Standing | None = standing
        self._tasks: dict[str, TaskState] = {}

    def __getitem__(self, task_id: str) -> TaskState:
        return self._made()[task_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made())

    def __len__(self) -> int:
        return len(self._made())

    def __repr__(self) -> str:
        return repr(self._made())

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self._made(),)

    def _made(self) -> dict[str, TaskState]:
        if self._standing is not None:
            self._tasks = self._standing.tasks()
            self._standing = None
        return self._tasks


def _stamp(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
