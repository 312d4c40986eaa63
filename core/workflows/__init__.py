"""Workflows: DAGs of tasks, durable, visible, controllable.

Names are loaded when they are first asked for: the dashboard's first paint needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..base.retry import RetryPolicy
    from .definition import OnFailure, TaskDefinition, WorkflowDefinition
    from .faults import DependencyError, ExecutionError, OrchestrationError
    from .light_runs import EngineEvent
    from .result import WorkflowResult
    from .statuses import TaskStatus, WorkflowStatus
    from .workflow import Task, Workflow
    from .workflow_engine import WorkflowEngine

_HOMES = {
    "DependencyError": "faults",
    "EngineEvent": "light_runs",
    "ExecutionError": "faults",
    "OnFailure": "definition",
    "OrchestrationError": "faults",
    "RetryPolicy": "definition",
    "Task": "workflow",
    "TaskDefinition": "definition",
    "TaskStatus": "statuses",
    "Workflow": "workflow",
    "WorkflowDefinition": "definition",
    "WorkflowEngine": "workflow_engine",
    "WorkflowResult": "result",
    "WorkflowStatus": "statuses",
}

__all__ = [
    "DependencyError",
    "EngineEvent",
    "ExecutionError",
    "OnFailure",
    "OrchestrationError",
    "RetryPolicy",
    "Task",
    "TaskDefinition",
    "TaskStatus",
    "Workflow",
    "WorkflowDefinition",
    "WorkflowEngine",
    "WorkflowResult",
    "WorkflowStatus",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
