"""``quarterdeck pipeline``: list, show, payloads, payload, dead-letters."""

from __future__ import annotations

from ...core.base.priority import Priority
from ..invocation import Invocation
from ..link import Message
from ..naming import short_ids
from ..pipeline_rows import (
    HANDLER_HEADS,
    LANE_HEADS,
    PAYLOAD_HEADS,
    PAYLOAD_SPARE,
    PIPELINE_HEADS,
    find_payload,
    handler_row,
    lane_row,
    payload_row,
    pipeline_row,
    value_text,
)
from ..printing import age, local_time

EMPTY = "No payload is like that."


def list_(invocation: Invocation) -> None:
    """``pipeline list``."""
    found = invocation.call("pipeline.list")
    rows = [pipeline_row(view) for view in found["pipelines"]]
    empty = "No pipeline is loaded. Load one with: quarterdeck pipeline load FILE"
    invocation.printer.show(found, lambda: invocation.printer.table(PIPELINE_HEADS, rows, empty))


def show(invocation: Invocation, *, name: str) -> None:
    """``pipeline show``."""
    found = invocation.call("pipeline.show", name=name)
    invocation.printer.show(found, lambda: _describe(invocation, found["whole"]))


def _describe(invocation: Invocation, whole: Message) -> None:
    view, printer = whole["pipeline"], invocation.printer
    printer.fields(
        (
            ("name", view["name"]),
            ("about", view["description"]),
            ("file", view["file"]),
            ("paused", "yes" if view["paused"] else ""),
            ("error", view["error"]),
            ("loaded", local_time(view["loaded_at"])),
            ("inputs", ", ".join(f"{key}={value}" for key, value in whole["inputs"].items())),
            ("groups", ", ".join(f"{key}: {value}" for key, value in whole["groups"].items())),
        )
    )
    printer.line()
    printer.table(LANE_HEADS, map(lane_row, view["lanes"]), "There are no event types.")
    printer.line()
    printer.table(HANDLER_HEADS, map(handler_row, whole["handlers"]), "There are no handlers.")
    for one in whole["triggers"]:
        printer.line(f"trigger {one['kind']}: {_trigger(one)}")


def _trigger(view: Message) -> str:
    """What a trigger heeds, how often it has propelled, and what keeps it from it."""
    told = [f"{view['what']} to {view['event']}"]
    if view["count"]:
        told.append(f"{view['count']} so far, the last {age(view['last_at'])} ago")
    if view["next_at"]:
        told.append(f"next {local_time(view['next_at'])}")
    fault = f": {view['error']}" if view["error"] else ""
    return f"{', '.join(told)}{fault}"


def payloads(
    invocation: Invocation,
    *,
    pipeline: str | None,
    event: str | None,
    status: str | None,
    chain: str | None,
    limit: int,
) -> None:
    """``pipeline payloads``."""
    statuses = None if status is None else [one.strip() for one in status.split(",")]
    root = None if chain is None else find_payload(invocation, chain)
    found = invocation.call(
        "pipeline.payloads", name=pipeline, event=event, statuses=statuses, root=root, limit=limit
    )
    _table(invocation, found)


def dead_letters(invocation: Invocation, *, pipeline: str | None, event: str | None) -> None:
    """``pipeline dead-letters``."""
    found = invocation.call(
        "pipeline.payloads", name=pipeline, event=event, statuses=["dead"], limit=10_000
    )
    _table(invocation, found, "There are no dead letters.")


def _table(invocation: Invocation, found: Message, empty: str = EMPTY) -> None:
    views = found["payloads"]
    short = short_ids([view["id"] for view in views])
    rows = [payload_row(view, short[view["id"]]) for view in views]
    printer = invocation.printer
    printer.show(found, lambda: printer.table(PAYLOAD_HEADS, rows, empty, PAYLOAD_SPARE))


def payload(invocation: Invocation, *, payload: str) -> None:
    """``pipeline payload``."""
    payload_id = find_payload(invocation, payload)
    found = invocation.call("pipeline.payload", payload_id=payload_id)
    invocation.printer.show(found, lambda: _describe_payload(invocation, found["detail"]))


def _describe_payload(invocation: Invocation, detail: Message) -> None:
    view, printer = detail["payload"], invocation.printer
    printer.fields(
        (
            ("payload", view["id"]),
            ("event", f"{view['pipeline']}.{view['event']}"),
            ("status", view["status"]),
            ("reason", view["reason"]),
            ("error", view["error"]),
            ("priority", Priority(view["priority"]).name.lower()),
            ("deadline", local_time(view["deadline"])),
            ("created", local_time(view["created_at"])),
            ("ended", local_time(view["ended_at"])),
            ("next try", local_time(view["next_attempt_at"])),
            ("cause", view["cause"]),
            ("data", value_text(detail["data"])),
        )
    )
    for one in detail["causes"]:
        printer.line(f"after {one['event']} {one['id']} {one['status']}{_through(one)}")
    for one in detail["runs"]:
        why = f": {one['error']}" if one["error"] else ""
        gave = f" gave {value_text(one['result'])}" if one["has_result"] else ""
        printer.line(f"{one['handler']} {one['attempt']} {one['status']}{gave}{why}")
    for one in detail["effects"]:
        pad = "  " * max(one["hops"] - view["hops"] - 1, 0)
        printer.line(f"{pad}led to {one['event']} {one['id']} {one['status']}{_through(one)}")


def _through(view: Message) -> str:
    """The workflow's task that propelled a payload, if one did."""
    cause = view["cause"] or ""
    if not cause.startswith("workflow/"):
        return ""
    _, workflow, task = cause.split("/", 2)
    return f" (by task {task} of the workflow {workflow})"
