"""The rows of lanes and handlers; values only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ....core.protocol.pipeline_views import (
    HandlerView,
    LaneView,
    PipelineView,
    TriggerView,
    WholePipelineView,
)
from ..ages import age_lasts, age_of, age_text
from ..cells import Cell, Row
from ..flow.words import span_text
from ..table import AnyRow, Col, Line, TableRow, head, heading, one
from ..words import clean, short_path
from .words import DepthBar, Spark

LANES = (
    Col("lane"),
    Col("waiting", 15, wide=22),
    Col("run", 6, right=True, wide=8),
    Col("per min", 9, wide=16),
    Col("oldest", 7, right=True, wide=8),
    Col("done", 6, right=True),
    Col("exp", 4, right=True),
    Col("fail", 5, right=True, wide=6),
    Col("dead", 5, right=True),
)
HANDLERS = (
    Col("handler"),
    Col("on", 17, wide=24),
    Col("run", 6, right=True),
    Col("wait", 5, right=True),
    Col("ok", 6, right=True),
    Col("fail", 5, right=True),
    Col("retry", 6, right=True),
    Col("mean", 7, right=True),
)
TRIGGERS = (
    Col("trigger", 11, wide=16),
    Col("event", 18, wide=26),
    Col("what"),
    Col("last", 7, right=True),
    Col("next", 7, right=True),
    Col("count", 6, right=True),
)


def lane_key(pipeline: str, event: str = "") -> str:
    """What names a lane, or all of a pipeline."""
    return f"pipeline/{pipeline}/{event}"


def lane_rows(pipelines: Sequence[PipelineView], now: datetime) -> list[AnyRow]:
    """Each pipeline with its lanes, in the order of their files."""
    lanes = [lane for pipeline in pipelines for lane in pipeline.lanes]
    most = max((lane.waiting for lane in lanes), default=0)
    rows: list[AnyRow] = [heading(LANES)] if pipelines else []
    for pipeline in pipelines:
        rows.append(Line(_pipeline(pipeline), lane_key(pipeline.name)))
        rows += (_lane(pipeline, lane, most, now) for lane in pipeline.lanes)
    return rows


def _pipeline(pipeline: PipelineView) -> Row:
    sign, word, tone = _stands(pipeline)
    told = (pipeline.error, "error") if pipeline.error else (pipeline.description, "muted")
    return (
        Cell(f"{sign} ", tone),
        Cell(clean(pipeline.name, 60), "head"),
        Cell(f" · {word}", tone),
        *((Cell(f" · {short_path(pipeline.file)}", "muted"),) if pipeline.file else ()),
        *((Cell(f" · {clean(told[0], 200)}", told[1]),) if told[0] else ()),
    )


def _stands(pipeline: PipelineView) -> tuple[str, str, str]:
    """Its sign, word and tone."""
    if pipeline.error:
        return "✗", "faulty", "error"
    if pipeline.paused:
        return "‖", "paused", "needs"
    busy = any(lane.running for lane in pipeline.lanes)
    return ("▸", "at work", "working") if busy else ("·", "at rest", "muted")


def _lane(pipeline: PipelineView, lane: LaneView, most: int, now: datetime) -> TableRow:
    depths = tuple(sorted(lane.depths.items()))
    running = f"{lane.running}" + (f"+{lane.retrying}↻" if lane.retrying else "")
    idle = not (lane.running or lane.retrying)
    oldest = age_text(age_of(lane.oldest_at, now)) if lane.oldest_at else "·"
    return TableRow(
        LANES,
        (
            one(f" {clean(lane.event, 80)}"),
            DepthBar(depths, most),
            one("·" if idle else running, "muted" if idle else "working"),
            Spark(lane.per_minute),
            one(oldest, "muted"),
            figure(lane.completed, "done"),
            figure(lane.expired, "needs"),
            figure(lane.failed, "error"),
            figure(lane.dead, "error"),
        ),
        lane_key(pipeline.name, lane.event),
    )


def figure(count: int, tone: str) -> Row:
    """A count in its tone; none is a dot."""
    return one(str(count), tone) if count else one("·", "muted")


def lanes_last(pipelines: Iterable[PipelineView], now: datetime) -> float | None:
    """Seconds until an age says something else; ``None``: never."""
    stamps = [lane.oldest_at for one in pipelines for lane in one.lanes if lane.oldest_at]
    return min((age_lasts(age_of(at, now)) for at in stamps), default=None)


# ---- handlers and triggers


def handler_rows(whole: WholePipelineView, event: str, now: datetime) -> list[AnyRow]:
    """The handlers, those of ``event`` only where it is given; what they share; the triggers."""
    shown = [one for one in whole.handlers if event in {"", one.event}]
    rows: list[AnyRow] = [heading(HANDLERS)]
    for handler in shown:
        rows += _handler(handler)
    if not shown:
        rows.append(Line(one("no handler: what comes here only waits to be read", "muted")))
    if whole.groups:
        limits = " · ".join(f"{clean(name, 40)} {limit}" for name, limit in whole.groups.items())
        rows += [Line(()), Line((Cell("shared limits ", "muted"), Cell(limits)))]
    triggers = [one for one in whole.triggers if event in {"", one.event}]
    if triggers:
        rows += [*head("TRIGGERS"), heading(TRIGGERS)]
        for trigger in triggers:
            rows += _trigger(trigger, now)
    return rows


def _handler(handler: HandlerView) -> list[AnyRow]:
    mean = handler.average_seconds
    limit = f"{handler.running}" + (f"/{handler.limit}" if handler.limit is not None else "")
    who = ", ".join(handler.agents) if handler.agents else handler.kind
    row = TableRow(
        HANDLERS,
        (
            one(clean(handler.name, 80), "head"),
            one(clean(who, 60), "muted"),
            one(limit, "working" if handler.running else "muted"),
            figure(handler.waiting, ""),
            figure(handler.succeeded, "done"),
            figure(handler.failed, "error"),
            figure(handler.retried, "needs"),
            one(span_text(mean) if mean is not None else "·", "muted"),
        ),
        f"handler/{handler.event}/{handler.name}",
    )
    under = [*_leads(handler), *_last_error(handler)]
    return [row, *under]


def _leads(handler: HandlerView) -> list[AnyRow]:
    parts = [f"on {clean(handler.event, 60)}"]
    parts += [f"emits {clean(', '.join(handler.emits), 100)}"] if handler.emits else []
    parts += [f"group {clean(handler.group, 40)}"] if handler.group else []
    parts += [f"{handler.rate:g} a second at most"] if handler.rate else []
    return [Line(one(f"  {' · '.join(parts)}", "muted"))]


def _last_error(handler: HandlerView) -> list[AnyRow]:
    if not handler.last_error:
        return []
    return [Line((Cell("  ✗ ", "error"), Cell(clean(handler.last_error, 300), "error")))]


def _trigger(trigger: TriggerView, now: datetime) -> list[AnyRow]:
    row = TableRow(
        TRIGGERS,
        (
            one(clean(trigger.kind, 30)),
            one(clean(trigger.event, 60)),
            one(clean(trigger.what, 200), "muted"),
            one(age_text(age_of(trigger.last_at, now)) if trigger.last_at else "·", "muted"),
            one(_until(trigger.next_at, now) if trigger.next_at else "·", "muted"),
            figure(trigger.count, ""),
        ),
        f"trigger/{trigger.kind}/{trigger.what}",
    )
    error = (Cell("  ✗ ", "error"), Cell(clean(trigger.error or "", 300), "error"))
    return [row, *([Line(error)] if trigger.error else [])]


def _until(at: datetime, now: datetime) -> str:
    return age_text(max(0.0, (at - now).total_seconds()))


def handlers_last(whole: WholePipelineView, now: datetime) -> float | None:
    """Seconds until a trigger's times say something else; ``None``: never."""
    stamps = [one.last_at for one in whole.triggers if one.last_at]
    found = [age_lasts(age_of(at, now)) for at in stamps]
    found += [1.0] if any(one.next_at for one in whole.triggers) else []
    return min(found, default=None)
