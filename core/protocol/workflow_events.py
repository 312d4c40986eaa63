"""Events about workflows.

What happened to each task is in the workflow's own history; so those events are not journalled
twice. A front end that fell behind asks for the workflow again.
"""

from __future__ import annotations

from typing import ClassVar

from .event_payload import EventPayload
from .workflow_status import WorkflowStatus
from .workflow_views import TaskView, WorkflowView


class AboutWorkflow(EventPayload):
    """A payload about one workflow, with how it stands now."""

    workflow: WorkflowView

    def key(self) -> str:
        """The workflow's id."""
        return self.workflow.id


class WorkflowCreated(AboutWorkflow):
    """A workflow was created."""

    type: ClassVar[str] = "workflow.created"


class WorkflowChanged(AboutWorkflow):
    """A workflow's status changed, by itself or by a command; the old one is the true former one."""

    type: ClassVar[str] = "workflow.changed"
    old_status: WorkflowStatus


class WorkflowProgress(AboutWorkflow):
    """A workflow's tasks went on."""

    type: ClassVar[str] = "workflow.progress"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True


class TaskChanged(EventPayload):
    """A task of a workflow changed; ``task.version`` tells its place among all changes."""

    type: ClassVar[str] = "workflow.task"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True
    workflow_id: str
    task: TaskView

    def key(self) -> str:
        """The workflow's id and the task's."""
        return f"{self.workflow_id}/{self.task.id}"


class TaskOutput(EventPayload):
    """An attempt's log has grown to ``size`` bytes."""

    type: ClassVar[str] = "workflow.output"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True
    workflow_id: str
    task_id: str
    attempt: int
    size: int

    def key(self) -> str:
        """The attempt's identity."""
        return f"{self.workflow_id}/{self.task_id}/{self.attempt}"


class WorkflowDeleted(EventPayload):
    """A workflow was removed."""

    type: ClassVar[str] = "workflow.deleted"
    workflow_id: str
    name: str

    def key(self) -> str:
        """The workflow's id."""
        return self.workflow_id


WORKFLOW_EVENTS: tuple[type[EventPayload], ...] = (
    WorkflowCreated, WorkflowChanged, WorkflowProgress, TaskChanged, TaskOutput, WorkflowDeleted,
)  # fmt: skip
"""The payloads of this module."""
