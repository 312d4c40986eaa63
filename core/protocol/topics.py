"""Topics of events: under which name each is told on the bus. One table says it for all.

Levels between dots: what it is about, whose, and what happened (``session.<id>.status``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter

from ..base.topics import ANY, ONE, topic_matches
from ..base.topics import pattern_fault as pattern_fault

SHAPES: dict[str, str] = {
    "session.created": "session.{session.id}.created",
    "session.deleted": "session.{session_id}.deleted",
    "session.updated": "session.{session.id}.updated",
    "session.list": "engine.sessions.listed",
    "status.changed": "session.{session_id}.status",
    "status.progress": "session.{session_id}.progress",
    "env.ready": "session.{session_id}.env.ready",
    "env.error": "session.{session_id}.env.error",
    "attention.raised": "attention.{item.item_id}.raised",
    "attention.updated": "attention.{item.item_id}.updated",
    "attention.closed": "attention.{item.item_id}.closed",
    "system.error": "engine.error.{error.code}",
    "system.warning": "engine.warning.{code}",
    "system.info": "engine.info.{code}",
    "system.state_snapshot": "engine.snapshot",
    "system.health_status": "engine.health",
    "system.preference_change": "engine.preference.{name}",
    "workflow.created": "workflow.{workflow.id}.created",
    "workflow.changed": "workflow.{workflow.id}.changed",
    "workflow.progress": "workflow.{workflow.id}.progress",
    "workflow.deleted": "workflow.{workflow_id}.deleted",
    "workflow.task": "workflow.{workflow_id}.task.{task.id}.{task.status}",
    "workflow.output": "workflow.{workflow_id}.task.{task_id}.output",
    "pipeline.loaded": "pipeline.{pipeline.name}.loaded",
    "pipeline.changed": "pipeline.{pipeline.name}.changed",
    "pipeline.unloaded": "pipeline.{name}.unloaded",
    "pipeline.payload": "pipeline.{payload.pipeline}.{payload.event}.{payload.status}",
    "pipeline.dead": "pipeline.{payload.pipeline}.{payload.event}.buried",
    "session.usage": "session.{session_id}.usage",
    "crew.changed": "crew.changed",
    "safety.violation": "safety.violation.{violation.rule}",
    "safety.halted": "safety.halted",
    "safety.reset": "safety.reset",
    "breaker.changed": "breaker.{breaker.name}.{breaker.state}",
    "budget.breached": "budget.{budget.name}.breached",
    "budget.granted": "budget.{budget.name}.granted",
}
"""Each event type's topic; in braces the field of its payload that is the level there."""

_LEVEL = re.compile(r"\{([^}]+)\}|([^.{}]+)")
_ESCAPES = str.maketrans({".": "%2E", "*": "%2A", "#": "%23", "%": "%25"})


def topic_of(kind: str, payload: object) -> str:
    """The topic of an event of type ``kind``; a type that the table does not know is its own."""
    fill = _FILLERS.get(kind)
    return kind if fill is None else fill(payload)


def level(value: object) -> str:
    """``value`` as one level: dots, wildcards and ``%`` become ``%`` and two digits, nothing ``%``."""
    text = str(value)
    return text if text.isalnum() else text.translate(_ESCAPES) or "%"


def covers(pattern: str, topic: str, kind: str) -> bool:
    """Whether ``pattern`` is about an event: it covers its topic, or its type (``session.*``)."""
    return topic_matches(pattern, topic) or topic_matches(pattern, kind)


def kinds_under(pattern: str) -> tuple[str, ...]:
    """The event types of which ``pattern`` may cover some; what is not in the table aside."""
    return tuple(
        kind
        for kind, shape in SHAPES.items()
        if topic_matches(pattern, kind) or _may_cover(pattern.split("."), shape)
    )


def _levels(shape: str) -> list[tuple[str, str]]:
    """Each level of a shape: the field that fills it, or what stands there."""
    return _LEVEL.findall(shape)


def _filler(shape: str) -> Callable[[object], str]:
    levels = _levels(shape)
    frame = ".".join("%s" if name else fixed for name, fixed in levels)
    values = [attrgetter(name) for name, _ in levels if name]
    return lambda payload: frame % tuple([level(value(payload)) for value in values])


def _may_cover(pattern: list[str], shape: str) -> bool:
    """Whether some topic of this shape is covered: a level that a field fills can be any."""
    reached = {0}
    levels = _levels(shape)
    for part in pattern:
        if part == ANY:
            reached = set(range(min(reached), len(levels) + 1))
        else:
            reached = {
                at + 1
                for at in reached
                if at < len(levels) and (part == ONE or levels[at][1] in {part, ""})
            }
        if not reached:
            return False
    return len(levels) in reached


_FILLERS = {kind: _filler(shape) for kind, shape in SHAPES.items()}
