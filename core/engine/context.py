"""What handlers and links work with, and the words they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from ..base.clock import Clock
from ..base.ids import is_id
from ..protocol.commands import Command, Payload
from ..protocol.events import Cause
from ..protocol.views import HealthView, StateView
from ..protocol.wire import Reply
from ..telemetry.ports import MetricsCollector
from .answering import Answerers
from .crew.service import CrewService
from .journal import Journal
from .pipelines.service import PipelineService
from .ports import SessionService, Store
from .safety.service import SafetyService
from .safety.starts import AgentBreakers
from .workflows.service import WorkflowService

Result = Mapping[str, Any]


@dataclass(slots=True)
class ClientState:
    """One front end: who it is, and what belongs to it alone."""

    client_id: str
    name: str = ""
    pid: int = 0
    host: bool = False
    local: bool = False
    focus: str | None = None
    minimal: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """The engine's parts, as handlers call them; ``preferences`` are the kept ones.

    ``answerers`` take the answers to attention items that are no session's.
    """

    sessions: SessionService
    workflows: WorkflowService
    pipelines: PipelineService
    store: Store
    journal: Journal
    breakers: AgentBreakers
    metrics: MetricsCollector
    clock: Clock
    preferences: dict[str, Any]
    health: Callable[[], Awaitable[HealthView]]
    state: Callable[[], StateView]
    stop: Callable[[bool], None]
    answerers: Answerers
    crew: CrewService
    safety: SafetyService


@dataclass(frozen=True, slots=True)
class Call:
    """One command as its handler sees it."""

    command: Command
    client: ClientState
    cause: Cause


@dataclass(slots=True)
class Job:
    """One command as it came in, raw or typed, with its sender and the way back."""

    raw: Command | Mapping[str, Any]
    client: ClientState
    answer: Callable[[Reply], None]
    received: float
    claimed: str = ""


def sent_id(raw: Command | Mapping[str, Any]) -> str | None:
    """The id to answer a command under that may be malformed; ``None`` if it has no proper one."""
    found = raw.id if isinstance(raw, Command) else raw.get("id")
    return found if isinstance(found, str) and is_id(found) else None


class Place(StrEnum):
    """Where a command is carried out."""

    WORKER = "worker"
    """At once, by the worker that took it: quick ones, and those that only read."""

    MAILBOX = "mailbox"
    """In its session's mailbox, after all that came before it for that session."""


class Kept(StrEnum):
    """How long a reply is kept for a command that is sent again."""

    STORE = "store"
    """On disk: the command changed something, and must not do so twice, also after a crash."""

    MEMORY = "memory"
    """While the engine runs: small, and of no consequence."""

    NOT = "not"
    """Not at all: the command only reads; sent again, it reads again, and nothing is lost by it."""


class Handler(Protocol):
    """Carries out one kind of command."""

    async def __call__(self, context: Context, wish: Any, call: Call, /) -> Result:
        """The result for the reply: JSON-ready data.

        :raises QuarterdeckError: if the command is refused or fails; the reply says so.
        """
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """How commands of one type are carried out."""

    payload: type[Payload]
    handler: Handler
    place: Place = Place.WORKER
    kept: Kept = Kept.MEMORY


Routes = Mapping[str, Route]


def routes_by_type(*routes: Route) -> dict[str, Route]:
    """``routes`` by the type of their commands."""
    return {route.payload.type: route for route in routes}


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds between the rounds of the three periodic tasks."""

    checkpoint: float = 30.0
    health: float = 60.0
    cleanup: float = 60.0
