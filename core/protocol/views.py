"""Views: this is how it stands."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from ..base.priority import Priority
from .attention import AttentionItem
from .crew_views import HaltView
from .pipeline_views import PipelineView
from .status import Lifecycle, Status, shown_status
from .view import View as View
from .workflow_views import WorkflowView
from .workspace import WorkspaceView


class SessionView(View):
    """One session as it stands; times are aware UTC, sizes are cells."""

    id: str
    name: str
    agent: str
    cwd: str
    repo: str = ""
    lifecycle: Lifecycle
    status: Status
    priority: Priority = Priority.NORMAL
    pid: int | None = None
    keeper_pid: int | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    reason: str = ""
    title: str = ""
    progress: int | None = None
    cols: int
    lines: int
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    resumable: bool = False
    workspace: WorkspaceView | None = None
    version: int = 0

    @property
    def shown(self) -> str:
        """The word a person reads for this session's state."""
        return shown_status(self.lifecycle, self.status.activity)

    @property
    def shown_since(self) -> datetime:
        """When it came to the state that ``shown`` names, as far as that is known."""
        ended = None if self.living else self.ended_at
        return ended or self.status.since

    @property
    def living(self) -> bool:
        """Whether a process stands behind the session."""
        return self.lifecycle in {Lifecycle.STARTING, Lifecycle.RUNNING, Lifecycle.STOPPING}


class AgentView(View):
    """One agent that sessions can be made of."""

    name: str
    title: str
    command: tuple[str, ...]
    transport: str = "pty"
    capabilities: tuple[str, ...] = ()
    found: bool = True
    path: str | None = None
    has_rules: bool = False
    practice: bool = False
    origin: str = "built in"


class HealthStatus(StrEnum):
    """The worst of all checks."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class Check(View):
    """One check's result."""

    name: str
    status: HealthStatus
    message: str = ""


class HealthView(View):
    """How the engine is; figures are of the moment."""

    status: HealthStatus
    active_sessions: int
    rate_limiters: int
    worker_count: int
    max_sessions: int
    uptime_seconds: float
    checks: tuple[Check, ...] = ()
    command_queue: int = 0
    events_dropped: int = 0
    loop_lag_ms: float = 0.0
    clients: int = 0
    durability: str = "normal"
    terminal_backend: str = ""


class EngineView(View):
    """Which engine this is."""

    engine_id: str
    pid: int
    version: str
    protocol: int
    state_dir: str
    store: str
    headless: bool
    started_at: datetime


class NoticeView(View):
    """Something that was found and mended as the engine started, for a person to read."""

    code: str
    message: str


class StateView(View):
    """Everything a front end shows, as of ``sequence``.

    ``workflows`` are those that have not ended, and the newest of those that have; newest first.
    """

    sequence: int
    engine: EngineView
    sessions: tuple[SessionView, ...]
    attention: tuple[AttentionItem, ...]
    preferences: dict[str, Any] = Field(default_factory=dict)
    agents: tuple[AgentView, ...] = ()
    health: HealthView | None = None
    notices: tuple[NoticeView, ...] = ()
    workflows: tuple[WorkflowView, ...] = ()
    pipelines: tuple[PipelineView, ...] = ()
    halt: HaltView | None = None
