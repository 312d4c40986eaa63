"""All about one task, as lines to read."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from ....core.protocol.workflow_views import (
    ArtifactView,
    AttemptView,
    HandoffView,
    TaskDetailView,
    TaskView,
)
from ..about import about, short_id
from ..cells import Cell, Row
from ..words import clean, clean_lines, plural
from .state import Flow
from .words import TASK_SIGNS, WAITING, span_text, task_state, task_time, time_of

LONGEST = 400
VALUE_LINES = 60
INDENT = "  "
UNITS = ("B", "kB", "MB", "GB", "TB")


def detail_rows(
    task: TaskView,
    detail: TaskDetailView | None,
    waiting: tuple[str, ...],
    now: datetime,
    parent: str | None = None,
) -> list[Row]:
    """What it was given, its result or error, its attempts, handoffs and files.

    ``parent`` is what the workflow is a part of.
    """
    rows = facts(task, waiting, now)
    led, above = emitted(task, detail), payload_above(parent)
    rows += [_chain("led to payload", led)] if led else []
    rows += [_chain("for payload", above)] if above else []
    if detail is None:
        return rows
    if task.error:
        rows += [*_head("ERROR"), *_text(f"{task.error_type or 'error'}: {task.error}", "error")]
    if detail.has_result:
        rows += [*_head("RESULT"), *value_rows(detail.result)]
    if detail.given:
        rows += _head("GIVEN")
        for name, value in detail.given.items():
            rows += _named(name, value)
    if detail.attempts:
        rows += [*_head("ATTEMPTS"), *(_attempt(attempt, now) for attempt in detail.attempts)]
    if detail.handoffs:
        rows += _head("HANDOFFS")
        for handoff in detail.handoffs:
            rows += _handoff(handoff)
    if detail.artifacts:
        rows += [*_head("FILES"), *(_artifact(one) for one in detail.artifacts)]
    return rows


def emitted(task: TaskView, detail: TaskDetailView | None) -> str:
    """The payload that the task has emitted; empty if none."""
    result = detail.result if detail is not None and detail.has_result else None
    found = result.get("payload_id") if task.kind == "emit" and isinstance(result, dict) else None
    return found if isinstance(found, str) else ""


def payload_above(parent: str | None) -> str:
    """The payload for which a workflow runs; empty if it does for none."""
    kind, name, _ = about(parent or "")
    return name if kind == "payload" else ""


def _chain(words: str, payload_id: str) -> Row:
    return (Cell(f"{words} ", "muted"), Cell(f"→ {short_id(payload_id)}", "key"))


def facts(task: TaskView, waiting: tuple[str, ...], now: datetime) -> list[Row]:
    """How it stands, in a few lines."""
    state = task_state(task, waiting)
    sign, tone = TASK_SIGNS[state]
    word = "waits for you" if state == WAITING else state
    time = task_time(task, now)
    told = [attempt_text(task)] if task.attempt else []
    told += [f"{time}"] if time else []
    told += [clean(f"{task.kind} {task.agent}", 80)]
    told += [task.priority.name.lower()] if task.priority.name != "NORMAL" else []
    told += ["may fail"] if task.allow_failure else []
    told += ["final"] if task.final else []
    rows: list[Row] = [(Cell(f"{sign} {word}", tone), Cell(f" · {' · '.join(told)}", "muted"))]
    if task.reason:
        rows.append((Cell(clean(task.reason, LONGEST), "muted"),))
    if task.needs:
        rows.append((Cell("needs ", "muted"), Cell(clean(", ".join(task.needs), LONGEST))))
    if task.next_attempt_at is not None and task.status.value == "retrying":
        left = max(0.0, (task.next_attempt_at - now).total_seconds())
        rows.append((Cell(f"tried again in {span_text(left)}", "needs"),))
    return rows


def attempt_text(task: TaskView) -> str:
    """Which attempt of how many; one that was asked for again is beyond all that were meant."""
    within = task.attempt <= task.max_attempts
    return f"attempt {task.attempt}" + (f" of {task.max_attempts}" if within else "")


def summary(flow: Flow, task: TaskView, now: datetime) -> str:
    """A task in one line, for an edge."""
    state = flow.state(task)
    word = "waits for you" if state == WAITING else state
    parts = [clean(task.id, 60), word, task_time(task, now), clean(task.agent or task.kind, 40)]
    if task.attempt > 1:
        parts.append(attempt_text(task))
    parts += [clean(task.error or task.reason, 120)] if task.error or task.reason else []
    parts += ["on the critical path"] if task.id in flow.path.at(now) else []
    return f" {' · '.join(part for part in parts if part)} "


def value_rows(value: Any, tone: str = "") -> list[Row]:
    """A value as lines: text as it stands, everything else as indented JSON."""
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    )
    return _text(text, tone)


def _named(name: str, value: Any) -> list[Row]:
    """A name before its value, on one line if it fits there."""
    rows = value_rows(value)
    label = Cell(f"{INDENT}{clean(name, 80)}: ", "key")
    if len(rows) == 1:
        return [(label, *((Cell(rows[0][0].text.strip()),) if rows[0] else ()))]
    return [(label,), *((Cell(INDENT), *row) for row in rows)]


def _text(text: str, tone: str = "") -> list[Row]:
    lines = clean_lines(text) or [""]
    rows: list[Row] = [(Cell(f"{INDENT}{line}", tone),) for line in lines[:VALUE_LINES]]
    if len(lines) > VALUE_LINES:
        rest = plural(len(lines) - VALUE_LINES, "line")
        rows.append((Cell(f"{INDENT}… {rest} more", "muted"),))
    return rows


def _head(title: str) -> list[Row]:
    return [(Cell(""),), (Cell(title, "head"),)]


def _attempt(attempt: AttemptView, now: datetime) -> Row:
    sign, tone = TASK_SIGNS[attempt.status.value]
    time = time_of(attempt.started_at, attempt.ended_at, now)
    clock = attempt.started_at.astimezone().strftime("%H:%M:%S")
    error = f"  {clean(attempt.error, 200)}" if attempt.error else ""
    return (
        Cell(f"{INDENT}{sign} {attempt.attempt} {attempt.status.value:<10}", tone),
        Cell(f" {clock} {time:>6}", "muted"),
        Cell(error, "error"),
    )


def _handoff(handoff: HandoffView) -> list[Row]:
    ends = f"{clean(handoff.source or 'start', 80)} → {clean(handoff.target or 'end', 80)}"
    context = handoff.body.get("context")
    told = context.get("task_description", "") if isinstance(context, dict) else ""
    row: Row = (Cell(f"{INDENT}{ends}"), Cell(f"  {clean(handoff.status, 40)}", "muted"))
    return [row, (Cell(f"{INDENT * 2}{clean(str(told), 200)}", "muted"),)] if told else [row]


def _artifact(artifact: ArtifactView) -> Row:
    return (
        Cell(f"{INDENT}{clean(artifact.name, 120)}"),
        Cell(f"  {size_text(artifact.size)}  {clean(artifact.path, 300)}", "muted"),
    )


def size_text(size: int) -> str:
    """So many bytes, in a unit that keeps the number short."""
    if size < 1000:
        return f"{size} B"
    power = min(4, (len(str(size)) - 1) // 3)
    return f"{size / 1000**power:.1f} {UNITS[power]}"
