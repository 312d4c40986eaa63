"""The light engine's workflow: tasks by name, and what a run left in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, TypeVar

from . import graph
from .faults import DependencyError, WorkflowInvalid
from .statuses import TaskStatus

Config = dict[str, Any]
T = TypeVar("T")

_FLAT = frozenset({str, int, float, bool, type(None), bytes, complex})


class Task:
    """One task. What stands below ``dependencies`` is a view of its latest run, which no run reads.

    ``start_time`` and ``end_time`` are aware UTC; ``error`` is the exception's type and message.
    """

    __slots__ = (
        "_origin", "began", "config", "dependencies", "error", "finished", "name", "result",
        "status", "task_id", "task_type",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917  # the document gives them by position
        self,
        task_id: str,
        name: str,
        task_type: str,
        config: Config | None = None,
        dependencies: list[str] | None = None,
        status: TaskStatus = TaskStatus.PENDING,
        result: Any = None,
        error: str | None = None,
    ) -> None:
        self.task_id = task_id
        self.name = name
        self.task_type = task_type
        self.config = {} if config is None else config
        self.dependencies = [] if dependencies is None else dependencies
        self.status = status
        self.result = result
        self.error = error
        self.began: float | None = None
        self.finished: float | None = None
        self._origin: datetime | None = None

    def __repr__(self) -> str:
        return f"Task({self.task_id!r}, {self.name!r}, {self.task_type!r}, status={self.status!s})"

    @property
    def start_time(self) -> datetime | None:
        """When its latest run began it."""
        return self._stamp(self.began)

    @property
    def end_time(self) -> datetime | None:
        """When it ended in its latest run."""
        return self._stamp(self.finished)

    def get_duration(self) -> float | None:
        """Seconds from begin to end on the monotonic clock; ``None`` unless it has run and ended."""
        if self.began is None or self.finished is None:
            return None
        return self.finished - self.began

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values; the result as the handler gave it."""
        began, ended = self.start_time, self.end_time
        return {
            "task_id": self.task_id,
            "name": self.name,
            "task_type": self.task_type,
            "dependencies": list(self.dependencies),
            "status": str(self.status),
            "result": self.result,
            "error": self.error,
            "start_time": began and began.isoformat(),
            "end_time": ended and ended.isoformat(),
            "duration": self.get_duration(),
        }

    def copy(self) -> Task:
        """One like it, that has not run."""
        return Task(self.task_id, self.name, self.task_type, self.config, self.dependencies)

    def show(self, other: Task) -> None:
        """Show what became of ``other``."""
        self.status = other.status
        self.result = other.result
        self.error = other.error
        self.began = other.began
        self.finished = other.finished
        self._origin = other._origin

    def set_span(self, origin: datetime, began: float | None, finished: float | None) -> None:
        """When it ran: monotonic seconds, and the time of day at their zero."""
        self._origin = origin
        self.began = began
        self.finished = finished

    def _stamp(self, at: float | None) -> datetime | None:
        if at is None or self._origin is None:
            return None
        return self._origin + timedelta(seconds=at)


class Workflow:
    """Tasks by their ids, and what they depend on."""

    __slots__ = ("name", "tasks", "workflow_id")

    def __init__(self, workflow_id: str, name: str, tasks: dict[str, Task] | None = None) -> None:
        self.workflow_id = workflow_id
        self.name = name
        self.tasks = {} if tasks is None else tasks

    def __repr__(self) -> str:
        return f"Workflow({self.workflow_id!r}, {self.name!r}, {len(self.tasks)} tasks)"

    @property
    def needs(self) -> dict[str, list[str]]:
        """For each task what it depends on."""
        return {task_id: task.dependencies for task_id, task in self.tasks.items()}

    def validate(self) -> tuple[bool, str | None]:
        """Whether it can be run, and if not, all that is wrong with it."""
        faults = [fault.message for fault in graph.find_faults(self.needs)] + [
            f"Task {task.task_id!r} stands under the name {name!r}."
            for name, task in self.tasks.items()
            if task.task_id != name
        ]
        return not faults, " ".join(faults) or None

    def get_execution_order(self) -> list[str]:
        """Each task behind what it depends on, otherwise as given.

        :raises WorkflowInvalid: if it can't be run.
        """
        return self._asked(graph.order)

    def get_task_levels(self) -> dict[str, int]:
        """For each task the length of the longest chain before it; 0 without dependencies.

        :raises WorkflowInvalid: if it can't be run.
        """
        return self._asked(graph.levels)

    def _asked(self, asked: Callable[[Mapping[str, list[str]]], T]) -> T:
        try:
            return asked(self.needs)
        except DependencyError as error:
            raise WorkflowInvalid(error.message) from error


def copier_of(config: Config) -> Callable[[Config], Config]:
    """The cheapest way to copy ``config`` whole."""
    if all(type(value) in _FLAT for value in config.values()):
        return dict
    return deepcopy
