"""All about one payload, as lines to read; those that lead somewhere have a key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ....core.protocol.pipeline_views import (
    PayloadDetailView,
    PayloadStatus,
    PayloadView,
    RunView,
)
from ..about import about, short_id
from ..ages import age_of
from ..cells import Cell, Row
from ..flow.detail import value_rows
from ..flow.words import span_text, time_of
from ..table import AnyRow, Line, head, one
from ..words import clean, plural
from .words import ENDED, PAYLOAD_SIGNS, deadline_text

LONGEST = 400
CHAIN = 200
"""So many lines of a chain are drawn; the rest is counted."""


def detail_rows(
    payload: PayloadView, detail: PayloadDetailView | None, now: datetime
) -> list[AnyRow]:
    """How it stands, its data, what led to it and what it led to, every attempt."""
    rows = _facts(payload, now)
    if detail is None:
        return rows
    if payload.error:
        rows += [*head("ERROR"), Line(one(f"  {clean(payload.error, LONGEST)}", "error"))]
    rows += [*head("DATA"), *_value(detail.data)]
    rows += [*head("CHAIN"), *chain_rows(detail, now)]
    if detail.runs:
        rows += head("RUNS")
        for run in detail.runs:
            rows += _run(run, now)
    return rows


def _facts(payload: PayloadView, now: datetime) -> list[AnyRow]:
    sign, tone = PAYLOAD_SIGNS[payload.status]
    told = [time_of(payload.created_at, payload.ended_at, now)]
    told += [payload.priority.name.lower()] if payload.priority.name != "NORMAL" else []
    many = payload.attempt and payload.max_attempts > 1
    told += [f"attempt {payload.attempt} of {payload.max_attempts}"] if many else []
    live = payload.status not in ENDED
    told += [deadline_text(payload.deadline, now)] if payload.deadline and live else []
    rows: list[AnyRow] = [
        Line(
            (Cell(f"{sign} {payload.status.value}", tone), Cell(f" · {' · '.join(told)}", "muted"))
        )
    ]
    if payload.summary:
        rows.append(Line(one(clean(payload.summary, LONGEST))))
    if payload.reason and live:
        rows.append(Line(one(clean(payload.reason, LONGEST), "muted")))
    if payload.status is PayloadStatus.RETRYING and payload.next_attempt_at:
        left = max(0.0, (payload.next_attempt_at - now).total_seconds())
        rows.append(Line(one(f"tried again in {span_text(left)}", "needs")))
    return rows


def _value(value: object) -> list[AnyRow]:
    if value is None:
        return [Line(one("  none", "muted"))]
    return [Line(row) for row in value_rows(value)]


# ---- the chain


def chain_rows(detail: PayloadDetailView, now: datetime) -> list[AnyRow]:
    """Causes above it, each one step further in; what it led to below it, as a tree."""
    this = detail.payload
    rows: list[AnyRow] = []
    depth = 0
    first = detail.causes[0] if detail.causes else this
    if first.cause and not first.above:
        rows.append(_origin(first.cause))
        depth = 1
    for cause in (*detail.causes, this):
        if cause.above and _is_of_workflow(cause):
            rows.append(_origin(cause.cause or "", _branch(depth)))
            depth += 1
        here = cause is this
        rows.append((_here if here else _link)(cause, _branch(depth), now))
        depth += not here
    children: dict[str, list[PayloadView]] = {}
    known = {this.id, *(one.id for one in detail.effects)}
    for effect in detail.effects:
        above = effect.above or about(effect.cause or "").id
        above = above if above in known else this.id
        children.setdefault(above, []).append(effect)
    found = list(_tree(this.id, children, "   " * depth, {this.id}, now))
    rows += found[:CHAIN]
    if len(found) > CHAIN:
        rows.append(Line(one(f"  … {plural(len(found) - CHAIN, 'payload')} more", "muted")))
    return rows


def _tree(
    above: str, children: dict[str, list[PayloadView]], indent: str, seen: set[str], now: datetime
) -> Iterator[AnyRow]:
    below = [child for child in children.get(above, ()) if child.id not in seen]
    for place, child in enumerate(below):
        seen.add(child.id)
        last = place == len(below) - 1
        branch, under = ("└─ ", "   ") if last else ("├─ ", "│  ")
        inner = f"{indent}{under}"
        if _is_of_workflow(child):
            yield _origin(child.cause or "", f"{indent}{branch}")
            branch, indented, inner = "└─ ", inner, f"{inner}   "
        else:
            indented = indent
        yield _link(child, f"{indented}{branch}", now)
        yield from _tree(child.id, children, inner, seen, now)


def _branch(depth: int) -> str:
    return f"{'   ' * (depth - 1)}└─ " if depth else ""


def _is_of_workflow(payload: PayloadView) -> bool:
    """Whether a workflow's task propelled it."""
    return about(payload.cause or "").kind == "workflow"


def _origin(cause: str, branch: str = "") -> Line:
    """What began the chain, or lies between two payloads of it, and is no payload."""
    kind, name, part = about(cause)
    if kind == "workflow":
        words = f"◆ workflow {short_id(name)}" + (f" · task {clean(part, 80)}" if part else "")
        return Line((Cell(f"  {branch}", "muted"), Cell(words)), cause)
    which = f" · {clean(part, 80)}" if part else ""
    return Line(one(f"  ◆ {clean(name or kind, 80)} {kind if name else ''}{which}", "muted"))


def _link(payload: PayloadView, branch: str, now: datetime) -> Line:
    return Line(_node(payload, branch, now), f"payload/{payload.id}")


def _here(payload: PayloadView, branch: str, now: datetime) -> Line:
    sign, tone = PAYLOAD_SIGNS[payload.status]
    return Line(
        (
            Cell(f"  {branch}", "muted"),
            Cell(f"{sign} ", tone),
            Cell(clean(payload.event, 80), "head"),
            Cell(" ← this one", "key"),
            Cell(f"  {time_of(payload.created_at, payload.ended_at, now)}", "muted"),
        )
    )


def _node(payload: PayloadView, branch: str, now: datetime) -> Row:
    sign, tone = PAYLOAD_SIGNS[payload.status]
    time = time_of(payload.created_at, payload.ended_at, now)
    return (
        Cell(f"  {branch}", "muted"),
        Cell(f"{sign} ", tone),
        Cell(clean(payload.event, 80)),
        Cell(f" {short_id(payload.id)} {time}  ", "muted"),
        Cell(clean(payload.error or payload.summary, 200), "error" if payload.error else "muted"),
    )


# ---- runs


def run_target(run: RunView) -> str:
    """What is behind a run: the session it works in, else the workflow that runs it; empty: nothing."""
    if run.session_id:
        return f"session/{run.session_id}"
    return f"workflow/{run.workflow_id}" if run.workflow_id else ""


def _run(run: RunView, now: datetime) -> list[AnyRow]:
    sign, tone = PAYLOAD_SIGNS[run.status]
    target = run_target(run)
    behind = f"  → {about(target).kind} {short_id(about(target).id)}" if target else ""
    begun = run.started_at.astimezone().strftime("%H:%M:%S") if run.started_at else "not begun"
    rows: list[AnyRow] = [
        Line(
            (
                Cell(f"  {sign} {run.attempt} {run.status.value:<10}", tone),
                Cell(clean(run.handler, 80), "head"),
                Cell(f"  {clean(run.agent, 40)}" if run.agent else "", "muted"),
                Cell(f"  {begun} {time_of(run.started_at, run.ended_at, now)}", "muted"),
                Cell(behind, "key"),
            ),
            target,
        )
    ]
    if run.error:
        named = f"{run.error_type}: " if run.error_type else ""
        rows.append(Line(one(f"      {clean(named + run.error, LONGEST)}", "error")))
    if run.has_result:
        rows += [Line((Cell("    "), *row)) for row in value_rows(run.result)]
    if run.emitted:
        led = ", ".join(short_id(one) for one in run.emitted[:20])
        rows.append(Line(one(f"      led to {led}", "muted")))
    return rows


def behind(detail: PayloadDetailView) -> str:
    """The session or the workflow that works on it, or did last; empty: none does."""
    targets = [run_target(run) for run in sorted(detail.runs, key=_begun)]
    found = [target for target in targets if target]
    if found:
        return found[-1]
    cause = detail.payload.cause or ""
    return cause if about(cause).kind == "workflow" else ""


def _begun(run: RunView) -> tuple[bool, float]:
    return run.status is PayloadStatus.RUNNING, run.started_at.timestamp() if run.started_at else 0


def detail_lasts(detail: PayloadDetailView | None, now: datetime) -> float | None:
    """Seconds until a time in it says something else; ``None``: never."""
    if detail is None:
        return None
    live = [detail.payload, *detail.causes, *detail.effects]
    if any(one.status not in ENDED for one in live):
        return 1.0 - age_of(detail.payload.created_at, now) % 1.0
    return None


def title_words(payload: PayloadView) -> str:
    """What stands over all about it."""
    return f"PAYLOAD {short_id(payload.id)} · {clean(payload.event, 60)}"
