"""Workflows: DAGs of tasks, durable, visible, controllable."""

from ..base.retry import RetryPolicy
from .definition import OnFailure, TaskDefinition, WorkflowDefinition
from .state_faults import StateManagerError, StateNotFoundError
from .state_manager import StateManager
from .states import TaskState, WorkflowState
from .statuses import TaskStatus, WorkflowStatus

__all__ = [
    "OnFailure",
    "RetryPolicy",
    "StateManager",
    "StateManagerError",
    "StateNotFoundError",
    "TaskDefinition",
    "TaskState",
    "TaskStatus",
    "WorkflowDefinition",
    "WorkflowState",
    "WorkflowStatus",
]
