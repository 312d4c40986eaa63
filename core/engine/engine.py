"""The engine: starts in order, serves its clients, and stops in order without losing anything."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import QuarterdeckError
from ..base.ids import new_id
from ..coordination.layer import CoordinationLayer
from ..messaging.bus import MessageBus
from ..messaging.figures import BusStatistics
from ..protocol.events import StateSnapshot, SystemError_, SystemInfo, SystemWarning
from ..protocol.views import EngineView, HealthView, NoticeView, StateView
from ..protocol.wire import PROTOCOL
from ..safety.breaker import BreakerStatistics
from ..safety.limiter import CacheStatistics
from ..settings import Settings
from ..telemetry.logs import logger
from ..telemetry.ports import ExposedMetrics, MetricsCollector, NullMetrics
from ..telemetry.redaction import Redactor
from .background import TaskStatistics
from .connections import LocalEndpoint
from .context import Intervals, Routes
from .crew.placing import Placing
from .faults import EngineNotRunning, Internal
from .handlers.routes import ROUTES
from .hub import HubStatistics
from .journal import Journal, JournalStatistics
from .launch import Launch, Stop
from .mailboxes import MailboxStatistics
from .parts import Answers, Given, Parts
from .pipelines.service import PipelineService
from .ports import SessionService, Store
from .queue import QueueStatistics
from .replies import ReplyStatistics
from .retrying import Sleep
from .safety.service import SafetyService
from .workers import WorkerStatistics
from .workflows.service import WorkflowService

_log = logger("engine")


class Phase(StrEnum):
    """The life of an engine."""

    NEW = "new"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """Figures of the engine's parts."""

    phase: Phase
    queue: QueueStatistics
    workers: WorkerStatistics
    mailboxes: MailboxStatistics
    replies: ReplyStatistics
    journal: JournalStatistics
    hub: HubStatistics
    bus: BusStatistics
    background: list[TaskStatistics]
    limits: dict[str, CacheStatistics]
    breakers: dict[str, BreakerStatistics]


class Engine:
    """Serves the clients of one state directory.

    The parts are given: a ``store``, the ``journal`` over it, ``sessions``, ``workflows`` and ``pipelines`` that
    record in that journal (without the latter two it has some that only wait). ``layer`` holds locks, sagas and
    votes (over the store, if none is given), ``placing`` the places on agents that the workflows use, ``safety`` what
    all is held against. ``socket`` is where other processes reach it (by default a place of the user's for
    this state directory); ``listen`` false does without. ``async with`` starts and stops it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        journal: Journal,
        sessions: SessionService,
        workflows: WorkflowService | None = None,
        pipelines: PipelineService | None = None,
        layer: CoordinationLayer | None = None,
        safety: SafetyService | None = None,
        placing: Placing | None = None,
        metrics: MetricsCollector | None = None,
        clock: Clock = SYSTEM_CLOCK,
        redactor: Redactor | None = None,
        headless: bool = False,
        listen: bool = True,
        socket: Path | None = None,
        backend: str = "",
        routes: Routes = ROUTES,
        intervals: Intervals | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if settings.prometheus.enabled and not isinstance(metrics, ExposedMetrics):
            raise ValueError("prometheus.enabled needs a collector whose figures can be read")
        self.engine_id = new_id()
        self.settings = settings
        self.phase = Phase.NEW
        self._version = program_version()
        self.failure: BaseException | None = None
        self._headless = headless
        self._started_at = clock.now()
        self._stopping: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()
        flows = workflows or WorkflowService(store, journal, clock=clock)
        self._given = Given(
            settings=settings,
            store=store,
            journal=journal,
            sessions=sessions,
            workflows=flows,
            pipelines=pipelines or PipelineService(store, store.kept, journal, flows, clock=clock),
            layer=layer or CoordinationLayer(store=store.kept, clock=clock),
            safety=safety
            or SafetyService(settings, store.kept, journal, clock=clock, metrics=metrics),
            placing=placing,
            metrics=metrics or NullMetrics(),
            clock=clock,
            redactor=redactor or Redactor(),
            routes=routes,
            intervals=intervals or Intervals(),
            state_dir=settings.state_dir,
            backend=backend,
            sleep=sleep,
        )
        self._parts = Parts(self._given, self._answers())
        self._launch = Launch(
            self._given, self._parts, self.engine_id, listen=listen, socket=socket
        )

    def _answers(self) -> Answers:
        return Answers(
            view=self.view,
            state=self.state,
            health=self.health,
            stop=lambda stop_sessions: self.request_stop(
                "a client asked for it", stop_sessions=stop_sessions
            ),
            fail=self.fail,
            running=lambda: self.phase is Phase.RUNNING,
            lock_held=lambda: self._launch.lock.held,
            serving=lambda: self._launch.serving,
            mend_socket=lambda: self._launch.mend_socket(),  # noqa: PLW0108  # made further down
        )

    # Looking

    @property
    def socket(self) -> Path | None:
        """Where other processes reach the engine; ``None`` if they can't."""
        return self._launch.socket if self._launch.serving else None

    @property
    def bus(self) -> MessageBus:
        """Where the engine publishes its events while it runs; see ``protocol.topics``."""
        return self._parts.bus

    def view(self) -> EngineView:
        """Which engine this is."""
        settings = self._given.settings
        return EngineView(
            engine_id=self.engine_id,
            pid=os.getpid(),
            version=self._version,
            protocol=PROTOCOL,
            state_dir=str(settings.state_dir),
            store=self._given.redactor.text(settings.store_url),
            headless=self._headless,
            started_at=self._started_at,
        )

    def state(self) -> StateView:
        """Everything a front end shows, as of the last event delivered."""
        sessions = self._given.sessions
        return StateView(
            sequence=self._given.journal.delivered,
            engine=self.view(),
            sessions=tuple(sessions.views()),
            attention=tuple(sessions.items()),
            preferences=dict(self._parts.preferences),
            agents=tuple(sessions.agents()),
            health=self._parts.health.last,
            workflows=self._given.workflows.views(),
            pipelines=self._given.pipelines.views(),
            halt=self._given.safety.halt_view(),
            notices=tuple(
                NoticeView(code=notice.code, message=notice.message)
                for notice in self._given.store.notices
            ),
        )

    async def health(self) -> HealthView:
        """How the engine is, looked at now."""
        return await self._parts.health.look()

    def statistics(self) -> EngineStatistics:
        """The figures of the moment."""
        parts = self._parts
        return EngineStatistics(
            phase=self.phase,
            queue=parts.queue.statistics(),
            workers=parts.workers.statistics(),
            mailboxes=parts.mailboxes.statistics(),
            replies=parts.replies.statistics(),
            journal=self._given.journal.statistics(),
            hub=parts.hub.statistics(),
            bus=parts.bus.statistics(),
            background=parts.background.statistics(),
            limits=parts.limits.statistics(),
            breakers=parts.breakers.statistics(),
        )

    def local_endpoint(self) -> LocalEndpoint:
        """A link for a front end in this process, for ``core.client.Client``.

        :raises EngineNotRunning: if the engine does not run.
        """
        if self.phase is not Phase.RUNNING:
            raise EngineNotRunning(f"The engine is {self.phase}; a link needs a running one.")
        return LocalEndpoint(self._parts.connect(local=True))

    # Starting

    async def start(self) -> None:
        """Start everything, in order; whatever fails, all that was started is ended again.

        :raises EngineRunning: if another engine holds the state directory.
        :raises QuarterdeckError: whatever a part needs and does not find.
        """
        if self.phase is not Phase.NEW:
            raise EngineNotRunning(f"The engine is {self.phase}; an engine starts once.")
        self.phase = Phase.STARTING
        try:
            await self._launch.up()
            self.phase = Phase.RUNNING
            await self._announce_start()
            self._check_failure()
        except BaseException as error:
            why = error.message if isinstance(error, QuarterdeckError) else type(error).__name__
            self._begin_stop(Stop(f"it did not start: {why}"))
            await self.shutdown()
            raise

    def _check_failure(self) -> None:
        """Let a fatal fault of the start be the start's."""
        if self.failure is not None:
            raise self.failure

    async def _announce_start(self) -> None:
        """Tell what the store mended, that the engine runs, and how everything stands."""
        self._parts.health.begin()
        journal = self._given.journal
        notices = [
            SystemWarning(code=notice.code, message=notice.message, details=notice.details)
            for notice in self._given.store.notices
        ]
        text = f"The engine runs (process {os.getpid()})."
        details = {"engine_id": self.engine_id, "pid": os.getpid()}
        started = SystemInfo(code="engine_started", message=text, details=details)
        for notice in notices:
            _log.warning("the store was mended", code=notice.code, what=notice.message)
        await journal.record([], [*notices, started])
        await self._parts.upkeep.health()
        journal.announce(StateSnapshot(state=self.state()))
        _log.info("engine started", id=self.engine_id, socket=str(self.socket))

    # Stopping

    def request_stop(
        self, reason: str = "", *, stop_sessions: bool = False, handover: bool = False
    ) -> None:
        """Begin to stop, without waiting; asked again, or before it runs, it does nothing."""
        if self.phase is Phase.RUNNING:
            self._begin_stop(Stop(reason or "it was asked to", stop_sessions, handover))

    def _begin_stop(self, stop: Stop) -> None:
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._shut_down(stop), name="engine-stop")

    def force_stop(self) -> None:
        """Cancel what the stop waits for; what must be saved is saved all the same."""
        self._launch.hurry()

    async def shutdown(
        self, reason: str = "", *, stop_sessions: bool = False, handover: bool = False
    ) -> None:
        """Stop, and return when all is saved and released; asked again, just wait for that.

        Whoever waits may be cancelled: the stop goes on in a task of its own. With ``handover`` one
        client that can host an engine is asked to take over. Sessions go on under their keepers
        unless ``stop_sessions``.
        """
        self.request_stop(reason, stop_sessions=stop_sessions, handover=handover)
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    async def wait_stopped(self) -> None:
        """Return when the engine has stopped, whoever stopped it."""
        await self._stopped.wait()

    def fail(self, error: BaseException) -> None:
        """Stop because of a fault that nothing can go on after; everything is saved first.

        While it starts, the start fails with it; once it stops, it stops anyway.
        """
        if self.failure is not None or self.phase not in {Phase.STARTING, Phase.RUNNING}:
            return
        self.failure = error
        _log.error("the engine stops after a fatal error", error)
        told = error if isinstance(error, QuarterdeckError) else _unforeseen(error)
        self._begin_stop(Stop(f"a fatal error ({told.code})", asked=False))
        try:
            self._given.journal.announce(SystemError_(error=told.info()))
        except Exception as fault:  # noqa: BLE001  # the journal may be what broke
            _log.error("the fatal error could not be told", fault)

    def handle_signals(self) -> Callable[[], None]:
        """Let SIGINT and SIGTERM stop the engine, and a second one force it; undone by the result."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)

        def came(name: str) -> None:
            if self._stopping is None:
                self.request_stop(f"it got {name}")
            else:
                self.force_stop()

        def undo() -> None:
            for number in numbers:
                loop.remove_signal_handler(number)

        for number in numbers:
            loop.add_signal_handler(number, came, number.name)
        return undo

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.shutdown("its program ends")

    async def _shut_down(self, stop: Stop) -> None:
        """Take down what came up; a task of its own, so that no one can cancel it half way."""
        ran, self.phase = self.phase is Phase.RUNNING, Phase.STOPPING
        _log.info("engine stops", why=stop.reason)
        try:
            self._parts.queue.close()
            if ran:
                text = f"The engine stops: {stop.reason}."
                self._given.journal.record([], [SystemInfo(code="engine_stopping", message=text)])
            await self._launch.down(stop)
        except Exception as error:  # noqa: BLE001  # a stop ends, whatever happens
            _log.error("the stop failed", error)
        finally:
            self.phase = Phase.STOPPED
            self._stopped.set()
            _log.info("engine stopped", id=self.engine_id)


def _unforeseen(error: BaseException) -> Internal:
    return Internal(f"The engine stops: {type(error).__name__}: {error}")


def program_version() -> str:
    """The version of the installed program; empty where it is run uninstalled."""
    try:
        return metadata.version("quarterdeck")
    except metadata.PackageNotFoundError:
        return ""
