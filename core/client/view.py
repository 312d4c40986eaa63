"""What a front end knows: the engine's state, kept true by applying its events in order."""

from __future__ import annotations

from collections import deque
from typing import Any

from ..protocol.attention import AttentionItem, ItemState, urgency
from ..protocol.crew_events import SafetyHalted, SafetyReset
from ..protocol.crew_views import HaltView
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
from ..protocol.pipeline_events import AboutPipeline, PipelineUnloaded
from ..protocol.pipeline_views import PipelineView
from ..protocol.preferences import with_defaults
from ..protocol.views import (
    AgentView,
    EngineView,
    HealthView,
    NoticeView,
    SessionView,
    StateView,
)
from ..protocol.workflow_events import AboutWorkflow, WorkflowDeleted
from ..protocol.workflow_views import WorkflowView

EVENTS_KEPT = 5000


class View:
    """The state as of ``sequence``.

    ``sessions`` keeps the order of creation; ``attention`` is by item id, ``workflows`` by their own,
    ``pipelines`` by name; ``halt`` stands while everything is halted. ``events`` holds the newest 5 000.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self.engine: EngineView | None = None
        self._sessions: dict[str, SessionView] = {}
        self._steps: dict[str, StatusProgress] = {}
        self.attention: dict[str, AttentionItem] = {}
        self.workflows: dict[str, WorkflowView] = {}
        self.pipelines: dict[str, PipelineView] = {}
        self.halt: HaltView | None = None
        self.preferences: dict[str, Any] = with_defaults({})
        self.agents: tuple[AgentView, ...] = ()
        self.health: HealthView | None = None
        self.notices: tuple[NoticeView, ...] = ()
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)

    @property
    def sessions(self) -> dict[str, SessionView]:
        """Every session by id; of the steps that came since it was last read the newest counts."""
        if self._steps:
            self._take_steps()
        return self._sessions

    def apply(self, event: Event) -> None:
        """Take ``event`` in; one older than a snapshot already held changes nothing."""
        payload = event.payload
        if type(payload) is StateSnapshot:  # isinstance of another model costs ten times as much
            self._reset(payload.state)
            return
        sequence = event.metadata.sequence
        if sequence:
            if sequence <= self.sequence:
                return
            self.sequence = sequence
        self.events.append(event)
        if type(payload) is StatusProgress:  # a flood consists of these
            self._steps[payload.session_id] = payload
        else:
            self._reduce(event)

    def _reset(self, state: StateView) -> None:
        self.sequence = state.sequence
        self.engine = state.engine
        self._steps.clear()
        self._sessions = {session.id: session for session in state.sessions}
        self.attention = {item.item_id: item for item in state.attention}
        self.preferences = with_defaults(state.preferences)
        self.workflows = {workflow.id: workflow for workflow in state.workflows}
        self.pipelines = {pipeline.name: pipeline for pipeline in state.pipelines}
        self.halt = state.halt
        self.agents = state.agents
        self.health = state.health or self.health
        self.notices = state.notices
        self.halt = state.halt

    def _reduce(self, event: Event) -> None:  # noqa: C901, PLR0912  # one line for each kind of event
        match event.payload:
            case SessionCreated(session=session) | SessionUpdated(session=session):
                self._put(session)
            case StatusChanged(session=session):
                self._put(session)
            case SessionDeleted(session_id=session_id):
                self._steps.pop(session_id, None)
                self._sessions.pop(session_id, None)
            case AttentionClosed(item=item):
                self.attention.pop(item.item_id, None)
            case AttentionRaised(item=item):  # and AttentionUpdated, which is one
                self.attention[item.item_id] = item
            case AboutWorkflow(workflow=workflow):
                self._take_workflow(workflow)
            case WorkflowDeleted(workflow_id=workflow_id):
                self.workflows.pop(workflow_id, None)
            case AboutPipeline(pipeline=pipeline):
                self.pipelines[pipeline.name] = pipeline
            case PipelineUnloaded(name=name):
                self.pipelines.pop(name, None)
            case SafetyHalted(halt=halt):
                self.halt = halt
            case SafetyReset():
                self.halt = None
            case HealthReport(health=health):
                self.health = health
            case PreferenceChanged(name=name, value=value):
                self.preferences = with_defaults({**self.preferences, name: value})
            case _:
                pass

    def _put(self, session: SessionView) -> None:
        """A whole view is newer than the steps before it."""
        self._steps.pop(session.id, None)
        self._sessions[session.id] = session

    def _take_workflow(self, workflow: WorkflowView) -> None:
        """What is older than what is known, as after a snapshot, changes nothing."""
        known = self.workflows.get(workflow.id)
        if known is None or workflow.version >= known.version:
            self.workflows[workflow.id] = workflow

    def _take_steps(self) -> None:
        for session_id, step in self._steps.items():
            session = self._sessions.get(session_id)
            if session is not None:
                changed = session.changed(progress=step.progress, title=step.title)
                self._sessions[session_id] = changed
        self._steps.clear()

    def open_items(self) -> list[AttentionItem]:
        """The open items, snoozed ones included, in the queue's order."""
        items = (item for item in self.attention.values() if item.state is ItemState.OPEN)
        return sorted(items, key=urgency)
