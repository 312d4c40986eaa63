"""What the state of workflows can refuse: one class for each cause."""

from __future__ import annotations

from ..base.errors import Category, QuarterdeckError


class StateManagerError(QuarterdeckError):
    """The state of a workflow could not be kept, read or changed."""


class StateNotFoundError(StateManagerError):
    """Something that was asked for is not kept."""

    category = Category.BUSINESS


class WorkflowUnknown(StateNotFoundError):
    """No workflow has this id."""

    code = "workflow_unknown"

    @classmethod
    def of(cls, workflow_id: str) -> WorkflowUnknown:
        """The fault for ``workflow_id``."""
        return cls(f"No workflow has the id {workflow_id!r}.", workflow_id=workflow_id)


class TaskUnknown(StateNotFoundError):
    """The workflow has no task of this id."""

    code = "task_unknown"

    @classmethod
    def of(cls, workflow_id: str, task_id: str) -> TaskUnknown:
        """The fault for ``task_id`` of ``workflow_id``."""
        return cls(
            f"The workflow {workflow_id} has no task {task_id!r}.",
            workflow_id=workflow_id,
            task_id=task_id,
        )


class VersionUnknown(StateNotFoundError):
    """The workflow never had this version."""

    code = "version_unknown"

    @classmethod
    def of(cls, workflow_id: str, version: int, newest: int) -> VersionUnknown:
        """The fault for ``version``, where ``newest`` is the last one."""
        return cls(
            f"The workflow {workflow_id} has no version {version}; its versions are 1 to {newest}.",
            workflow_id=workflow_id,
            version=version,
        )


class WorkflowExists(StateManagerError):
    """A workflow of this id is kept already."""

    code = "workflow_exists"
    category = Category.BUSINESS


class TaskExists(StateManagerError):
    """The workflow has a task of this id already."""

    code = "task_exists"
    category = Category.BUSINESS

    @classmethod
    def of(cls, workflow_id: str, task_id: str) -> TaskExists:
        """The fault for a second ``task_id`` of ``workflow_id``."""
        return cls(
            f"The workflow {workflow_id} has two tasks {task_id!r}; each needs an id of its own.",
            workflow_id=workflow_id,
            task_id=task_id,
        )


class StateInvalid(StateManagerError):
    """A value can't be kept: it is no JSON, or a stamp without a time zone."""

    code = "state_invalid"
    category = Category.VALIDATION


class StateConflict(StateManagerError):
    """Others change the workflow all the time, and no change of this caller came through."""

    code = "state_conflict"
    category = Category.BUSINESS


class TasksRunning(StateManagerError):
    """Tasks of the workflow run, so it can be neither rolled back nor removed."""

    code = "tasks_running"
    category = Category.BUSINESS


class WorkflowHeld(StateManagerError):
    """An engine drives the workflow, so nobody else may roll it back or remove it."""

    code = "workflow_held"
    category = Category.BUSINESS


class StateNotKept(StateManagerError):
    """The store failed; its own code is in the details as ``cause``."""

    code = "state_not_kept"
    category = Category.RESOURCE

    @classmethod
    def because(cls, fault: QuarterdeckError) -> StateNotKept:
        """The fault for what the store reported."""
        return cls(fault.message, cause=fault.code, **fault.details)
