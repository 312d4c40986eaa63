"""One workflow as it runs, kept true by the engine's events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ...core.protocol.attention import AttentionItem, AttentionKind, ItemState
from ...core.protocol.events import AttentionClosed, AttentionRaised, Event, EventPayload
from ...core.protocol.workflow_events import AboutWorkflow, TaskChanged, WorkflowDeleted
from ...core.protocol.workflow_status import TaskStatus, WorkflowStatus
from ...core.protocol.workflow_views import TaskView, WholeWorkflowView, WorkflowView

OVER = frozenset({WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED})
DONE = frozenset(
    {TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.SKIPPED, TaskStatus.CANCELLED}
)
FOLD_ABOVE = 15
"""Rows above which the parts of a fan-out are one row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line about a task, or a fan-out with its parts; ``done`` of ``total`` have ended."""

    name: str
    status: TaskStatus
    done: int
    total: int
    attempt: int
    started_at: datetime | None
    ended_at: datetime | None
    note: str
    depth: int = 0


class Course:
    """A workflow with its tasks and open questions."""

    def __init__(self, whole: WholeWorkflowView) -> None:
        self.workflow: WorkflowView = whole.workflow
        self.tasks: dict[str, TaskView] = {task.id: task for task in whole.tasks}
        self.questions: dict[str, AttentionItem] = {}
        self.deleted = False

    @property
    def id(self) -> str:
        """The workflow's id."""
        return self.workflow.id

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.deleted or self.workflow.status in OVER

    @property
    def at_rest(self) -> bool:
        """Whether it is paused, and nothing of it runs any more."""
        running = self.workflow.counts.get(TaskStatus.RUNNING, 0)
        return self.workflow.status is WorkflowStatus.PAUSED and not running

    def renew(self, whole: WholeWorkflowView) -> None:
        """Take what the engine says now in place of what was known."""
        self.workflow = whole.workflow
        self.tasks = {task.id: task for task in whole.tasks}

    def ask(self, items: list[AttentionItem]) -> None:
        """These are the items that are open."""
        self.questions = {item.item_id: item for item in items if self._mine(item)}

    def take(self, event: Event) -> bool:
        """Take an event in; whether it is about this workflow, and news."""
        about = _about(event.payload) == self.id
        return about and self._learn(event.payload)

    def _learn(self, payload: EventPayload) -> bool:
        match payload:
            case AboutWorkflow(workflow=workflow):
                if workflow.version < self.workflow.version:
                    return False
                self.workflow = workflow
            case TaskChanged(task=task):
                known = self.tasks.get(task.id)
                if known is not None and task.version <= known.version:
                    return False
                self.tasks[task.id] = task
            case WorkflowDeleted():
                self.deleted = True
            case AttentionClosed(item=item):
                self.questions.pop(item.item_id, None)
            case AttentionRaised(item=item) if self._mine(item):
                self.questions[item.item_id] = item
            case _:
                pass
        return True

    def _mine(self, item: AttentionItem) -> bool:
        return (
            item.workflow_id == self.id
            and item.kind is AttentionKind.GATE
            and item.state is ItemState.OPEN
        )

    # ---- rows ----------------------------------------------------------------------------------

    def rows(self, *, most: int = FOLD_ABOVE) -> list[Row]:
        """The tasks as lines; fan-outs are folded where there would be more than ``most``."""
        folding = len(self.tasks) > most
        parts: dict[str, list[TaskView]] = {}
        for task in self.tasks.values():
            if task.parent is not None:
                parts.setdefault(task.parent, []).append(task)
        rows: list[Row] = []
        for task in self.tasks.values():
            if task.parent is not None:
                continue
            inner = parts.get(task.id, [])
            rows.append(_row(task, inner, self._note(task)))
            if not folding:
                rows += [_row(part, [], self._note(part), depth=1) for part in inner]
        return rows

    def _note(self, task: TaskView) -> str:
        if task.id in self.workflow.waiting:
            return "waits for you"
        told = task.status not in DONE or task.status is TaskStatus.FAILED
        return task.error or (task.reason if told else "")


def _about(payload: EventPayload) -> str | None:
    """The workflow that an event is about."""
    match payload:
        case AboutWorkflow(workflow=workflow):
            return workflow.id
        case AttentionRaised(item=item):
            return item.workflow_id
        case _:
            found: str | None = getattr(payload, "workflow_id", None)
            return found


def _row(task: TaskView, parts: list[TaskView], note: str, depth: int = 0) -> Row:
    ended = sum(part.status in DONE for part in parts) if parts else int(task.status in DONE)
    return Row(
        name=task.id,
        status=task.status,
        done=ended,
        total=len(parts) or 1,
        attempt=task.attempt,
        started_at=task.started_at,
        ended_at=task.ended_at,
        note=note,
        depth=depth,
    )
