"""Pipelines and payloads as views."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from ...base.priority import Priority
from ...pipelines.book import Book
from ...pipelines.definition import HandlerDefinition, PipelineDefinition
from ...pipelines.entering import above_of
from ...pipelines.entries import Attempt, Entry
from ...pipelines.figures import Lane, Work
from ...protocol.pipeline_views import (
    HandlerView,
    LaneView,
    PayloadStatus,
    PayloadView,
    PipelineView,
    RunView,
    TriggerView,
    WholePipelineView,
)
from ...telemetry.redaction import HIDDEN

LONGEST_SUMMARY = 100


@dataclass(slots=True)
class Standing:
    """What is kept of a loaded pipeline beside its definition; ``error``: why its file can't be read."""

    file: str
    inputs: Mapping[str, Any]
    cwd: str | None
    loaded_at: datetime
    paused: bool = False
    error: str | None = None
    version: int = 0


def payload_view(
    entry: Entry, pipeline: PipelineDefinition | None, reason: str = ""
) -> PayloadView:
    """The line about a payload."""
    origin, status = entry.origin, entry.status
    due = min(entry.due.values(), default=None)
    tried = max((entry.attempts_of(name) for name in entry.handlers), default=0)
    most = _most_attempts(entry, pipeline)
    return PayloadView(
        id=entry.id,
        pipeline=origin.pipeline,
        event=origin.event,
        status=status,
        priority=origin.priority,
        deadline=origin.deadline,
        created_at=origin.created_at,
        ended_at=entry.ended_at,
        attempt=tried,
        max_attempts=most * max(ceil(tried / most), 1),  # each replay may try as often again
        next_attempt_at=due if status is PayloadStatus.RETRYING else None,
        handlers=tuple(
            name for name, one in entry.handlers.items() if one is PayloadStatus.RUNNING
        ),
        cause=origin.cause,
        above=above_of(origin),
        root=origin.root,
        hops=origin.hops,
        summary=summary_of(origin.data),
        error=entry.error,
        reason=reason,
    )


def _most_attempts(entry: Entry, pipeline: PipelineDefinition | None) -> int:
    if pipeline is None:
        return 1
    mine = (one for one in pipeline.handlers() if one.name in entry.handlers)
    return max((one.retry.max_attempts for one in mine), default=1)


def summary_of(data: Any) -> str:
    """The data in one line."""
    if data is None:
        return ""
    if isinstance(data, dict):
        text = ", ".join(f"{key}: {_short(value)}" for key, value in data.items())
    else:
        text = _short(data)
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1]}…"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text[: 2 * LONGEST_SUMMARY].split())


def run_view(attempt: Attempt, session_id: str | None = None, agent: str = "") -> RunView:
    """One attempt of a handler; ``agent`` is the one that was chosen for it, if that is known."""
    return RunView(
        handler=attempt.handler,
        attempt=attempt.number,
        status=attempt.status,
        agent=agent or attempt.agent,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        result=attempt.result,
        has_result=attempt.has_result,
        error=attempt.error,
        error_type=attempt.error_type,
        workflow_id=attempt.workflow_id,
        session_id=session_id,
        emitted=attempt.emitted,
    )


def pipeline_view(
    name: str,
    standing: Standing,
    definition: PipelineDefinition | None,
    book: Book,
    now: datetime,
) -> PipelineView:
    """The line about a pipeline, with its lanes."""
    lanes: tuple[LaneView, ...] = ()
    if definition is not None:
        lanes = tuple(
            _lane_view(one.name, one.description, book.lane(name, one.name), now)
            for one in definition.events
        )
    return PipelineView(
        name=name,
        file=standing.file,
        description="" if definition is None else definition.description,
        paused=standing.paused,
        loaded_at=standing.loaded_at,
        lanes=lanes,
        error=standing.error,
    )


def _lane_view(event: str, description: str, lane: Lane, now: datetime) -> LaneView:
    return LaneView(
        event=event,
        description=description,
        depths={level: lane.depths[level] for level in Priority if lane.depths[level]},
        running=lane.running,
        retrying=lane.retrying,
        oldest_at=lane.oldest(),
        completed=lane.completed,
        failed=lane.failed,
        expired=lane.expired,
        dead=lane.dead,
        per_minute=lane.per_minute(now),
    )


def whole_view(
    pipeline: PipelineView,
    standing: Standing,
    definition: PipelineDefinition | None,
    book: Book,
    triggers: Iterable[TriggerView],
) -> WholePipelineView:
    """A pipeline with its handlers and triggers."""
    if definition is None:
        return WholePipelineView(pipeline=pipeline, inputs=dict(standing.inputs))
    secrets = set(definition.secrets)
    return WholePipelineView(
        pipeline=pipeline,
        inputs={
            name: HIDDEN if name in secrets else value for name, value in definition.inputs.items()
        },
        groups=dict(definition.groups),
        handlers=tuple(
            _handler_view(one, book.work(definition.name, one.name))
            for one in definition.handlers()
        ),
        triggers=tuple(triggers),
    )


def _handler_view(handler: HandlerDefinition, work: Work) -> HandlerView:
    return HandlerView(
        name=handler.name,
        event=handler.event,
        kind=kind_of(handler),
        agents=agents_of(handler),
        emits=tuple(dict.fromkeys(one.event for one in handler.emits)),
        group=handler.group,
        limit=handler.limit,
        rate=handler.rate,
        running=work.running,
        waiting=work.waiting,
        succeeded=work.succeeded,
        failed=work.failed,
        retried=work.retried,
        average_seconds=work.average,
        last_error=work.last_error,
    )


def kind_of(handler: HandlerDefinition) -> str:
    """What a handler runs, in a word."""
    if handler.vote is not None:
        return "vote"
    kind = handler.task.agent_type
    return "agent" if kind == "foreach" else kind


def agents_of(handler: HandlerDefinition) -> tuple[str, ...]:
    """The agents that a handler lets work."""
    metadata = handler.task.metadata
    if "agents" in metadata:
        return tuple(map(str, metadata["agents"]))
    return (str(metadata["agent"]),) if "agent" in metadata else ()
