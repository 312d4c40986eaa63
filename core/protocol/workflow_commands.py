"""Commands about workflows."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from .payload import Payload
from .rules import TEXT_LIMIT, Id
from .workflow_status import WorkflowStatus

TaskId = Annotated[str, Field(min_length=1, max_length=300)]
Version = Annotated[int, Field(ge=1)]


class OnWorkflow(Payload):
    """A payload about one workflow."""

    workflow_id: Id


class OnTask(OnWorkflow):
    """A payload about one task of a workflow."""

    task_id: TaskId


class CreateWorkflow(Payload):
    """Create a workflow from a file on the engine's machine, and start it unless told not to.

    ``inputs`` are values, or text to be read as the file's types say. ``cwd`` is where it works and
    what paths are counted from: the file's directory unless given. ``approve`` answers gates ahead:
    by task, ``*`` for all others, with a choice's key.
    """

    type: ClassVar[str] = "workflow.create"
    file: Annotated[str, Field(min_length=1, max_length=4096)]
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    cwd: str | None = None
    start: bool = True
    approve: dict[str, str] = Field(default_factory=dict)


class ListWorkflows(Payload):
    """Workflows, newest first."""

    type: ClassVar[str] = "workflow.list"
    statuses: tuple[WorkflowStatus, ...] = ()
    name: str | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100


class ShowWorkflow(OnWorkflow):
    """One workflow with all its tasks; as of ``version`` if given."""

    type: ClassVar[str] = "workflow.show"
    version: Version | None = None


class StartWorkflow(OnWorkflow):
    """Begin a workflow that is pending, or go on with a paused one."""

    type: ClassVar[str] = "workflow.start"


class PauseWorkflow(OnWorkflow):
    """Begin nothing more; running attempts end by themselves, or at once with ``interrupt``."""

    type: ClassVar[str] = "workflow.pause"
    interrupt: bool = False


class ResumeWorkflow(OnWorkflow):
    """Go on with exactly what is left."""

    type: ClassVar[str] = "workflow.resume"


class CancelWorkflow(OnWorkflow):
    """Stop what runs, and end; asked again, final tasks are stopped too."""

    type: ClassVar[str] = "workflow.cancel"


class RetryWorkflow(OnWorkflow):
    """Begin anew from the failed and cancelled tasks."""

    type: ClassVar[str] = "workflow.retry"


class RerunTask(OnTask):
    """Begin anew from one task and all downstream of it."""

    type: ClassVar[str] = "workflow.rerun"


class RollBackWorkflow(OnWorkflow):
    """Restore the state as of ``version``, as a new version; sessions and files are not undone."""

    type: ClassVar[str] = "workflow.rollback"
    version: Version


class DeleteWorkflow(OnWorkflow):
    """Remove a workflow that has ended with all that belongs to it."""

    type: ClassVar[str] = "workflow.delete"


class SignalWorkflow(OnWorkflow):
    """Tell a workflow that something happened outside; the first signal of a ``key`` counts."""

    type: ClassVar[str] = "workflow.signal"
    name: Annotated[str, Field(min_length=1, max_length=300)]
    key: str | None = None
    value: JsonValue = None


class WorkflowHistory(OnWorkflow):
    """The versions of a workflow: those above ``after``, oldest first; else the newest ``limit``."""

    type: ClassVar[str] = "workflow.history"
    after: Annotated[int, Field(ge=0)] | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 200


class CompareVersions(OnWorkflow):
    """What differs between two versions of a workflow."""

    type: ClassVar[str] = "workflow.compare"
    before: Version
    after: Version


class ShowTask(OnTask):
    """All about one task: inputs, result, error, attempts, handoffs, artifacts."""

    type: ClassVar[str] = "workflow.task"


class ReadTaskLog(OnTask):
    """The output of an attempt (the last one unless given), ``limit`` bytes of it from ``offset``.

    Without an offset it is the end of it.
    """

    type: ClassVar[str] = "workflow.log"
    attempt: Annotated[int, Field(ge=1)] | None = None
    offset: Annotated[int, Field(ge=0)] | None = None
    limit: Annotated[int, Field(ge=1, le=4_000_000)] = 65_536


class DrawWorkflow(OnWorkflow):
    """The graph of a workflow on a grid of characters at most ``width`` wide.

    Fan-outs are folded into one box, those in ``unfolded`` excepted.
    """

    type: ClassVar[str] = "workflow.graph"
    width: Annotated[int, Field(ge=20, le=1000)] = 80
    unfolded: tuple[TaskId, ...] = ()


class SaveSchedule(Payload):
    """Start the workflow of a file by the clock; one of the same name is replaced.

    What is not given is what the file's own ``schedule`` says.
    """

    type: ClassVar[str] = "schedule.save"
    name: Annotated[str, Field(min_length=1, max_length=100)]
    file: Annotated[str, Field(min_length=1, max_length=4096)]
    cron: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    zone: str | None = None
    catch_up: str | None = None
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    enabled: bool = True


class ListSchedules(Payload):
    """Every schedule, by name."""

    type: ClassVar[str] = "schedule.list"


class RemoveSchedule(Payload):
    """Remove a schedule; workflows that it started go on."""

    type: ClassVar[str] = "schedule.remove"
    name: Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT)]


WORKFLOW_PAYLOADS: tuple[type[Payload], ...] = (
    CreateWorkflow, ListWorkflows, ShowWorkflow,
    StartWorkflow, PauseWorkflow, ResumeWorkflow, CancelWorkflow, RetryWorkflow, RerunTask,
    RollBackWorkflow, DeleteWorkflow, SignalWorkflow,
    WorkflowHistory, CompareVersions, ShowTask, ReadTaskLog, DrawWorkflow,
    SaveSchedule, ListSchedules, RemoveSchedule,
)  # fmt: skip
"""The payloads of this module."""
