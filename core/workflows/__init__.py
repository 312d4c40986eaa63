"""Workflows: DAGs of tasks, durable, visible, controllable.

Names are loaded when they are first asked for: the dashboard's first paint needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..base.retry import RetryPolicy
    from .agent_session import AgentSession, SessionsMissing, Turn
    from .context import AttemptLost, ConditionFalse, FanOut, PermanentFailure, TaskExecutionContext
    from .definition import OnFailure, TaskDefinition, WorkflowDefinition
    from .faults import DependencyError, ExecutionError, OrchestrationError
    from .handoff import HandoffContext, HandoffProtocol, HandoffStatus, HandoffValidationError
    from .light_runs import EngineEvent
    from .orchestrator import WorkflowOrchestrator
    from .result import WorkflowResult
    from .state_faults import StateManagerError, StateNotFoundError
    from .state_manager import StateManager
    from .states import TaskState, WorkflowState, WorkflowSummary
    from .statuses import TaskStatus, WorkflowStatus
    from .workflow import Task, Workflow
    from .workflow_engine import WorkflowEngine

_HOMES = {
    "AgentSession": "agent_session",
    "AttemptLost": "context",
    "ConditionFalse": "context",
    "DependencyError": "faults",
    "EngineEvent": "light_runs",
    "ExecutionError": "faults",
    "FanOut": "context",
    "HandoffContext": "handoff",
    "HandoffProtocol": "handoff",
    "HandoffStatus": "handoff",
    "HandoffValidationError": "handoff",
    "OnFailure": "definition",
    "OrchestrationError": "faults",
    "PermanentFailure": "context",
    "RetryPolicy": "definition",
    "StateManager": "state_manager",
    "StateManagerError": "state_faults",
    "StateNotFoundError": "state_faults",
    "SessionsMissing": "agent_session",
    "Task": "workflow",
    "TaskDefinition": "definition",
    "TaskExecutionContext": "context",
    "TaskState": "states",
    "TaskStatus": "statuses",
    "Turn": "agent_session",
    "Workflow": "workflow",
    "WorkflowDefinition": "definition",
    "WorkflowEngine": "workflow_engine",
    "WorkflowOrchestrator": "orchestrator",
    "WorkflowResult": "result",
    "WorkflowState": "states",
    "WorkflowStatus": "statuses",
    "WorkflowSummary": "states",
}

__all__ = [
    "AgentSession",
    "AttemptLost",
    "ConditionFalse",
    "DependencyError",
    "EngineEvent",
    "ExecutionError",
    "FanOut",
    "HandoffContext",
    "HandoffProtocol",
    "HandoffStatus",
    "HandoffValidationError",
    "OnFailure",
    "OrchestrationError",
    "PermanentFailure",
    "RetryPolicy",
    "SessionsMissing",
    "StateManager",
    "StateManagerError",
    "StateNotFoundError",
    "Task",
    "TaskDefinition",
    "TaskExecutionContext",
    "TaskState",
    "TaskStatus",
    "Turn",
    "Workflow",
    "WorkflowDefinition",
    "WorkflowEngine",
    "WorkflowOrchestrator",
    "WorkflowResult",
    "WorkflowState",
    "WorkflowStatus",
    "WorkflowSummary",
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
