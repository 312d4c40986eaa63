"""Pipelines as they run: event types, handlers, triggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..base.priority import Priority
from ..base.retry import RetryPolicy
from ..workflows.definition import TaskDefinition

MAX_HOPS = 100
"""How many payloads may follow from each other, unless a file says so itself."""


@dataclass(frozen=True, slots=True)
class Emit:
    """A payload that follows from a handler's success.

    ``when`` is an expression; ``data`` a template, or ``None`` for the handler's result; with ``each`` a list
    becomes one payload for each item. Templates and expressions see what the handler's own see, and
    ``result``.
    """

    event: str
    when: str | bool | None = None
    data: Any = None
    each: bool = False
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """How the voters' answers decide; ``people`` says whether a person has a vote too."""

    question: str
    voters: tuple[str, ...]
    threshold: float = 0.5
    quorum: float = 0.5
    people: bool = False
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class HandlerDefinition:
    """One handler of one event type.

    ``task`` is what it runs, of kind ``agent``, ``run``, ``python`` or ``workflow`` (``foreach`` over agents where it has
    several); texts in its metadata are templates over ``data``, ``event``, ``payload``, ``inputs``, ``pipeline`` and
    ``causes``. ``limit`` is how many of it run at once, ``rate`` how many begin in a second.
    """

    name: str
    event: str
    task: TaskDefinition
    when: str | bool | None = None
    priority: Priority = Priority.NORMAL
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(1))
    timeout: float | None = None
    limit: int | None = None
    group: str | None = None
    rate: float | None = None
    emits: tuple[Emit, ...] = ()
    vote: Vote | None = None


@dataclass(frozen=True, slots=True)
class EventDefinition:
    """One event type; ``deadline`` is seconds from the payload's creation, ``schema`` what its data must fit."""

    name: str
    description: str = ""
    priority: Priority = Priority.NORMAL
    deadline: float | None = None
    schema: Mapping[str, Any] | None = None
    handlers: tuple[HandlerDefinition, ...] = ()


@dataclass(frozen=True, slots=True)
class TriggerDefinition:
    """What propels by itself.

    ``kind`` is ``watch`` (options: folder, pattern, on), ``schedule`` (cron, zone, catch_up) or ``git`` (repository, hook);
    ``data`` is a template over what the trigger tells.
    """

    kind: str
    event: str
    options: Mapping[str, Any] = field(default_factory=dict)
    data: Any = None
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class PipelineDefinition:
    """A whole pipeline; ``groups`` are how many handlers of each run at once, ``limit`` of all.

    ``secrets`` are the inputs whose values are hidden.
    """

    name: str
    file: str
    directory: str
    description: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    events: tuple[EventDefinition, ...] = ()
    triggers: tuple[TriggerDefinition, ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)
    limit: int | None = None
    max_hops: int = MAX_HOPS

    def handlers(self) -> tuple[HandlerDefinition, ...]:
        """All handlers, by event in the order of the file."""
        return tuple(one for event in self.events for one in event.handlers)
