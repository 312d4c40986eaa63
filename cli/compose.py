"""The composition root: an engine out of settings, a store, sessions and agents."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..core.base.clock import SYSTEM_CLOCK
from ..core.base.homes import expanded
from ..core.base.stores import find_store
from ..core.coordination.layer import CoordinationLayer
from ..core.engine.building import new_engine
from ..core.engine.crew.placing import Placing
from ..core.engine.engine import Engine
from ..core.engine.journal import Journal
from ..core.engine.pipelines.service import PipelineService
from ..core.engine.ports import Store
from ..core.engine.safety.service import SafetyService
from ..core.engine.workflows.service import WorkflowOptions, WorkflowService
from ..core.pipelines.triggers.memory import FileMemory
from ..core.protocol.events import SystemWarning
from ..core.sessions.agents.discovery import locate_program
from ..core.sessions.agents.loader import AgentCatalog
from ..core.sessions.desk import AttentionDesk
from ..core.sessions.ledger import Ledger
from ..core.sessions.manager import SessionManager
from ..core.sessions.ports import ContainerManager
from ..core.sessions.roster import Roster
from ..core.sessions.services import Services, SessionOptions
from ..core.sessions.surroundings import NoIsolation
from ..core.sessions.terminal.factory import available
from ..core.sessions.workspaces.model import WorktreeOptions
from ..core.settings import Settings
from ..core.telemetry.logs import Logbook, open_logbook
from ..core.telemetry.ports import MetricsCollector
from ..core.telemetry.redaction import Redactor
from ..core.workflows.backends.registry import backend_for, check_backend
from ..core.workflows.executors import Gates, OnOutput, Surroundings
from .agency import load_catalog
from .failing import fault
from .homes import home_of

LOG_NAME = "quarterdeck.log"

NOT_INHERITED = frozenset({"COLUMNS", "LINES", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "NO_COLOR"})
"""Variables that tell of the terminal quarterdeck runs in, which is not the sessions' own."""


def session_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What sessions inherit of ``environment``."""
    return {name: value for name, value in environment.items() if name not in NOT_INHERITED}


class Assembly:
    """One engine with what belongs to it: its agents, its log, what was wrong with its files."""

    def __init__(
        self, settings: Settings, *, headless: bool, environment: Mapping[str, str] | None = None
    ) -> None:
        self.settings = settings
        self._environment = os.environ if environment is None else environment
        self._redactor = Redactor()
        self._redactor.learn_environment(self._environment)
        self._catalog: AgentCatalog = load_catalog(settings)
        self._clock = SYSTEM_CLOCK
        self._home = home_of(settings)
        check_backend(settings.workflows.executor)
        self._store: Store = find_store(
            settings.store_url,
            clock=self._clock,
            durability=settings.state.durability,
            home=self._home,
        )
        self._layer = CoordinationLayer(store=self._store.kept, engine_id=self._home)
        self._placing = self._place()
        self._journal: Journal | None = None
        self._logbook: Logbook | None = None
        self.engine: Engine = new_engine(
            settings,
            store=self._store,
            sessions=self._sessions,
            workflows=self._workflows,
            pipelines=self._pipelines,
            layer=self._layer,
            safety=self._safety,
            placing=self._placing,
            redactor=self._redactor,
            headless=headless,
            backend=self._backend(),
        )

    def _backend(self) -> str:
        wanted = self.settings.terminal.backend
        return next(iter(available()), "") if wanted == "auto" else wanted

    def _sessions(self, journal: Journal, _metrics: Any) -> SessionManager:
        self._journal = journal
        ledger = Ledger(journal)
        self._desk = AttentionDesk(ledger, self._clock)
        services = Services(
            recorder=ledger,
            store=self._store,
            clock=self._clock,
            containers=containers(self.settings),
            state_dir=self.settings.state_dir,
            desk=self._desk,
            options=session_options(self.settings),
            environment=session_environment(self._environment),
        )
        path = self._environment.get("PATH", os.defpath)
        return SessionManager(
            services,
            Roster(self._catalog.definitions, path),
            layer=self._layer,
            worktrees=worktree_options(self.settings),
        )

    def _safety(self, journal: Journal, metrics: MetricsCollector) -> SafetyService:
        self._guards = SafetyService(
            self.settings,
            self._store.kept,
            journal,
            desk=self._desk,
            clock=self._clock,
            metrics=metrics,
        )
        return self._guards

    def _workflows(self, journal: Journal, sessions: SessionManager) -> WorkflowService:
        settings = self.settings

        def surroundings(gates: Gates, on_output: OnOutput, epoch: int) -> Surroundings:
            environment = session_environment(self._environment)
            return Surroundings(
                settings.state_dir,
                backend_for(
                    settings.workflows.executor,
                    state_dir=settings.state_dir,
                    epoch=epoch,
                    environment=environment,
                    clock=self._clock,
                ),
                gates,
                sessions=self._guards.guarded(sessions),
                agents=self._catalog.definitions,
                environment=environment,
                on_output=on_output,
                redactor=self._redactor,
                clock=self._clock,
            )

        return WorkflowService(
            self._store,
            journal,
            engine_id=self._home,
            desk=self._desk,
            surroundings=surroundings,
            options=workflow_options(settings),
            clock=self._clock,
            places=self._placing.places,
        )

    def _place(self) -> Placing:
        path = self._environment.get("PATH", os.defpath)
        return Placing(
            self.settings.crew,
            self._catalog.definitions,
            lambda agent: locate_program(agent, path) is not None,
            self._clock,
        )

    def _pipelines(
        self, journal: Journal, workflows: WorkflowService, metrics: MetricsCollector
    ) -> PipelineService:
        return PipelineService(
            self._store,
            self._store.kept,
            journal,
            workflows,
            desk=self._desk,
            votes=self._layer.votes,
            metrics=metrics,
            memory=FileMemory(self.settings.state_dir / "triggers"),
            capacity=self.settings.workflows.max_parallel_tasks,
            clock=self._clock,
        )

    async def start(self) -> None:
        """Start the engine, with its log; what was wrong with agents' files becomes warnings.

        :raises EngineRunning: if another engine holds the state directory.
        :raises QuarterdeckError: whatever else keeps it from starting.
        """
        self._open_log()
        try:
            await self.engine.start()
        except BaseException:
            self.close_log()
            raise
        warnings = [
            SystemWarning(code=one.code, message=one.message, details=one.details)
            for one in self._catalog.faults
        ]
        if warnings and self._journal is not None:
            await self._journal.record([], warnings)

    def _open_log(self) -> None:
        """Write the log, if the state directory can be written; if not, the engine says so."""
        place = self.settings.state_dir
        with suppress(OSError):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            level = self.settings.engine.log_level
            self._logbook = open_logbook(place / LOG_NAME, level, self._redactor)

    def close_log(self) -> None:
        """Write the log no more; a second time does nothing."""
        if self._logbook is not None:
            self._logbook.close()
            self._logbook = None


def containers(settings: Settings) -> ContainerManager:
    """What isolates sessions.

    :raises CliFault: ``unknown_isolation``.
    """
    wanted = settings.sessions.isolation
    if wanted != NoIsolation.isolation:
        raise fault(
            "unknown_isolation",
            f"[sessions] isolation is {wanted!r}; only {NoIsolation.isolation!r} is there.",
        )
    return NoIsolation()


def workflow_options(settings: Settings) -> WorkflowOptions:
    """The settings of workflows; a store that others can reach is looked at for what they leave."""
    return WorkflowOptions(
        max_parallel_tasks=settings.workflows.max_parallel_tasks,
        lease_seconds=settings.workflows.lease_seconds,
        shared=settings.store_url.partition("://")[0] not in {"sqlite", "memory"},
    )


def worktree_options(settings: Settings) -> WorktreeOptions:
    """The settings of worktrees."""
    worktrees = settings.worktrees
    return WorktreeOptions(
        directory=settings.state_dir / expanded(worktrees.directory),
        setup=worktrees.setup,
        setup_timeout=worktrees.setup_timeout,
    )


def session_options(settings: Settings) -> SessionOptions:
    """The settings of the sessions room."""
    sessions, terminal = settings.sessions, settings.terminal
    return SessionOptions(
        max_sessions=settings.engine.max_concurrent_sessions,
        cols=sessions.cols,
        lines=sessions.lines,
        stop_grace=sessions.stop_grace,
        prompt_timeout=sessions.prompt_verify_timeout,
        answer_timeout=sessions.answer_timeout,
        seen_after=sessions.seen_after,
        start_timeout=sessions.start_timeout,
        scrollback=terminal.scrollback,
        backend=terminal.backend,
        ring_bytes=terminal.ring_bytes,
        lag_rate=terminal.lag_rate,
        away_rate=terminal.away_rate,
    )
