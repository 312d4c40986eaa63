"""Steering workflows: every command about one, a second key for what can't be undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...core.base.errors import QuarterdeckError
from ...core.protocol.commands import Payload
from ...core.protocol.workflow_commands import (
    CancelWorkflow,
    DeleteWorkflow,
    PauseWorkflow,
    RerunTask,
    ResumeWorkflow,
    RetryWorkflow,
    RollBackWorkflow,
    StartWorkflow,
)
from ...core.protocol.workflow_status import TaskStatus, WorkflowStatus
from ...core.protocol.workflow_views import WorkflowView
from ..bridge import Bridge
from ..flow.feed import FlowFeed
from ..model.flow.desk import Desk
from ..model.flow.words import ENDED
from ..model.words import clean, plural
from .base import Handler, Handlers

NO_FLOW = "There is no workflow here; <flow.run> runs a file."
UNDONE = (TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.LOST)


class FlowControl:
    """What can be done to the workflow that is looked at."""

    def __init__(self, bridge: Bridge, desk: Desk, feed: FlowFeed) -> None:
        self._bridge = bridge
        self._desk = desk
        self._feed = feed

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            "flow.run": Handler(self.run, self._not_reached),
            "flow.start": Handler(self.start, self._cant_start),
            "flow.pause": Handler(self.pause, self._cant_pause),
            "flow.interrupt": Handler(self.interrupt, self._cant_interrupt),
            "flow.resume": Handler(self.resume, self._cant_resume),
            "flow.cancel": Handler(self.cancel, self._cant_cancel),
            "flow.retry": Handler(self.retry, self._cant_retry),
            "flow.rerun": Handler(self.rerun, self._cant_rerun),
            "flow.rollback": Handler(self.roll_back, self._cant_roll_back),
            "flow.signal": Handler(self.signal, self._ended),
            "flow.delete": Handler(self.delete, self._cant_delete),
            "flow.schedules": Handler(self.schedules, self._not_reached),
        }

    # ---- forms

    def run(self) -> None:
        """Open the form for a file."""
        from ..dialogs.run_file import RunFileDialog  # noqa: PLC0415 - start-up time

        self._bridge.host.open(RunFileDialog(self._bridge, self._last_file()), self._created)

    def _last_file(self) -> str:
        """The file to begin with: that of the workflow that is looked at."""
        return self._desk.line.file if self._desk.line is not None else ""

    def _created(self, flow_id: str | None) -> None:
        if flow_id is not None:
            self._desk.query = type(self._desk.query)()
            self._desk.select(flow_id)
            self._bridge.moved()

    def signal(self) -> None:
        """Open the form for a signal."""
        line = self._desk.line
        if line is not None:
            from ..dialogs.signal import SignalDialog  # noqa: PLC0415 - start-up time

            self._bridge.host.open(SignalDialog(self._bridge, line, self._awaited()))

    def _awaited(self) -> str:
        """The signal that a task waits for, as far as its reason tells: empty if none does."""
        flow = self._feed.flow
        task = flow.tasks.get(self._desk.task_id or "") if flow is not None else None
        return task.id if task is not None and task.kind == "wait_for" else ""

    def schedules(self) -> None:
        """Show what is started by the clock."""
        from ..dialogs.schedules import SchedulesDialog  # noqa: PLC0415 - start-up time

        self._bridge.host.open(SchedulesDialog(self._bridge))

    # ---- commands

    def start(self) -> None:
        """Begin, or go on."""
        self._do(lambda line: StartWorkflow(workflow_id=line.id), "Starting")

    def pause(self) -> None:
        """Begin nothing more."""
        self._do(lambda line: PauseWorkflow(workflow_id=line.id), "Pausing")

    def interrupt(self) -> None:
        """The same, and end what runs, once confirmed."""
        self._confirm(
            "flow.interrupt", "Interrupt",
            "What runs is ended at once; it is begun again when the workflow goes on.",
            lambda line: PauseWorkflow(workflow_id=line.id, interrupt=True), "Interrupting",
        )  # fmt: skip

    def resume(self) -> None:
        """Go on."""
        self._do(lambda line: ResumeWorkflow(workflow_id=line.id), "Going on with")

    def cancel(self) -> None:
        """Stop what runs, and end, once confirmed."""
        self._confirm(
            "flow.cancel", "Cancel",
            "What runs is stopped, nothing else begins but its final tasks; <flow.retry> begins anew from there.",
            lambda line: CancelWorkflow(workflow_id=line.id), "Cancelling",
        )  # fmt: skip

    def retry(self) -> None:
        """Begin anew from what failed."""
        self._do(lambda line: RetryWorkflow(workflow_id=line.id), "Retrying")

    def rerun(self) -> None:
        """Begin anew from the task, once confirmed."""
        task_id = self._desk.task_id or ""
        self._confirm(
            "flow.rerun", "Rerun",
            f"{clean(task_id, 80)} and all that depends on it run again; their results are made anew.",
            lambda line: RerunTask(workflow_id=line.id, task_id=task_id),
            f"Running {clean(task_id, 80)} again in",
        )  # fmt: skip

    def roll_back(self) -> None:
        """Restore a former state, once confirmed."""
        chosen = self._feed.history.chosen
        if chosen is not None:
            version = chosen.version
            self._confirm(
                "flow.rollback", f"Go back to version {version} of",
                f"Its state becomes that of version {version}, as a new version; the history is kept. "
                "Sessions and files are not undone.",
                lambda line: RollBackWorkflow(workflow_id=line.id, version=version),
                f"Going back to version {version} of",
            )  # fmt: skip

    def delete(self) -> None:
        """Remove it, once confirmed."""
        self._confirm(
            "flow.delete", "Delete", "It goes with its history, logs and artifacts, for good.",
            lambda line: DeleteWorkflow(workflow_id=line.id), "Deleting",
        )  # fmt: skip

    def _do(self, payload: Callable[[WorkflowView], Payload], said: str) -> None:
        line = self._desk.line
        if line is not None:
            self._bridge.send(
                payload(line), then=partial(self._done, f"{said} {clean(line.name)}."),
                failed=self._failed,
            )  # fmt: skip

    def _done(self, said: str, _result: dict[str, Any]) -> None:
        self._bridge.host.tell(said)
        self._bridge.changed()

    def _failed(self, error: QuarterdeckError) -> None:
        self._bridge.complain(error)
        self._bridge.changed()

    def _confirm(
        self, action: str, verb: str, text: str, payload: Callable[[WorkflowView], Payload], said: str
    ) -> None:  # fmt: skip
        line = self._desk.line
        if line is None:
            return
        from ..dialogs.confirm import ConfirmDialog  # noqa: PLC0415 - start-up time

        dialog = ConfirmDialog(
            self._bridge,
            action=action,
            title=f"{verb} {clean(line.name, 60)}?",
            text=f"{_stands(line)} {text}",
            verb="go back" if verb.startswith("Go") else f"{verb.lower()} it",
        )
        self._bridge.host.open(dialog, partial(self._confirmed, line.id, payload, said))

    def _confirmed(
        self, flow_id: str, payload: Callable[[WorkflowView], Payload], said: str, sure: bool | None
    ) -> None:
        line = self._bridge.view.workflows.get(flow_id)
        if sure and line is not None:
            self._bridge.send(
                payload(line), then=partial(self._done, f"{said} {clean(line.name)}."),
                failed=self._failed,
            )  # fmt: skip

    # ---- why not

    def _not_reached(self) -> str | None:
        return None if self._bridge.ready else "The engine has not answered yet; a moment."

    def _none(self) -> str | None:
        return NO_FLOW if self._desk.line is None else None

    def _unless(self, wanted: frozenset[WorkflowStatus], why: str) -> str | None:
        line = self._desk.line
        if line is None:
            return NO_FLOW
        return None if line.status in wanted else why.format(line.status.value)

    def _cant_start(self) -> str | None:
        wanted = frozenset((WorkflowStatus.PENDING, WorkflowStatus.PAUSED))
        return self._unless(wanted, "It is {} already; <flow.retry> begins anew from what failed.")

    def _cant_pause(self) -> str | None:
        return self._unless(
            frozenset((WorkflowStatus.RUNNING,)), "It is {}; there is nothing to pause."
        )

    def _cant_interrupt(self) -> str | None:
        wanted = frozenset((WorkflowStatus.RUNNING, WorkflowStatus.PAUSED))
        return self._unless(wanted, "It is {}; nothing runs.")

    def _cant_resume(self) -> str | None:
        return self._unless(frozenset((WorkflowStatus.PAUSED,)), "It is {}, not paused.")

    def _ended(self) -> str | None:
        line = self._desk.line
        if line is None:
            return NO_FLOW
        return f"It is {line.status.value} already." if line.status in ENDED else None

    def _cant_cancel(self) -> str | None:
        return self._ended()

    def _cant_retry(self) -> str | None:
        problem = self._unless(ENDED, "It is {}; when it has ended it can begin anew.")
        line = self._desk.line
        if problem is None and line is not None and not any(line.counts.get(s) for s in UNDONE):
            return "Nothing failed and nothing was cancelled; <flow.rerun> begins anew from a task."
        return problem

    def _cant_rerun(self) -> str | None:
        problem = self._unless(ENDED, "It is {}; when it has ended, tasks can run again.")
        return problem or (None if self._desk.task_id else "There is no task here.")

    def _cant_roll_back(self) -> str | None:
        line, chosen = self._desk.line, self._feed.history.chosen
        if line is None or chosen is None:
            return "There is no version to go back to."
        if line.counts.get(TaskStatus.RUNNING):
            running = plural(line.counts[TaskStatus.RUNNING], "task")
            return f"{running} still at work; pause or cancel it first."
        return "This is how it stands now." if chosen.version >= line.version else None

    def _cant_delete(self) -> str | None:
        return self._unless(ENDED, "It is {}; <flow.cancel> cancels it first.")


def _stands(line: WorkflowView) -> str:
    return f"It is {line.status.value}, {line.done} of {plural(line.total, 'task')} ended."
