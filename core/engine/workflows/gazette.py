"""What happens to workflows, told as events: at once what matters, the rest a little later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ...base.clock import Clock
from ...protocol.events import Cause
from ...protocol.workflow_events import (
    TaskChanged,
    TaskOutput,
    WorkflowChanged,
    WorkflowProgress,
)
from ...protocol.workflow_views import WorkflowView
from ...workflows.instance import Instance
from ...workflows.records import AddTurn, WorkflowChange
from ...workflows.statuses import WorkflowStatus
from ...workflows.turns import task_named
from ..journal import Journal
from .book import Book, Standing, Why

PAUSE = 0.03
"""Seconds for which changes of tasks are gathered; of each task the newest counts."""


Moved = Callable[[WorkflowView, WorkflowStatus], None]
Left = Callable[[str, str], None]


def is_handling(parent: str | None) -> bool:
    """Whether it is one handler's work on a payload, which is told of with that.

    Its parent is ``payload/ID/HANDLER``; that of a workflow that a handler starts is ``payload/ID``.
    """
    return parent is not None and parent.startswith("payload/") and parent.count("/") > 1


class Gazette:
    """Observes an orchestrator, keeps the book, and tells the journal.

    ``moved`` hears of a workflow's new status and its former one, ``left`` of tasks that do not
    run any more, by workflow and task; ``why`` is asked why a task that is ready waits. ``handled``
    hears of changes of what works on payloads, which is not told here.
    """

    def __init__(
        self,
        journal: Journal,
        book: Book,
        clock: Clock,
        engine_id: str,
        *,
        moved: Moved,
        left: Left,
        why: Why,
        handled: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._book = book
        self._clock = clock
        self._engine_id = engine_id
        self._moved = moved
        self._left = left
        self.why = why
        self._handled = handled
        self._standings: dict[str, Standing] = {}
        self._sizes: dict[tuple[str, str, int], int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._causes: dict[str, Cause] = {}

    def standing(self, workflow_id: str) -> Standing | None:
        """One that this engine drives."""
        return self._standings.get(workflow_id)

    def expect(self, workflow_id: str, cause: Cause) -> None:
        """The workflow's next change of status has this cause."""
        self._causes[workflow_id] = cause

    def unexpect(self, workflow_id: str) -> None:
        """No change of status has come of it."""
        self._causes.pop(workflow_id, None)

    def waits(self, workflow_id: str, task_id: str, *, waits: bool) -> None:
        """Whether a task waits for a person."""
        standing = self._standings.get(workflow_id)
        if standing is None or waits is (task_id in standing.waiting):
            return
        if waits:
            standing.waiting[task_id] = None
        else:
            del standing.waiting[task_id]
        standing.stirred = True
        self._soon()

    def tell_again(self, workflow_id: str, task_id: str) -> None:
        """Why a task that is ready waits has changed."""
        standing = self._standings.get(workflow_id)
        if standing is not None:
            standing.tell_again(task_id)
            self._soon()

    # ---- as an observer ----------------------------------------------------------------------

    def taken(self, instance: Instance) -> None:
        """This engine drives the instance from now on."""
        if is_handling(instance.record.parent):
            return
        standing = self._standings[instance.id] = Standing(instance)
        self._book.put(standing.view(self._engine_id, self._clock.now()))

    def kept(self, instance: Instance, changes: Sequence[WorkflowChange]) -> None:
        """One transaction of the instance is on disk."""
        standing = self._standings.get(instance.id)
        if standing is None:
            self._handled(instance.id)
            return
        for change in changes:
            if type(change) is AddTurn:
                self._take(instance.id, standing, change)
        self._soon()

    def _take(self, workflow_id: str, standing: Standing, turn: AddTurn) -> None:
        for version, line in enumerate(turn.lines, turn.version):
            task_id = task_named(line)
            if task_id is None:
                self._move(workflow_id, standing, line, version)
            elif standing.take(task_id, line, version):
                self._left(workflow_id, task_id)

    def let_go(self, instance: Instance) -> None:
        """This engine does not drive the instance any more."""
        standing = self._standings.pop(instance.id, None)
        self._causes.pop(instance.id, None)
        if standing is None:
            return
        self._tell_tasks(instance.id, standing)
        view = standing.view(self._engine_id, self._clock.now()).changed(engine_id=None, waiting=())
        self._book.put(view)
        self._journal.announce(WorkflowProgress(workflow=view))

    def _move(self, workflow_id: str, standing: Standing, line: str, version: int) -> None:
        before = standing.move(line, version)
        self._tell_tasks(workflow_id, standing)
        view = standing.view(self._engine_id, self._clock.now())
        standing.stirred = False
        self._book.put(view)
        if before is not view.status:
            cause = self._causes.pop(view.id, None)
            event = WorkflowChanged(workflow=view, old_status=before)
            self._journal.record([], [event], cause)
            self._moved(view, before)

    # ---- telling -----------------------------------------------------------------------------

    def output(self, workflow_id: str, task_id: str, attempt: int, size: int) -> None:
        """An attempt's log has grown."""
        self._sizes[workflow_id, task_id, attempt] = size
        self._soon()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self.flush)

    def flush(self) -> None:
        """Tell what was gathered."""
        self.close()
        for workflow_id, standing in list(self._standings.items()):
            if standing.stirred:
                standing.stirred = False
                self._tell_tasks(workflow_id, standing)
                view = standing.view(self._engine_id, self._clock.now())
                self._book.put(view)
                self._journal.announce(WorkflowProgress(workflow=view))
        sizes, self._sizes = self._sizes, {}
        for (workflow_id, task_id, attempt), size in sizes.items():
            self._journal.announce(
                TaskOutput(workflow_id=workflow_id, task_id=task_id, attempt=attempt, size=size)
            )

    def _tell_tasks(self, workflow_id: str, standing: Standing) -> None:
        for view in standing.changed_tasks(self.why):
            self._journal.announce(TaskChanged(workflow_id=workflow_id, task=view))

    def close(self) -> None:
        """Set no timer any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
