"""The engine's parts, put together; nothing runs yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.clock import Clock
from ..coordination.layer import CoordinationLayer
from ..messaging.bus import MessageBus
from ..messaging.config import MessageBusConfig
from ..protocol.events import AttentionClosed, Event, SessionCreated, SessionDeleted, SystemError_
from ..protocol.views import EngineView, HealthView, StateView
from ..settings import Settings
from ..telemetry.ports import MetricsCollector
from ..telemetry.redaction import Redactor
from .airing import Airing
from .answering import GATE, Answerers
from .background import Background, Periodic
from .connections import Connection, Switchboard
from .context import Context, Intervals, Job, Routes
from .crew.placing import Placing
from .crew.service import CrewService
from .faults import Internal, ShuttingDown
from .health import Gauges, HealthMonitor
from .hub import Hub
from .journal import Journal
from .loop_guard import LoopGuard
from .mailboxes import Mailboxes
from .pipeline import Pipeline, birth_box
from .pipelines.service import PipelineService
from .ports import SessionService, Store
from .queue import CommandQueue
from .replies import KeptReplies
from .retrying import Sleep
from .safety.service import SafetyService
from .safety.starts import AgentBreakers
from .upkeep import Upkeep
from .workers import WorkerPool
from .workflows.service import WorkflowService

DRAIN_SECONDS = 2.0
"""How long a stop waits for the bus's subscribers."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an engine is made of, as composition hands it over."""

    settings: Settings
    store: Store
    journal: Journal
    sessions: SessionService
    workflows: WorkflowService
    pipelines: PipelineService
    layer: CoordinationLayer
    safety: SafetyService
    placing: Placing | None
    metrics: MetricsCollector
    clock: Clock
    redactor: Redactor
    routes: Routes
    intervals: Intervals
    state_dir: Path
    backend: str
    sleep: Sleep


@dataclass(frozen=True, slots=True)
class Answers:
    """What parts ask the engine itself."""

    view: Callable[[], EngineView]
    state: Callable[[], StateView]
    health: Callable[[], Awaitable[HealthView]]
    stop: Callable[[bool], None]
    fail: Callable[[BaseException], None]
    running: Callable[[], bool]
    lock_held: Callable[[], bool]
    serving: Callable[[], bool | None]
    mend_socket: Callable[[], Awaitable[bool]]


class Parts:
    """Queue, workers, mailboxes, limits, replies, links, health and background, wired up."""

    def __init__(self, given: Given, answers: Answers) -> None:
        config = given.settings.engine
        self._given = given
        self._answers = answers
        self.preferences: dict[str, Any] = {}
        self._stray = ""
        self.bus = MessageBus(MessageBusConfig(drain_seconds=DRAIN_SECONDS), clock=given.clock)
        self._airing = Airing(self.bus)
        self.queue: CommandQueue[Job] = CommandQueue(config.command_buffer_size)
        self.mailboxes = Mailboxes(clock=given.clock)
        self.replies = KeptReplies(given.store, given.journal, clock=given.clock)
        safety = self.safety = given.safety
        self.breakers = AgentBreakers(
            given.metrics,
            monitor=safety.monitor,
            board=safety.board,
            started=safety.watch.started,
            sleep=given.sleep,
        )
        safety.watch.starting = self.breakers.is_starting
        self.limits = safety.command_limits
        self.hub = Hub(given.journal, given.metrics, self.limits.forget_client)
        self.answerers = Answerers()
        self.answerers.register(GATE, given.workflows.answer)
        given.pipelines.answer_through(self.answerers)
        given.pipelines.heed(safety)
        safety.answers(self.answerers)
        self.crew = self._crew()
        self.crew.safety = safety
        self.crew.elsewhere = given.pipelines.functions.waiting
        given.pipelines.functions.changed = self.crew.changed
        self.pipeline = self._pipeline()
        self.workers: WorkerPool[Job] = WorkerPool(
            self.queue,
            self.pipeline.serve,
            self.pipeline.crashed,
            config.worker_count,
            given.metrics,
        )
        self.background = Background()
        self.health = self._health()
        self.upkeep = self._upkeep()
        self._fill_background()

    def _crew(self) -> CrewService:
        given = self._given
        crew = CrewService(
            given.workflows,
            given.sessions,
            given.layer,
            placing=given.placing,
            kept=given.store.kept,
            journal=given.journal,
            clock=given.clock,
        )
        crew.answer_through(self.answerers)
        return crew

    def _pipeline(self) -> Pipeline:
        given, answers = self._given, self._answers
        context = Context(
            sessions=given.sessions,
            workflows=given.workflows,
            pipelines=given.pipelines,
            store=given.store,
            journal=given.journal,
            breakers=self.breakers,
            metrics=given.metrics,
            clock=given.clock,
            preferences=self.preferences,
            health=answers.health,
            state=answers.state,
            stop=answers.stop,
            answerers=self.answerers,
            crew=self.crew,
            safety=self.safety,
        )
        return Pipeline(
            context,
            given.routes,
            limits=self.limits,
            mailboxes=self.mailboxes,
            replies=self.replies,
            redactor=given.redactor,
        )

    def _health(self) -> HealthMonitor:
        given, answers = self._given, self._answers
        gauges = Gauges(
            queue=self.queue.statistics,
            workers=self.workers.statistics,
            mailboxes=self.mailboxes.statistics,
            background=self.background.statistics,
            hub=self.hub.statistics,
            limiters=lambda: len(self.limits),
            lock_held=answers.lock_held,
            serving=answers.serving,
            running=answers.running,
        )
        return HealthMonitor(
            store=given.store,
            journal=given.journal,
            sessions=given.sessions,
            gauges=gauges,
            metrics=given.metrics,
            clock=given.clock,
            state_dir=given.state_dir,
            max_sessions=given.settings.engine.max_concurrent_sessions,
            backend=given.backend,
        )

    def _upkeep(self) -> Upkeep:
        given = self._given
        return Upkeep(
            store=given.store,
            sessions=given.sessions,
            journal=given.journal,
            limits=self.limits,
            health=self.health,
            metrics=given.metrics,
            mend_socket=self._answers.mend_socket,
            look=self._look_at_clock,
        )

    def _look_at_clock(self) -> None:
        self._given.workflows.look()
        self._given.pipelines.look()

    def _fill_background(self) -> None:
        given, upkeep, every = self._given, self.upkeep, self._given.intervals
        rounds = (
            ("checkpoint", every.checkpoint, upkeep.checkpoint),
            ("health", every.health, upkeep.health),
            ("cleanup", every.cleanup, upkeep.cleanup),
        )
        for name, seconds, action in rounds:
            self.background.add(
                Periodic(name, seconds, action, given.journal, given.metrics, sleep=given.sleep)
            )

    def connect(self, *, local: bool) -> Connection:
        """A link for one more client."""
        given, answers = self._given, self._answers
        board = Switchboard(
            queue=self.queue,
            journal=given.journal,
            store=given.store,
            sessions=given.sessions,
            links=self.hub,
            metrics=given.metrics,
            clock=given.clock,
            limit=given.settings.engine.event_buffer_size,
            engine=answers.view,
            state=answers.state,
        )
        return Connection(board, local=local)

    def listen(self) -> list[Callable[[], None]]:
        """Hear the journal and the loop from now on; each of the returned functions ends a part."""
        journal = self._given.journal
        return [
            journal.guard(self._answers.fail),
            self._loop_guard().watch(),
            journal.preview(self._on_recorded),
            journal.listen(self.safety.watch.heard),
            journal.listen(self.hub.deliver),
            journal.listen(self._airing.tell),
            journal.listen(self._on_kept),
            journal.listen(self.crew.hear),
            journal.listen(self._given.pipelines.hear),
        ]

    def _loop_guard(self) -> LoopGuard:
        given = self._given
        return LoopGuard(
            vital=(type(given.store).__module__.rpartition(".")[0], type(given.journal).__module__),
            fatal=self._answers.fail,
            stray=self._on_stray,
            metrics=given.metrics,
        )

    def _on_stray(self, error: BaseException) -> None:
        """Tell of an error nobody caught, once while it repeats itself."""
        text = f"An error went uncaught: {type(error).__name__}: {error}"
        if text != self._stray:
            self._stray = text
            self._given.journal.announce(SystemError_(error=Internal(text).info()))

    def _on_recorded(self, event: Event) -> None:
        """A created session's later commands go behind the one that creates it."""
        created = event.payload
        if isinstance(created, SessionCreated) and event.metadata.command_id is not None:
            self.mailboxes.adopt(birth_box(event.metadata.command_id), created.session.id)

    def _on_kept(self, event: Event) -> None:
        match event.payload:
            case SessionDeleted(session_id=session_id):
                self.limits.forget_session(session_id)
            case AttentionClosed(item=item) if item.closed_at is not None:
                waited = (item.closed_at - item.created_at).total_seconds()
                self._given.metrics.observe(
                    "human_wait_duration_seconds", max(waited, 0.0), {"kind": item.kind.value}
                )
            case _:
                pass

    async def finish_commands(self) -> None:
        """Return when all that was taken in is done; the queue is closed by then."""
        self.queue.close()
        await self.workers.finish()
        await self.mailboxes.finish()

    async def refuse_commands(self) -> None:
        """Refuse and cancel what is not done."""
        self.queue.close()
        for job in self.queue.drain():
            text = "The engine stopped before it came to the command."
            self.pipeline.refuse(job, ShuttingDown(text))
        await self.workers.finish(0)
        await self.mailboxes.finish(0)
