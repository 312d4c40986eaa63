"""What is fetched of the workflow that is looked at: only what is seen, and each thing once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...core.base.errors import QuarterdeckError
from ...core.protocol.events import Event, StateSnapshot
from ...core.protocol.workflow_commands import (
    CompareVersions,
    DrawWorkflow,
    ReadTaskLog,
    ShowTask,
    ShowWorkflow,
    WorkflowHistory,
)
from ...core.protocol.workflow_events import AboutWorkflow, TaskChanged, TaskOutput
from ...core.protocol.workflow_views import (
    DifferenceView,
    GraphView,
    TaskDetailView,
    TaskView,
    VersionView,
    WholeWorkflowView,
)
from ..bridge import Bridge
from ..model.flow.graph import Picture
from ..model.flow.history import History
from ..model.flow.log import LogPart, TaskLog
from ..model.flow.state import Applied, Flow
from .asking import Asking

HEARD = "workflow."
VERSIONS = 200
LOG_PART = 65_536
OLD = "old"


class FlowFeed:
    """The workflow as it stands, its drawing, its history, a task's detail and log.

    What ``look_at`` and the ``want_`` calls name is asked for once; after that the changes keep it true. A drawing is asked
    for anew only when the structure, the width or the folds are others. After a gap all is asked for again.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._flow_id: str | None = None
        self._stale = 0
        self._whole: Asking[tuple[str, int]] = Asking(self._ask_whole)
        self._drawing: Asking[tuple[str, int, int, frozenset[str]]] = Asking(self._ask_drawing)
        self._versions: Asking[tuple[str, int, int]] = Asking(self._ask_versions)
        self._pair: Asking[tuple[str, int, int]] = Asking(self._ask_pair)
        self._detail: Asking[tuple[str, str, int]] = Asking(self._ask_detail)
        self._output: Asking[tuple[str, str, int, int | None, str]] = Asking(self._ask_output)
        self._forget_all()

    def _forget_all(self) -> None:
        self.flow: Flow | None = None
        self.picture: Picture | None = None
        self.history = History()
        self.difference: DifferenceView | None = None
        self.detail: TaskDetailView | None = None
        self.log: TaskLog | None = None
        self.added_on_top = 0
        self.fault = ""
        self._early: dict[str, TaskView] = {}
        self._tried: set[tuple[str, int]] = set()

    # ---- what is wanted

    def look_at(self, flow_id: str | None) -> None:
        """This workflow is looked at from now on."""
        if flow_id != self._flow_id:
            self._flow_id = flow_id
            self._forget_all()
            self._forget_answers()
        if flow_id is not None:
            self._whole.want((flow_id, self._stale))

    def want_drawing(self, width: int, unfolded: frozenset[str]) -> None:
        """The drawing in ``width`` cells is seen."""
        if self.flow is not None and width > 0:
            wide = min(max(width, 20), 1000)
            self._drawing.want((self.flow.id, self.flow.shape, wide, unfolded))

    def want_history(self, count: int = VERSIONS) -> None:
        """The newest versions are seen, at least ``count`` of them."""
        if self.flow is not None:
            self._versions.want((self.flow.id, self.flow.line.version, count))

    def want_difference(self, before: int, after: int) -> None:
        """What differs between two versions is seen."""
        if self.flow is not None:
            self._pair.want((self.flow.id, before, after))

    def want_detail(self, task_id: str) -> None:
        """All about a task is seen."""
        task = self.flow.tasks.get(task_id) if self.flow is not None else None
        if task is None:
            return
        if self.detail is not None and self.detail.task.id != task_id:
            self.detail = None
        self._detail.want((self._flow_id or "", task_id, task.version))

    def want_attempts(self, tasks: list[TaskView]) -> None:
        """The attempts of ``tasks`` are seen: those before the last are asked for, one task at a time."""
        flow = self.flow
        if flow is None or self._detail.asked is not None:
            return
        for task in tasks:
            if flow.lacks_attempts(task) and (task.id, task.attempt) not in self._tried:
                self._tried.add((task.id, task.attempt))
                self._detail.want((flow.id, task.id, task.version))
                return

    def want_log(self, task_id: str, attempt: int) -> None:
        """The output of an attempt is seen."""
        if self.log is None or (self.log.task_id, self.log.attempt) != (task_id, attempt):
            self.log = TaskLog(task_id, attempt)
        if self.log.has_newer and attempt:
            end = self.log.end if self.log.begun else None
            self._output.want((self._flow_id or "", task_id, attempt, end, str(self.log.size)))

    def want_older_log(self) -> None:
        """What comes before the output that is held is seen."""
        log = self.log
        if log is not None and log.has_older:
            self._output.want((self._flow_id or "", log.task_id, log.attempt, log.start, OLD))

    # ---- what happens

    def event(self, event: Event) -> None:
        """Take in what happened."""
        payload = event.payload
        if type(payload) is StateSnapshot:
            self.resync()
        if not event.type.startswith(HEARD):
            return
        match payload:
            case TaskChanged(workflow_id=workflow_id, task=task):
                if workflow_id == self._flow_id:
                    self._task(task)
            case TaskOutput():
                self._grown(payload)
            case AboutWorkflow(workflow=line):
                if self.flow is not None and line.id == self.flow.id and self.flow.update(line):
                    self._again()
            case _:
                pass

    def resync(self) -> None:
        """Something was missed: nothing that is held is sure any more."""
        self._stale += 1
        self._tried.clear()
        self._forget_answers()
        if self.log is not None:
            self.log = None

    def _forget_answers(self) -> None:
        for asking in (self._whole, self._drawing, self._versions, self._pair, self._detail):
            asking.forget()
        self._output.forget()

    def _task(self, task: TaskView) -> None:
        if self.flow is None or self._whole.asked is not None:
            self._early[task.id] = task
        if self.flow is not None:
            if self.flow.apply(task) is Applied.STRUCTURE:
                self._again()
            if self.picture is not None:
                self.picture.touch(task.id)

    def _again(self) -> None:
        """Ask for all of the workflow once more."""
        self._stale += 1

    def _grown(self, grown: TaskOutput) -> None:
        log = self.log
        here = grown.workflow_id == self._flow_id and log is not None
        if (
            here
            and log is not None
            and (log.task_id, log.attempt) == (grown.task_id, grown.attempt)
        ):
            log.grown(grown.size)

    # ---- asking, and what is answered

    def _send(
        self, payload: Any, asking: Asking[Any], then: Callable[[dict[str, Any]], None]
    ) -> None:
        flow_id = self._flow_id

        def answered(result: dict[str, Any]) -> None:
            if self._flow_id == flow_id:
                then(result)
            asking.answered()
            self._bridge.changed()

        def failed(error: QuarterdeckError) -> None:
            if self._flow_id == flow_id:
                self._refused(asking, error)
            asking.answered()
            self._bridge.changed()

        self._bridge.send(payload, then=answered, failed=failed)

    def _refused(self, asking: Asking[Any], error: QuarterdeckError) -> None:
        if asking is self._whole:
            self.fault = error.info().message
        elif asking is self._output and self.log is not None:
            self.log.begun = True  # there is none yet: it is asked for again once it has grown

    def _ask_whole(self, key: tuple[str, int]) -> None:
        self._early.clear()
        self._send(ShowWorkflow(workflow_id=key[0]), self._whole, self._take_whole)

    def _take_whole(self, result: dict[str, Any]) -> None:
        whole = WholeWorkflowView.model_validate(result["whole"])
        shape = hash(tuple((task.id, task.needs, task.parent, task.final) for task in whole.tasks))
        flow = Flow(whole, shape)
        flow.keep(self.flow, self._early)
        line = self._bridge.view.workflows.get(flow.id)
        if line is not None and line.version >= flow.line.version:
            flow.line = line
        self._early.clear()
        self.flow, self.fault = flow, ""
        if self.picture is not None:
            self.picture.touch()

    def _ask_drawing(self, key: tuple[str, int, int, frozenset[str]]) -> None:
        wish = DrawWorkflow(workflow_id=key[0], width=key[2], unfolded=tuple(sorted(key[3])))
        self._send(wish, self._drawing, self._take_drawing)

    def _take_drawing(self, result: dict[str, Any]) -> None:
        self.picture = Picture(GraphView.model_validate(result["graph"]))

    def _ask_versions(self, key: tuple[str, int, int]) -> None:
        flow_id, _, count = key
        held = self.history.versions
        if held and (len(held) >= count or self.history.complete):
            wish = WorkflowHistory(workflow_id=flow_id, after=self.history.newest, limit=10_000)
            limit = None
        else:
            wish, limit = WorkflowHistory(workflow_id=flow_id, limit=count), count
        self._send(wish, self._versions, partial(self._take_versions, limit))

    def _take_versions(self, limit: int | None, result: dict[str, Any]) -> None:
        versions = [VersionView.model_validate(raw) for raw in result["versions"]]
        self.history.take(versions, limit=limit)

    def _ask_pair(self, key: tuple[str, int, int]) -> None:
        wish = CompareVersions(workflow_id=key[0], before=key[1], after=key[2])
        self._send(wish, self._pair, self._take_pair)

    def _take_pair(self, result: dict[str, Any]) -> None:
        self.difference = DifferenceView.model_validate(result["difference"])

    def _ask_detail(self, key: tuple[str, str, int]) -> None:
        wish = ShowTask(workflow_id=key[0], task_id=key[1])
        self._send(wish, self._detail, self._take_detail)

    def _take_detail(self, result: dict[str, Any]) -> None:
        self.detail = TaskDetailView.model_validate(result["task"])
        if self.flow is not None:
            self.flow.learn(self.detail)

    def _ask_output(self, key: tuple[str, str, int, int | None, str]) -> None:
        flow_id, task_id, attempt, offset, which = key
        limit = LOG_PART
        if which == OLD and offset is not None:
            offset, limit = max(0, offset - LOG_PART), min(LOG_PART, offset)
        wish = ReadTaskLog(
            workflow_id=flow_id, task_id=task_id, attempt=attempt, offset=offset, limit=limit
        )
        self._send(wish, self._output, partial(self._take_output, task_id, attempt))

    def _take_output(self, task_id: str, attempt: int, result: dict[str, Any]) -> None:
        log = self.log
        if log is None or (log.task_id, log.attempt) != (task_id, attempt):
            return
        text = str(result["text"])
        start = int(result["offset"])
        end = int(result["next"])
        self.added_on_top += log.take(LogPart(start, end, int(result["size"]), text))
