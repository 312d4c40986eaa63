"""``quarterdeck workflow``: check, graph, list, show, history, log."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ..agency import load_catalog
from ..exits import FAILED
from ..failing import fault, near
from ..following import RETURNED, Events
from ..invocation import Invocation
from ..link import Message
from ..naming import find_workflow, short_ids
from ..place import load
from ..presenting import (
    TASK_HEADS,
    VERSION_HEADS,
    WORKFLOW_HEADS,
    WORKFLOW_SPARE,
    some,
    task_row,
    tasks_done,
    version_row,
    workflow_row,
    workflow_word,
)
from ..printing import clean, clean_lines, local_time
from ..telling_faults import tell_faults

OVER = frozenset({"completed", "failed", "cancelled"})


def check(invocation: Invocation, *, file: str) -> int | None:
    """``workflow check``; exit code 1 if there is a fault."""
    # Start-up time: the format loads YAML, templates and schemas.
    from ...core.workflows.files.loading import read_file  # noqa: PLC0415

    agents = load_catalog(load(invocation.place).settings).definitions
    capabilities = {able for one in agents.values() for able in one.capabilities}
    found = read_file(file, agents=agents, capabilities=capabilities)
    tell_faults(invocation.printer, file, found.faults, found.notes)
    return FAILED if found.faults else None


def graph(
    invocation: Invocation,
    *,
    file: str,
    format: str,  # noqa: A002  # the option is called so
    width: int | None,
    unfold: bool,
) -> None:
    """``workflow graph`` of a file, or with live states of a workflow."""
    # Start-up time: the layout loads networkx and rich, which checking does without.
    from ...core.workflows.drawing import FORMATS, text  # noqa: PLC0415

    if format not in FORMATS:
        known = ", ".join(FORMATS)
        raise fault("usage", f"--format is one of {known}, not {format}.{near(format, FORMATS)}")
    shown, told = _pictured(invocation, file)
    if format == "text":
        columns = width or shutil.get_terminal_size().columns
        drawn = text(shown, width=columns, folding=not unfold)
    else:
        drawn = FORMATS[format](shown)
    told |= {"format": format, "graph": drawn}
    invocation.printer.show(told, lambda: invocation.printer.line(drawn))


def _pictured(invocation: Invocation, named: str) -> tuple[Any, Message]:
    """The graph of a file, else of the workflow with that id."""
    if Path(named).exists() or Path(named).suffix in {".yaml", ".yml", ".json"}:
        # Start-up time: as above.
        from ...core.workflows.files.picturing import file_graph  # noqa: PLC0415

        return file_graph(named), {"file": named}
    # Start-up time: as above.
    from ...core.engine.workflows.picture import task_graph  # noqa: PLC0415
    from ...core.protocol.workflow_views import WholeWorkflowView  # noqa: PLC0415

    found = find_workflow(invocation, named)
    result = invocation.call("workflow.show", workflow_id=found["id"])
    whole = WholeWorkflowView.model_validate(result["whole"])
    return task_graph(whole.tasks, whole.workflow.waiting), {"workflow_id": found["id"]}


def list_(invocation: Invocation, *, status: str | None, name: str | None, limit: int) -> None:
    """``workflow list``."""
    statuses = None if status is None else [one.strip() for one in status.split(",")]
    found = invocation.call("workflow.list", statuses=statuses, name=name, limit=limit)
    views = found["workflows"]
    short = short_ids([view["id"] for view in views])
    rows = [workflow_row(view, short[view["id"]]) for view in views]
    empty = "No workflow is like that." if status or name else "There are no workflows yet."
    printer = invocation.printer
    printer.show(found, lambda: printer.table(WORKFLOW_HEADS, rows, empty, WORKFLOW_SPARE))


def show(
    invocation: Invocation,
    *,
    id: str,  # noqa: A002  # the argument's name
    task: str | None,
    version: int | None,
) -> None:
    """``workflow show``."""
    found = find_workflow(invocation, id)
    if task is not None:
        result = invocation.call("workflow.task", workflow_id=found["id"], task_id=task)
        invocation.printer.show(result, lambda: _describe_task(invocation, result["task"]))
        return
    result = invocation.call("workflow.show", workflow_id=found["id"], version=version)
    invocation.printer.show(result, lambda: _describe(invocation, result["whole"]))


def _describe(invocation: Invocation, whole: Message) -> None:
    view, printer = whole["workflow"], invocation.printer
    printer.fields(
        (
            ("name", view["name"]),
            ("id", view["id"]),
            ("status", workflow_word(view)),
            ("tasks", tasks_done(view)),
            ("waits for you", some(view["waiting"], most=20)),
            ("error", view["error"]),
            ("about", whole["description"]),
            ("file", view["file"]),
            ("inputs", ", ".join(f"{key}={value}" for key, value in whole["inputs"].items())),
            ("created", local_time(view["created_at"])),
            ("started", local_time(view["started_at"])),
            ("ended", local_time(view["ended_at"])),
            ("driven by", view["engine_id"]),
            ("part of", view["parent"]),
            ("version", view["version"]),
            ("restored", view["restored_from"]),
            ("longest", " > ".join(whole["critical"])),
        )
    )
    printer.line()
    printer.table(TASK_HEADS, map(task_row, whole["tasks"]), "There are no tasks.")


def _describe_task(invocation: Invocation, detail: Message) -> None:
    task, printer = detail["task"], invocation.printer
    printer.fields(
        (
            ("task", task["id"]),
            ("kind", task["kind"]),
            ("agent", task["agent"]),
            ("status", task["status"]),
            ("reason", task["reason"]),
            ("needs", ", ".join(task["needs"])),
            ("attempt", f"{task['attempt']} of {task['max_attempts']}" if task["attempt"] else ""),
            ("error", task["error"]),
            ("session", task["session_id"]),
            ("workflow", task["child_workflow"]),
            ("given", ", ".join(f"{key}={value}" for key, value in detail["given"].items())),
        )
    )
    for one in detail["attempts"]:
        ended = f" to {local_time(one['ended_at'])}" if one["ended_at"] else ""
        why = f": {one['error']}" if one["error"] else ""
        began = local_time(one["started_at"])
        printer.line(clean(f"attempt {one['attempt']} {one['status']}, {began}{ended}{why}"))
    for one in detail["handoffs"]:
        printer.line(clean(f"handoff {one['source']} to {one['target']}: {one['status']}"))
    for one in detail["artifacts"]:
        printer.line(clean(f"file {one['name']}: {one['path']} ({one['size']} bytes)"))
    if detail["has_result"]:
        printer.line("result:")
        result = detail["result"]
        printer.line(result if isinstance(result, str) else str(result))


def history(
    invocation: Invocation,
    *,
    id: str,  # noqa: A002  # the argument's name
    compare: str | None,
    limit: int,
) -> None:
    """``workflow history``."""
    found = find_workflow(invocation, id)
    printer = invocation.printer
    if compare is None:
        result = invocation.call("workflow.history", workflow_id=found["id"], limit=limit)
        rows = map(version_row, result["versions"])
        printer.show(result, lambda: printer.table(VERSION_HEADS, rows, "There is no history."))
        return
    before, comma, after = compare.partition(",")
    if not (comma and before.isdigit() and after.isdigit()):
        raise fault("usage", f"--compare takes two versions, such as 5,9, not {compare}.")
    result = invocation.call(
        "workflow.compare", workflow_id=found["id"], before=int(before), after=int(after)
    )
    printer.show(result, lambda: _tell_difference(invocation, result["difference"]))


def _tell_difference(invocation: Invocation, found: Message) -> None:
    changed = {"workflow": found["workflow"], **found["tasks"]}
    for name, fields in changed.items():
        for field, (before, after) in fields.items():
            invocation.printer.line(clean(f"{name}.{field}: {before} -> {after}"))
    for word in ("added", "removed"):
        for name in found[word]:
            invocation.printer.line(clean(f"{name} was {word}"))
    if not (any(changed.values()) or found["added"] or found["removed"]):
        invocation.printer.line("Nothing differs.")


def log(
    invocation: Invocation,
    *,
    id: str,  # noqa: A002  # the argument's name
    task: str,
    attempt: int | None,
    follow: bool,
    tail: int,
) -> None:
    """``workflow log``."""
    found = find_workflow(invocation, id)
    wish = {"workflow_id": found["id"], "task_id": task, "attempt": attempt}
    # Before the log is read, so that nothing between the two is missed.
    events = (
        Events(invocation, ("workflow.output", "workflow.task", "workflow.changed"))
        if follow
        else None
    )
    piece = invocation.call("workflow.log", **wish, limit=tail)
    _print_piece(invocation, piece)
    while events is not None and piece["running"]:
        event = events.next()
        if event is RETURNED or _concerns(event, wish):
            piece = _rest(invocation, {**wish, "attempt": piece["attempt"]}, piece)


def _rest(invocation: Invocation, wish: Message, piece: Message) -> Message:
    """Print all that has come; the last piece."""
    while True:
        piece = invocation.call("workflow.log", **wish, offset=piece["next"])
        _print_piece(invocation, piece)
        if piece["next"] >= piece["size"]:
            return piece


def _concerns(event: Message | None, wish: Message) -> bool:
    payload = {} if event is None else event["payload"]
    workflow_id = payload.get("workflow_id") or payload.get("workflow", {}).get("id")
    task_id = payload.get("task_id") or payload.get("task", {}).get("id", wish["task_id"])
    return (workflow_id, task_id) == (wish["workflow_id"], wish["task_id"])


def _print_piece(invocation: Invocation, piece: Message) -> None:
    if invocation.printer.as_json:
        invocation.printer.record(piece)
    elif piece["text"]:
        invocation.printer.raw(clean_lines(piece["text"]))
