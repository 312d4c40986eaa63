"""What a front end knows: the engine's state, kept true by applying its events in order."""

from __future__ import annotations

from collections import deque
from typing import Any

from ..protocol.attention import AttentionItem, ItemState, urgency
from ..protocol.events import (
    AttentionClosed,
    AttentionRaised,
    Event,
    HealthReport,
    PreferenceChanged,
    SessionCreated,
    SessionDeleted,
    SessionUpdated,
    StateSnapshot,
    StatusChanged,
    StatusProgress,
)
from ..protocol.preferences import with_defaults
from ..protocol.views import (
    AgentView,
    EngineView,
    HealthView,
    NoticeView,
    SessionView,
    StateView,
)

EVENTS_KEPT = 5000


class View:
    """The state as of ``sequence``.

    ``sessions`` keeps the order of creation; ``attention`` is by item id. ``events`` holds the newest 5 000.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self.engine: EngineView | None = None
        self.sessions: dict[str, SessionView] = {}
        self.attention: dict[str, AttentionItem] = {}
        self.preferences: dict[str, Any] = with_defaults({})
        self.agents: tuple[AgentView, ...] = ()
        self.health: HealthView | None = None
        self.notices: tuple[NoticeView, ...] = ()
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)

    def apply(self, event: Event) -> None:
        """Take ``event`` in; one older than a snapshot already held changes nothing."""
        payload = event.payload
        if isinstance(payload, StateSnapshot):
            self._reset(payload.state)
            return
        sequence = event.metadata.sequence
        if sequence and sequence <= self.sequence:
            return
        self.sequence = max(self.sequence, sequence)
        self.events.append(event)
        self._reduce(event)

    def _reset(self, state: StateView) -> None:
        self.sequence = state.sequence
        self.engine = state.engine
        self.sessions = {session.id: session for session in state.sessions}
        self.attention = {item.item_id: item for item in state.attention}
        self.preferences = with_defaults(state.preferences)
        self.agents = state.agents
        self.health = state.health or self.health
        self.notices = state.notices

    def _reduce(self, event: Event) -> None:
        match event.payload:
            case SessionCreated(session=session) | SessionUpdated(session=session):
                self.sessions[session.id] = session
            case StatusChanged(session=session):
                self.sessions[session.id] = session
            case StatusProgress() as progress:
                self._progress(progress)
            case SessionDeleted(session_id=session_id):
                self.sessions.pop(session_id, None)
            case AttentionClosed(item=item):
                self.attention.pop(item.item_id, None)
            case AttentionRaised(item=item):  # and AttentionUpdated, which is one
                self.attention[item.item_id] = item
            case HealthReport(health=health):
                self.health = health
            case PreferenceChanged(name=name, value=value):
                self.preferences = with_defaults({**self.preferences, name: value})
            case _:
                pass

    def _progress(self, progress: StatusProgress) -> None:
        session = self.sessions.get(progress.session_id)
        if session is not None:
            changed = session.changed(progress=progress.progress, title=progress.title)
            self.sessions[session.id] = changed

    def open_items(self) -> list[AttentionItem]:
        """The open items, snoozed ones included, in the queue's order."""
        items = (item for item in self.attention.values() if item.state is ItemState.OPEN)
        return sorted(items, key=urgency)
