"""What the scripted engine does with commands about workflows."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from tests.tui.fleet import Ship, task

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.workflow_status import TaskStatus, WorkflowStatus
from quarterdeck.core.protocol.workflow_views import DifferenceView, ScheduleView

if TYPE_CHECKING:
    from tests.tui.crew import Crew

Result = dict[str, Any]
Do = Callable[["Crew"], "Result | None"]


@singledispatch
def flow_answer(_payload: c.Payload) -> Do | None:
    """What to do; ``None`` for a command that is not about workflows."""
    return None


def _ship(crew: Crew, wish: w.OnWorkflow) -> Ship:
    return crew.fleet.ships[wish.workflow_id]


def _line(ship: Ship) -> Result:
    return {"workflow": ship.line.model_dump(mode="json")}


@flow_answer.register(w.CreateWorkflow)
def _(wish: w.CreateWorkflow) -> Do:
    def create(crew: Crew) -> Result:
        name = wish.file.rpartition("/")[2].partition(".")[0]
        status = WorkflowStatus.RUNNING if wish.start else WorkflowStatus.PENDING
        return _line(crew.fleet.launch(name, [task("first"), task("second", "first")], status))

    return create


def _stands(status: WorkflowStatus) -> Callable[[w.OnWorkflow], Do]:
    def make(wish: w.OnWorkflow) -> Do:
        def do(crew: Crew) -> Result:
            ship = _ship(crew, wish)
            crew.fleet.stand(ship, status)
            return _line(ship)

        return do

    return make


flow_answer.register(w.StartWorkflow, _stands(WorkflowStatus.RUNNING))
flow_answer.register(w.PauseWorkflow, _stands(WorkflowStatus.PAUSED))
flow_answer.register(w.ResumeWorkflow, _stands(WorkflowStatus.RUNNING))
flow_answer.register(w.CancelWorkflow, _stands(WorkflowStatus.CANCELLED))


@flow_answer.register(w.RetryWorkflow)
def _(wish: w.RetryWorkflow) -> Do:
    def retry(crew: Crew) -> Result:
        ship = _ship(crew, wish)
        for one in list(ship.tasks.values()):
            if one.status in {TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.SKIPPED}:
                crew.fleet.change(ship, one.id, TaskStatus.PENDING, error=None)
        crew.fleet.stand(ship, WorkflowStatus.RUNNING, error=None)
        return _line(ship)

    return retry


@flow_answer.register(w.RerunTask)
def _(wish: w.RerunTask) -> Do:
    def rerun(crew: Crew) -> Result:
        ship = _ship(crew, wish)
        crew.fleet.change(ship, wish.task_id, TaskStatus.RUNNING)
        crew.fleet.stand(ship, WorkflowStatus.RUNNING)
        return _line(ship)

    return rerun


@flow_answer.register(w.RollBackWorkflow)
def _(wish: w.RollBackWorkflow) -> Do:
    def roll_back(crew: Crew) -> Result:
        ship = _ship(crew, wish)
        crew.fleet.stand(ship, WorkflowStatus.PAUSED, restored_from=wish.version)
        return _line(ship)

    return roll_back


@flow_answer.register(w.DeleteWorkflow)
def _(wish: w.DeleteWorkflow) -> Do:
    def delete(crew: Crew) -> Result:
        crew.fleet.remove(_ship(crew, wish))
        return {"workflow_id": wish.workflow_id}

    return delete


@flow_answer.register(w.SignalWorkflow)
def _(_wish: w.SignalWorkflow) -> Do:
    return lambda _crew: {"awaited": True}


@flow_answer.register(w.ShowWorkflow)
def _(wish: w.ShowWorkflow) -> Do:
    return lambda crew: {"whole": crew.fleet.whole(wish.workflow_id).model_dump(mode="json")}


@flow_answer.register(w.ShowTask)
def _(wish: w.ShowTask) -> Do:
    return lambda crew: {
        "task": crew.fleet.detail(wish.workflow_id, wish.task_id).model_dump(mode="json")
    }


@flow_answer.register(w.WorkflowHistory)
def _(wish: w.WorkflowHistory) -> Do:
    def history(crew: Crew) -> Result:
        versions = _ship(crew, wish).versions
        if wish.after is not None:
            after = wish.after
            found = [one for one in versions if one.version > after][: wish.limit]
        else:
            found = versions[-wish.limit :]
        return {"versions": [one.model_dump(mode="json") for one in found]}

    return history


@flow_answer.register(w.CompareVersions)
def _(wish: w.CompareVersions) -> Do:
    def compare(crew: Crew) -> Result:
        ship = _ship(crew, wish)
        view = DifferenceView(before=wish.before, after=wish.after)
        between = [one for one in ship.versions if wish.before < one.version <= wish.after]
        tasks = {
            one.task_id: {"status": ["pending", one.status], "attempt": [0, 1]}
            for one in between
            if one.task_id
        }
        found = view.model_copy(
            update={"tasks": tasks, "workflow": {"status": ["pending", "running"]}}
        )
        return {"difference": found.model_dump(mode="json")}

    return compare


@flow_answer.register(w.ReadTaskLog)
def _(wish: w.ReadTaskLog) -> Do:
    def read(crew: Crew) -> Result:
        attempt = wish.attempt or _ship(crew, wish).tasks[wish.task_id].attempt
        return crew.fleet.log(wish.workflow_id, wish.task_id, attempt, wish.offset, wish.limit)

    return read


@flow_answer.register(w.DrawWorkflow)
def _(wish: w.DrawWorkflow) -> Do:
    return lambda crew: {
        "graph": crew.fleet.picture(wish.workflow_id, wish.width, wish.unfolded).model_dump(
            mode="json"
        )
    }


@flow_answer.register(w.ListSchedules)
def _(_wish: w.ListSchedules) -> Do:
    return lambda crew: {
        "schedules": [one.model_dump(mode="json") for one in crew.fleet.schedules.values()]
    }


@flow_answer.register(w.SaveSchedule)
def _(wish: w.SaveSchedule) -> Do:
    def save(crew: Crew) -> Result:
        old = crew.fleet.schedules.get(wish.name)
        view = ScheduleView(
            name=wish.name, file=wish.file, cron=wish.cron or "0 3 * * *", enabled=wish.enabled,
            next_at=old.next_at if old else None,
        )  # fmt: skip
        crew.fleet.schedules[wish.name] = view
        return {"schedule": view.model_dump(mode="json")}

    return save


@flow_answer.register(w.RemoveSchedule)
def _(wish: w.RemoveSchedule) -> Do:
    def remove(crew: Crew) -> Result:
        del crew.fleet.schedules[wish.name]
        return {"name": wish.name}

    return remove
