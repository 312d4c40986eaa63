"""What is kept of sessions, and the changes that are journalled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ..base.priority import Priority
from ..protocol.attention import AttentionItem
from ..protocol.status import Activity, Lifecycle, Source, Status
from ..protocol.workspace import WorkspaceView


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session as it is kept; ``version`` grows with every change of it.

    ``epoch`` is the engine's when its keeper was started or taken over. ``session_ref`` is the
    agent's own id for its conversation, by which it is resumed. ``generation`` counts the starts:
    each has a keeper and a ring of its own.
    """

    id: str
    name: str
    agent: str
    cwd: str
    created_at: datetime
    status: Status
    repo: str = ""
    args: tuple[str, ...] | None = None
    env: dict[str, str] = field(default_factory=dict)
    prompt: str | None = None
    priority: Priority = Priority.NORMAL
    lifecycle: Lifecycle = Lifecycle.CREATED
    pid: int | None = None
    keeper_pid: int | None = None
    epoch: int = 0
    generation: int = 0
    exit_code: int | None = None
    exit_signal: int | None = None
    reason: str = ""
    title: str = ""
    session_ref: str | None = None
    cols: int = 120
    lines: int = 40
    started_at: datetime | None = None
    ended_at: datetime | None = None
    workspace: WorkspaceView | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One line of a session's status history."""

    session_id: str
    at: datetime
    lifecycle: Lifecycle
    activity: Activity
    source: Source
    evidence: str


@dataclass(frozen=True, slots=True)
class ScreenSnapshot:
    """An emulator's snapshot, taken when its stream stood at ``offset`` bytes."""

    session_id: str
    generation: int
    offset: int
    at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class SaveSession:
    """Insert or replace a session; refused by the store if its version is not above the kept."""

    record: SessionRecord


@dataclass(frozen=True, slots=True)
class RemoveSession:
    """Remove a session with its history, items and snapshot."""

    session_id: str


@dataclass(frozen=True, slots=True)
class AddStatus:
    """Append a line to the status history."""

    entry: StatusEntry


@dataclass(frozen=True, slots=True)
class SaveItem:
    """Insert or replace an attention item."""

    item: AttentionItem


@dataclass(frozen=True, slots=True)
class SaveSnapshot:
    """Replace a session's screen snapshot."""

    snapshot: ScreenSnapshot


SessionChange = SaveSession | RemoveSession | AddStatus | SaveItem | SaveSnapshot
