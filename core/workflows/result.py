"""What a run of the light engine came to, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .statuses import TaskStatus, WorkflowStatus
from .workflow import Task

Metrics = dict[str, float | int]

_RAN = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})


@dataclass(frozen=True, slots=True)
class WorkflowResult:
    """One run. ``tasks`` are those of the run; ``total_duration`` is in seconds.

    ``status`` is completed, failed or cancelled.
    """

    workflow_id: str
    run_id: str
    name: str
    status: WorkflowStatus
    tasks: dict[str, Task]
    start_time: datetime
    end_time: datetime
    total_duration: float

    @property
    def success(self) -> bool:
        """Whether it completed."""
        return self.status is WorkflowStatus.COMPLETED

    @property
    def results(self) -> dict[str, Any]:
        """What the handlers of completed tasks returned."""
        done = TaskStatus.COMPLETED
        return {name: task.result for name, task in self.tasks.items() if task.status is done}

    @property
    def errors(self) -> dict[str, str]:
        """Why tasks failed."""
        return {name: task.error for name, task in self.tasks.items() if task.error is not None}

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, the metrics included."""
        return {
            "workflow_id": self.workflow_id,
            "run_id": self.run_id,
            "name": self.name,
            "status": str(self.status),
            "start_time": self.start_time.isoformat(),
            "end_time": self.end_time.isoformat(),
            "tasks": {name: task.to_dict() for name, task in self.tasks.items()},
            "metrics": metrics_of(self),
        }


def metrics_of(result: WorkflowResult) -> Metrics:
    """The figures of a run; those of task durations only if a task has run. Seconds."""
    tasks = result.tasks.values()
    counts = {
        "completed_tasks": sum(task.status is TaskStatus.COMPLETED for task in tasks),
        "failed_tasks": sum(task.status is TaskStatus.FAILED for task in tasks),
        "skipped_tasks": sum(task.status is TaskStatus.SKIPPED for task in tasks),
    }
    found: Metrics = {"total_duration": result.total_duration, "total_tasks": len(tasks), **counts}
    ran = [task.get_duration() for task in tasks if task.status in _RAN]
    spans = [span for span in ran if span is not None]
    if spans:
        found["avg_task_duration"] = sum(spans) / len(spans)
        found["max_task_duration"] = max(spans)
        found["min_task_duration"] = min(spans)
    return found
