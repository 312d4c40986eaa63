"""What can be wrong with a workflow, or go wrong in one."""

from __future__ import annotations

from ..base.errors import BusinessFault, ValidationFault


class OrchestrationError(BusinessFault):
    """A workflow could not be run to a good end."""

    code = "workflow_failed"


class ExecutionError(OrchestrationError):
    """A task could not be executed."""

    code = "task_failed"


class ExecutorMissing(ExecutionError):
    """A task's ``agent_type`` names no registered executor."""

    code = "executor_missing"


class WorkflowBusy(OrchestrationError):
    """The workflow runs already, or another engine holds it."""

    code = "workflow_busy"


class WorkflowUnderWay(OrchestrationError):
    """The workflow has not ended, and what was asked for needs one that has."""

    code = "workflow_under_way"


class DependencyError(OrchestrationError, ValidationFault):
    """The tasks of a workflow and what they need are no graph that can be run."""

    code = "workflow_graph"


class WorkflowInvalid(ValidationFault):
    """A workflow of the light engine that can't be executed."""

    code = "workflow_invalid"
