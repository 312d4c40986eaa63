"""Where the person stands among the workflows: no I/O, no widgets."""

from __future__ import annotations

from enum import StrEnum

from ....core.base.clock import Clock
from ....core.client.view import View
from ....core.protocol.attention import AttentionItem
from ....core.protocol.workflow_views import TaskView, WorkflowView
from ..query import Query
from .graph import Picture, is_fold, members_of
from .rows import in_order
from .state import Flow


class Mode(StrEnum):
    """How a workflow is looked at."""

    GRAPH = "graph"
    GANTT = "gantt"
    TASKS = "tasks"
    HISTORY = "history"


class Desk:
    """The workflow that is looked at, how, and which of its tasks.

    ``box`` is the box under the graph's cursor; ``task_id`` goes with the person from view to view. With ``detail`` all
    about the task is shown in place of the view; ``attempt`` is the one whose log is shown, ``None``: the last one.
    ``unfolded`` are boxes that were unfolded, with the tasks in them; ``alone``: the list is hidden. ``needle`` is what is searched for in the graph or the log.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.view = View()
        self.query: Query[WorkflowView] = Query()
        self.task_query: Query[TaskView] = Query()
        self.mode = Mode.GRAPH
        self.flow_id: str | None = None
        self.guest: WorkflowView | None = None
        self.task_id: str | None = None
        self.box: str | None = None
        self.detail = False
        self.attempt: int | None = None
        self.needle = ""
        self.unfolded: dict[str, tuple[str, ...]] = {}
        self.folded = False
        self.alone = False
        self._row = 0

    @property
    def line(self) -> WorkflowView | None:
        """The workflow that is looked at; ``guest`` is one that the list does not have."""
        known = self.view.workflows.get(self.flow_id or "")
        mine = self.guest is not None and self.guest.id == self.flow_id
        return known or (self.guest if mine else None)

    def listed(self) -> list[WorkflowView]:
        """The workflows that pass the filter, in the list's order."""
        return in_order(flow for flow in self.view.workflows.values() if self.query.admits(flow))

    def select(self, flow_id: str, task_id: str | None = None) -> None:
        """Look at a workflow, and at one of its tasks."""
        if flow_id != self.flow_id:
            self.flow_id = flow_id
            self.unfolded, self.task_query = {}, Query()
            self.point(None)
            self.detail, self.needle = False, ""
        if task_id is not None:
            self.point(task_id)

    def point(self, task_id: str | None) -> None:
        """Look at a task; the graph's cursor follows."""
        if task_id != self.task_id:
            self.attempt = None
        self.task_id, self.box = task_id, None

    def point_box(self, picture: Picture, name: str) -> None:
        """Put the graph's cursor on a box."""
        self.box = name
        members = members_of(picture.boxes[name])
        if self.task_id not in members:
            self.task_id, self.attempt = members[0], None

    def reconcile(self) -> None:
        """Bring the person's place in line with what the engine said."""
        ids = [flow.id for flow in self.listed()]
        if self.line is None:
            first = ids[min(self._row, len(ids) - 1)] if ids else None
            if first is None:
                self.flow_id = None
            else:
                self.select(first)
        if self.flow_id in ids:
            self._row = ids.index(self.flow_id)

    def settle(self, flow: Flow | None, picture: Picture | None) -> None:
        """Stand on a task and on a box that are there: the first that is at work, if there was none."""
        if flow is None:
            return
        if self.task_id not in flow.tasks:
            self.point(_first(flow))
        if picture is None:
            return
        if self.box not in picture.boxes or self.task_id not in members_of(picture.boxes[self.box]):
            self.box = picture.box_of(self.task_id) or next(iter(picture.order), None)

    def on_fold(self, picture: Picture | None) -> bool:
        """Whether the graph's cursor stands on several tasks in one box."""
        box = picture.boxes.get(self.box or "") if picture is not None else None
        return self.mode is Mode.GRAPH and not self.detail and box is not None and is_fold(box)

    def fold(self, picture: Picture) -> None:
        """Unfold the box under the cursor, or fold what its task was unfolded from."""
        box = picture.boxes.get(self.box or "")
        if box is None:
            return
        self.box = None
        if is_fold(box):
            self.unfolded = {**self.unfolded, box.name: members_of(box)}
        else:
            home = next(
                (name for name, tasks in self.unfolded.items() if self.task_id in tasks), ""
            )
            kept = {name: tasks for name, tasks in self.unfolded.items() if name != home}
            self.unfolded = kept if home else {}

    def item(self) -> AttentionItem | None:
        """The open item of the task, or else of the workflow, that the person looks at."""
        mine = [one for one in self.view.open_items() if one.workflow_id == self.flow_id]
        if self.flow_id is None or not mine:
            return None
        of_task = (one for one in mine if one.task_id == self.task_id)
        of_all = (one for one in mine if not one.task_id)
        return next(of_task, next(of_all, None))


def _first(flow: Flow) -> str | None:
    """The task to look at first: one that waits, failed or runs, else the first of all."""
    for wanted in ("waiting", "failed", "running", "retrying", "ready"):
        for task in flow.tasks.values():
            if flow.state(task) == wanted:
                return task.id
    return next(iter(flow.tasks), None)
