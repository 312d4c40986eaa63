"""Workflows: DAGs of tasks, durable, visible, controllable."""

from ..base.retry import RetryPolicy
from .definition import OnFailure, TaskDefinition, WorkflowDefinition
from .handoff import HandoffContext, HandoffProtocol, HandoffStatus, HandoffValidationError
from .state_faults import StateManagerError, StateNotFoundError
from .state_manager import StateManager
from .states import TaskState, WorkflowState
from .statuses import TaskStatus, WorkflowStatus

__all__ = [
    "HandoffContext",
    "HandoffProtocol",
    "HandoffStatus",
    "HandoffValidationError",
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
