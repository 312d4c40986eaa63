"""What is known of one payload: where it comes from, how it stands, what its handlers made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..base.priority import Priority
from ..protocol.pipeline_views import PayloadStatus

ENDED = frozenset(
    {
        PayloadStatus.COMPLETED,
        PayloadStatus.EXPIRED,
        PayloadStatus.CANCELLED,
        PayloadStatus.DEAD,
    }
)
_WORST = (
    PayloadStatus.DEAD,
    PayloadStatus.CANCELLED,
    PayloadStatus.EXPIRED,
    PayloadStatus.COMPLETED,
)
_OPEN = (PayloadStatus.RUNNING, PayloadStatus.RETRYING, PayloadStatus.QUEUED)


@dataclass(slots=True)
class Attempt:
    """One attempt of one handler; what stands below ``started_at`` is known when it has ended.

    ``status`` RETRYING: it failed, and another one follows.
    """

    handler: str
    number: int
    status: PayloadStatus = PayloadStatus.RUNNING
    agent: str = ""
    workflow_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    result: Any = None
    has_result: bool = False
    error: str | None = None
    error_type: str | None = None
    emitted: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` takes."""
        found = {name: getattr(self, name) for name in self.__slots__}
        for name in ("started_at", "ended_at"):
            found[name] = stamp(found[name])
        return found

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Attempt:
        """The attempt that ``to_json`` gave."""
        found = dict(given)
        found["status"] = PayloadStatus(found["status"])
        found["emitted"] = tuple(found.get("emitted", ()))
        for name in ("started_at", "ended_at"):
            found[name] = moment(found.get(name))
        return cls(**found)


@dataclass(slots=True)
class Origin:
    """What is said of a payload when it is propelled; ``above`` is the payload before it in the chain.

    That is the one that emitted it, or the one whose handler started the workflow that did.
    """

    id: str
    pipeline: str
    event: str
    data: Any
    created_at: datetime
    priority: Priority = Priority.NORMAL
    deadline: datetime | None = None
    cause: str | None = None
    root: str = ""
    hops: int = 0
    routing_key: str | None = None
    agent_affinity: str | None = None
    above: str | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` takes."""
        found = {name: getattr(self, name) for name in self.__slots__}
        found["created_at"], found["deadline"] = stamp(self.created_at), stamp(self.deadline)
        found["priority"] = int(self.priority)
        return found

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Origin:
        """The origin that ``to_json`` gave."""
        found = dict(given)
        found["created_at"] = moment(found["created_at"])
        found["deadline"] = moment(found["deadline"])
        found["priority"] = Priority(found["priority"])
        return cls(**found)


@dataclass(slots=True, eq=False)
class Entry:
    """One payload. ``handlers`` are how each one's work on it stands; ``attempts`` are in order.

    ``due`` is when the next attempt of a handler comes; ``begun`` is when the attempt of a handler began
    that is to be known as begun after a crash: it goes on then, past deadline and gates. ``cancelling``:
    it is to end, whatever works on it. ``asked``: a person was asked what is to become of it.
    """

    origin: Origin
    handlers: dict[str, PayloadStatus] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    due: dict[str, datetime] = field(default_factory=dict)
    ended_at: datetime | None = None
    error: str | None = None
    begun: dict[str, datetime | None] = field(default_factory=dict)
    cancelling: bool = False
    asked: bool = False

    @property
    def id(self) -> str:
        """The payload's id."""
        return self.origin.id

    @property
    def status(self) -> PayloadStatus:
        """How it stands as a whole: as the liveliest of its handlers, else as the worst end."""
        found = set(self.handlers.values())
        for status in (*_OPEN, *_WORST):
            if status in found:
                return status
        return PayloadStatus.COMPLETED

    @property
    def ended(self) -> bool:
        """Whether no handler has anything left to do."""
        return all(status in ENDED for status in self.handlers.values())

    def open_handlers(self) -> Iterator[str]:
        """The handlers that have not ended."""
        return (name for name, status in self.handlers.items() if status not in ENDED)

    def attempts_of(self, handler: str) -> int:
        """How often a handler was begun."""
        return sum(1 for one in self.attempts if one.handler == handler)

    def running(self, handler: str) -> Attempt | None:
        """The attempt of a handler that is under way."""
        for one in reversed(self.attempts):
            if one.handler == handler and one.status is PayloadStatus.RUNNING:
                return one
        return None

    def effects(self) -> Iterator[str]:
        """The ids of the payloads that it led to."""
        return (one for attempt in self.attempts for one in attempt.emitted)

    def workflows(self) -> Iterator[str]:
        """The ids of the workflows that worked on it."""
        return (one.workflow_id for one in self.attempts if one.workflow_id is not None)


def stamp(at: datetime | None) -> str | None:
    """A stamp as text."""
    return None if at is None else at.isoformat()


def moment(text: str | None) -> datetime | None:
    """The stamp that a text says."""
    return None if text is None else datetime.fromisoformat(text)
