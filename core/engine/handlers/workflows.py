"""Handlers of ``workflow.*`` and ``schedule.*``.

Results: ``{"workflow": view}`` for what changes one workflow, ``{"workflows": [view, ...]}``; a
whole workflow as ``{"whole": view}``, a task as ``{"task": view}``, ``{"versions": [view, ...]}``,
``{"difference": view}``, ``{"graph": view}``; a signal gives ``{"awaited": bool}``, a log ``attempt``,
``offset``, ``size``, ``next``, ``text`` and ``running``; ``{"schedule": view}``, ``{"schedules": [view, ...]}``,
deleting ``{"workflow_id": id}`` and ``{"name": name}``.
"""

from __future__ import annotations

from typing import Any

from ...protocol import workflow_commands as c
from ...protocol.payload import Payload
from ...protocol.view import View
from ..context import Call, Context, Kept, Place, Result, Route, routes_by_type


def _of(name: str, view: View) -> Result:
    return {name: view.model_dump(mode="json")}


async def create(context: Context, wish: c.CreateWorkflow, call: Call) -> Result:
    """Create a workflow; the command's id is its id, so that it is created once."""
    made = await context.workflows.create(wish, call.cause, call.command.id)
    return _of("workflow", made)


async def start(context: Context, wish: c.StartWorkflow, call: Call) -> Result:
    """Begin, or go on."""
    return _of("workflow", await context.workflows.start(wish.workflow_id, call.cause))


async def pause(context: Context, wish: c.PauseWorkflow, call: Call) -> Result:
    """Begin nothing more."""
    return _of("workflow", await context.workflows.pause(wish, call.cause))


async def resume(context: Context, wish: c.ResumeWorkflow, call: Call) -> Result:
    """Go on."""
    return _of("workflow", await context.workflows.resume(wish.workflow_id, call.cause))


async def cancel(context: Context, wish: c.CancelWorkflow, call: Call) -> Result:
    """Stop what runs, and end."""
    return _of("workflow", await context.workflows.cancel(wish.workflow_id, call.cause))


async def retry(context: Context, wish: c.RetryWorkflow, call: Call) -> Result:
    """Begin anew from what failed."""
    return _of("workflow", await context.workflows.retry(wish.workflow_id, call.cause))


async def rerun(context: Context, wish: c.RerunTask, call: Call) -> Result:
    """Begin anew from one task."""
    return _of("workflow", await context.workflows.rerun(wish, call.cause))


async def roll_back(context: Context, wish: c.RollBackWorkflow, call: Call) -> Result:
    """Restore a former state."""
    return _of("workflow", await context.workflows.roll_back(wish, call.cause))


async def delete(context: Context, wish: c.DeleteWorkflow, call: Call) -> Result:
    """Remove a workflow."""
    await context.workflows.delete(wish.workflow_id, call.cause)
    return {"workflow_id": wish.workflow_id}


async def signal(context: Context, wish: c.SignalWorkflow, _call: Call) -> Result:
    """Tell of something outside."""
    return {"awaited": await context.workflows.signal(wish)}


async def list_workflows(context: Context, wish: c.ListWorkflows, _call: Call) -> Result:
    """Workflows, newest first."""
    views = await context.workflows.reading.lines(wish)
    return {"workflows": [view.model_dump(mode="json") for view in views]}


async def show(context: Context, wish: c.ShowWorkflow, _call: Call) -> Result:
    """One workflow with its tasks."""
    return _of("whole", await context.workflows.reading.whole(wish))


async def show_task(context: Context, wish: c.ShowTask, _call: Call) -> Result:
    """All about one task."""
    return _of("task", await context.workflows.reading.task(wish))


async def history(context: Context, wish: c.WorkflowHistory, _call: Call) -> Result:
    """Versions."""
    found = await context.workflows.reading.history(wish)
    return {"versions": [view.model_dump(mode="json") for view in found]}


async def compare(context: Context, wish: c.CompareVersions, _call: Call) -> Result:
    """What differs between two versions."""
    return _of("difference", await context.workflows.reading.compare(wish))


async def read_log(context: Context, wish: c.ReadTaskLog, _call: Call) -> Result:
    """A piece of an attempt's output."""
    return await context.workflows.reading.log(wish)


async def graph(context: Context, wish: c.DrawWorkflow, _call: Call) -> Result:
    """The workflow drawn."""
    return _of("graph", await context.workflows.reading.graph(wish))


async def save_schedule(context: Context, wish: c.SaveSchedule, _call: Call) -> Result:
    """Keep a schedule."""
    return _of("schedule", await context.workflows.save_schedule(wish))


async def list_schedules(context: Context, _wish: c.ListSchedules, _call: Call) -> Result:
    """Every schedule."""
    views = context.workflows.schedules()
    return {"schedules": [view.model_dump(mode="json") for view in views]}


async def remove_schedule(context: Context, wish: c.RemoveSchedule, _call: Call) -> Result:
    """Remove a schedule."""
    await context.workflows.clockwork.remove(wish.name)
    return {"name": wish.name}


def _changes(payload: type[Payload], handler: Any) -> Route:
    return Route(payload, handler, Place.MAILBOX, Kept.STORE)


def _reads(payload: type[Payload], handler: Any) -> Route:
    return Route(payload, handler, Place.WORKER, Kept.NOT)


ROUTES = routes_by_type(
    _changes(c.CreateWorkflow, create),
    _changes(c.StartWorkflow, start),
    _changes(c.PauseWorkflow, pause),
    _changes(c.ResumeWorkflow, resume),
    _changes(c.CancelWorkflow, cancel),
    _changes(c.RetryWorkflow, retry),
    _changes(c.RerunTask, rerun),
    _changes(c.RollBackWorkflow, roll_back),
    _changes(c.DeleteWorkflow, delete),
    _changes(c.SignalWorkflow, signal),
    _reads(c.ListWorkflows, list_workflows),
    _reads(c.ShowWorkflow, show),
    _reads(c.ShowTask, show_task),
    _reads(c.WorkflowHistory, history),
    _reads(c.CompareVersions, compare),
    _reads(c.ReadTaskLog, read_log),
    _reads(c.DrawWorkflow, graph),
    _changes(c.SaveSchedule, save_schedule),
    _reads(c.ListSchedules, list_schedules),
    _changes(c.RemoveSchedule, remove_schedule),
)
