"""Events: this happened. Each has a typed payload, and metadata that tells its cause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ..base.errors import ErrorInfo
from ..base.ids import new_id
from .attention import AttentionItem
from .crew_events import CREW_EVENTS
from .event_payload import EventPayload as EventPayload
from .pipeline_events import PIPELINE_EVENTS
from .status import Activity, Lifecycle, Status
from .topics import topic_of
from .views import HealthView, SessionView, StateView
from .workflow_events import WORKFLOW_EVENTS


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to an event: the command or event before it, and the first one of all."""

    command_id: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    client_id: str | None = None


class AboutSession(EventPayload):
    """A payload about one session."""

    session_id: str

    def key(self) -> str:
        """The session's id."""
        return self.session_id


class SessionCreated(EventPayload):
    """A session was created."""

    type: ClassVar[str] = "session.created"
    session: SessionView


class SessionDeleted(AboutSession):
    """A session was removed."""

    type: ClassVar[str] = "session.deleted"
    name: str


class SessionUpdated(EventPayload):
    """Properties of a session changed."""

    type: ClassVar[str] = "session.updated"
    coalesce: ClassVar[bool] = True
    session: SessionView
    changed: tuple[str, ...]

    def key(self) -> str:
        """The session's id."""
        return self.session.id

    def merged(self, older: EventPayload) -> EventPayload:
        """This state of the session, with the names of all fields changed since."""
        if not isinstance(older, SessionUpdated):
            return self
        names = dict.fromkeys((*older.changed, *self.changed))
        return self.model_copy(update={"changed": tuple(names)})


class SessionListed(EventPayload):
    """A list of sessions was asked for."""

    type: ClassVar[str] = "session.list"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True
    count: int


class StatusChanged(AboutSession):
    """A session's lifecycle or activity changed; the old values are the true former ones."""

    type: ClassVar[str] = "status.changed"
    coalesce: ClassVar[bool] = True
    old_lifecycle: Lifecycle
    old_activity: Activity
    lifecycle: Lifecycle
    status: Status
    session: SessionView

    def merged(self, older: EventPayload) -> EventPayload:
        """This status, changed from what stood before ``older``."""
        if not isinstance(older, StatusChanged):
            return self
        return self.model_copy(
            update={"old_lifecycle": older.old_lifecycle, "old_activity": older.old_activity}
        )


class StatusProgress(AboutSession):
    """A session said how far it is (0..100), or what its terminal's title is now."""

    type: ClassVar[str] = "status.progress"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True
    progress: int | None = None
    title: str = ""
    message: str = ""


class SessionUsage(AboutSession):
    """A session's program said what it has spent since it began: money, and tokens."""

    type: ClassVar[str] = "session.usage"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True
    cost: float = 0.0
    tokens: float = 0.0
    started_at: datetime | None = None
    session: SessionView


class EnvReady(AboutSession):
    """A session's surroundings (directory, container) are prepared."""

    type: ClassVar[str] = "env.ready"
    cwd: str
    isolation: str = "none"


class EnvError(AboutSession):
    """A session's surroundings could not be prepared."""

    type: ClassVar[str] = "env.error"
    error: ErrorInfo


class AttentionRaised(EventPayload):
    """Something needs a person."""

    type: ClassVar[str] = "attention.raised"
    item: AttentionItem

    def key(self) -> str:
        """The item's id."""
        return self.item.item_id


class AttentionUpdated(AttentionRaised):
    """An open item changed: snoozed, back again, or asked anew."""

    type: ClassVar[str] = "attention.updated"
    coalesce: ClassVar[bool] = True


class AttentionClosed(AttentionRaised):
    """An item was answered, resolved, or its request is gone."""

    type: ClassVar[str] = "attention.closed"


class SystemError_(EventPayload):  # noqa: N801  # the bare name is Python's own
    """Something failed."""

    type: ClassVar[str] = "system.error"
    error: ErrorInfo


class SystemWarning(EventPayload):
    """Something deserves a look."""

    type: ClassVar[str] = "system.warning"
    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)


class SystemInfo(EventPayload):
    """Something worth knowing happened."""

    type: ClassVar[str] = "system.info"
    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)


class StateSnapshot(EventPayload):
    """The whole state, at start and after a gap."""

    type: ClassVar[str] = "system.state_snapshot"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True
    state: StateView


class HealthReport(EventPayload):
    """The health monitor's finding."""

    type: ClassVar[str] = "system.health_status"
    durable: ClassVar[bool] = False
    coalesce: ClassVar[bool] = True
    health: HealthView


class PreferenceChanged(EventPayload):
    """A preference has a new value."""

    type: ClassVar[str] = "system.preference_change"
    name: str
    value: JsonValue = None


_EVENTS: tuple[type[EventPayload], ...] = (
    SessionCreated, SessionDeleted, SessionUpdated, SessionListed,
    StatusChanged, StatusProgress, SessionUsage, EnvReady, EnvError,
    AttentionRaised, AttentionUpdated, AttentionClosed,
    SystemError_, SystemWarning, SystemInfo, StateSnapshot, HealthReport, PreferenceChanged,
)  # fmt: skip

EVENTS: dict[str, type[EventPayload]] = {
    kind.type: kind for kind in (*_EVENTS, *WORKFLOW_EVENTS, *PIPELINE_EVENTS, *CREW_EVENTS)
}
"""Every event's payload by its type."""


class Metadata(BaseModel):
    """Where an event comes from.

    ``command_id`` is the command that led to it, ``causation_id`` the event or command right
    before it, ``correlation_id`` the first cause. ``sequence`` grows by one with each event of
    a state directory, engine after engine.
    """

    model_config = ConfigDict(frozen=True)

    event_id: str = Field(default_factory=new_id)
    command_id: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    timestamp: datetime = Field(default_factory=lambda: datetime.now(UTC))
    source: str = "engine"
    session_id: str | None = None
    sequence: int = 0


class Event(BaseModel):
    """One event as it is delivered; ``payload`` is typed in the process that made it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["event"] = "event"
    type: str
    metadata: Metadata
    payload: EventPayload

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Event:
        """The event in ``raw``; a type that this version doesn't know gives ``UnknownEvent``."""
        model = EVENTS.get(str(raw.get("type")), UnknownEvent)
        body = raw.get("payload", {})
        payload = (
            UnknownEvent(body=body, topic=str(raw.get("topic") or ""))
            if model is UnknownEvent
            else model.model_validate(body)
        )
        metadata = Metadata.model_validate(raw.get("metadata", {}))
        return cls(type=str(raw.get("type")), metadata=metadata, payload=payload)

    @property
    def topic(self) -> str:
        """Under which name it is told on the bus; see ``topics``."""
        told = self.payload.topic if isinstance(self.payload, UnknownEvent) else ""
        return told or topic_of(self.type, self.payload)

    def dump(self) -> dict[str, Any]:
        """The event as JSON-ready data."""
        return {
            "kind": self.kind,
            "type": self.type,
            "topic": self.topic,
            "metadata": self.metadata.model_dump(mode="json"),
            "payload": self.payload.model_dump(mode="json"),
        }


class UnknownEvent(EventPayload):
    """An event of a newer engine."""

    type: ClassVar[str] = "unknown"
    body: dict[str, Any] = Field(default_factory=dict)
    topic: str = Field(default="", exclude=True)
