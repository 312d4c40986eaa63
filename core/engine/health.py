"""Health: every check looks at the thing itself, and the worst of them is the engine's."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from ..base.clock import Clock
from ..protocol.attention import is_snoozed
from ..protocol.views import Check, HealthStatus, HealthView
from ..telemetry.logs import logger
from ..telemetry.ports import MetricsCollector
from .background import TaskStatistics
from .hub import HubStatistics
from .journal import Journal
from .mailboxes import MailboxStatistics
from .ports import SessionService, Store
from .queue import QueueStatistics
from .workers import WorkerStatistics

HEALTHY, DEGRADED, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY
SEVERITY = {HEALTHY: 0, DEGRADED: 1, UNHEALTHY: 2}

LAG_DEGRADED = 0.25
COMMIT_DEGRADED_MS = 1000.0
PENDING_DEGRADED = 1000
COMMIT_STUCK = 10.0
STUCK_AFTER = 120.0
LOW_DISK = 200 * 1024 * 1024
FULL_DISK = 10 * 1024 * 1024
PATIENCE = 5.0

_log = logger("engine.health")


@dataclass(frozen=True, slots=True)
class Gauges:
    """Where the monitor reads the figures of the engine's parts."""

    queue: Callable[[], QueueStatistics]
    workers: Callable[[], WorkerStatistics]
    mailboxes: Callable[[], MailboxStatistics]
    background: Callable[[], list[TaskStatistics]]
    hub: Callable[[], HubStatistics]
    limiters: Callable[[], int]
    lock_held: Callable[[], bool]
    serving: Callable[[], bool | None]
    running: Callable[[], bool]


class LoopProbe:
    """Measures how long the event loop keeps a task waiting that is ready to run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def measure(self) -> float:
        """Seconds that one turn of the loop takes now."""
        before = self._clock.monotonic()
        await asyncio.sleep(0)
        return self._clock.monotonic() - before


class HealthMonitor:
    """Looks at store, loop, workers, sessions, disk and links; sets the gauges on the way."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        sessions: SessionService,
        gauges: Gauges,
        metrics: MetricsCollector,
        clock: Clock,
        state_dir: Path,
        max_sessions: int,
        backend: str = "",
    ) -> None:
        self._store = store
        self._journal = journal
        self._sessions = sessions
        self._gauges = gauges
        self._metrics = metrics
        self._clock = clock
        self._state_dir = state_dir
        self._max_sessions = max_sessions
        self._started = clock.monotonic()
        self._backend = backend
        self._probe = LoopProbe(clock)
        self._lag = 0.0
        self.last: HealthView | None = None

    def begin(self) -> None:
        """Count the uptime from now on."""
        self._started = self._clock.monotonic()

    async def look(self) -> HealthView:
        """The engine's health now."""
        self._lag = await self._probe.measure()
        checks = [check async for check in self._checks()]
        status = max((check.status for check in checks), key=SEVERITY.__getitem__)
        hub = self._gauges.hub()
        view = HealthView(
            status=status,
            active_sessions=sum(view.living for view in self._sessions.views()),
            rate_limiters=self._gauges.limiters(),
            worker_count=self._gauges.workers().alive,
            max_sessions=self._max_sessions,
            uptime_seconds=self._clock.monotonic() - self._started,
            checks=tuple(checks),
            command_queue=self._gauges.queue().size,
            events_dropped=hub.dropped,
            loop_lag_ms=self._lag * 1000,
            clients=hub.clients,
            durability=self._store.durability,
            terminal_backend=self._backend,
        )
        self.last = view
        self.refresh(view)
        return view

    def refresh(self, view: HealthView) -> None:
        """Set the gauges that are read rather than counted."""
        metrics = self._metrics
        metrics.record_session_count(view.active_sessions)
        metrics.set_gauge("health", SEVERITY[view.status])
        metrics.set_gauge("loop_lag_seconds", self._lag)
        metrics.set_gauge("uptime_seconds", view.uptime_seconds)
        metrics.set_gauge("rate_limiters", view.rate_limiters)
        metrics.set_gauge("workers_alive", view.worker_count)
        metrics.set_gauge("clients", view.clients)
        metrics.set_gauge("command_queue_depth", view.command_queue)
        metrics.set_gauge("mailbox_depth", self._gauges.mailboxes().waiting)
        metrics.set_gauge("outbox_depth", self._gauges.hub().fullest)
        metrics.set_gauge("store_pending", self._store.statistics().pending)
        self._human()

    def _human(self) -> None:
        """How many wait for a person, and how long the first of them has."""
        now = self._clock.now()
        since = [item.created_at for item in self._sessions.items() if not is_snoozed(item, now)]
        waited = max((now - min(since)).total_seconds(), 0.0) if since else 0.0
        self._metrics.set_gauge("human_waiting", len(since))
        self._metrics.set_gauge("human_wait_seconds", waited)

    # The checks

    async def _checks(self) -> AsyncIterator[Check]:
        for name, look in (
            ("store", self._store_check),
            ("loop", self._loop_check),
            ("workers", self._worker_check),
            ("queues", self._queue_check),
            ("background", self._background_check),
            ("engine", self._engine_check),
        ):
            yield look(name)
        yield await self._guarded("disk", self._disk_check)
        for check in await self._session_checks():
            yield check

    async def _guarded(self, name: str, look: Callable[[], Awaitable[Check]]) -> Check:
        """The check's result; one that can't be made is itself a finding."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await look()
        except Exception as error:  # noqa: BLE001  # health must always have an answer
            _log.error("a health check failed", error, check=name)
            return Check(name=name, status=UNHEALTHY, message=f"it can't be checked: {error!r}")

    def _store_check(self, name: str) -> Check:
        figures = self._store.statistics()
        if self._journal.failing:
            text = f"the last change could not be kept ({self._journal.failing})"
            return Check(name=name, status=UNHEALTHY, message=text)
        waited = self._journal.statistics().oldest
        if waited > COMMIT_STUCK:
            text = f"a change has waited for {waited:.0f} s to be kept"
            return Check(name=name, status=UNHEALTHY, message=text)
        if figures.pending > PENDING_DEGRADED:
            text = f"{figures.pending} changes wait to be kept"
            return Check(name=name, status=DEGRADED, message=text)
        slow = figures.last_commit_ms > COMMIT_DEGRADED_MS
        text = f"the last commit took {figures.last_commit_ms:.1f} ms"
        return Check(name=name, status=DEGRADED if slow else HEALTHY, message=text)

    def _loop_check(self, name: str) -> Check:
        text = f"a ready task waited {self._lag * 1000:.1f} ms"
        return Check(
            name=name, status=DEGRADED if self._lag > LAG_DEGRADED else HEALTHY, message=text
        )

    def _worker_check(self, name: str) -> Check:
        figures = self._gauges.workers()
        text = f"{figures.alive} of {figures.wanted} run, {figures.replaced} were replaced"
        if not figures.alive:
            return Check(name=name, status=UNHEALTHY, message=text)
        return Check(
            name=name,
            status=HEALTHY if figures.alive >= figures.wanted else DEGRADED,
            message=text,
        )

    def _queue_check(self, name: str) -> Check:
        queue, boxes = self._gauges.queue(), self._gauges.mailboxes()
        faults = []
        if queue.size >= queue.limit:
            faults.append(f"the command queue is full, {queue.waiting} senders wait")
        if boxes.fullest >= boxes.limit:
            faults.append("a session's mailbox is full")
        if boxes.oldest > STUCK_AFTER:
            faults.append(f"a session's command has run for {boxes.oldest:.0f} s")
        text = "; ".join(faults) or f"{queue.size} commands wait, {boxes.waiting} in mailboxes"
        return Check(name=name, status=DEGRADED if faults else HEALTHY, message=text)

    def _background_check(self, name: str) -> Check:
        failing = [task for task in self._gauges.background() if task.failing]
        text = ", ".join(f"{task.name} fails ({task.failing})" for task in failing)
        return Check(
            name=name, status=DEGRADED if failing else HEALTHY, message=text or "all tasks go well"
        )

    def _engine_check(self, name: str) -> Check:
        if not self._gauges.running():
            return Check(name=name, status=UNHEALTHY, message="it is stopping")
        if not self._gauges.lock_held():
            text = f"{self._state_dir} was removed or moved, or its lock file was"
            return Check(name=name, status=UNHEALTHY, message=text)
        if self._gauges.serving() is False:
            return Check(name=name, status=DEGRADED, message="its socket was removed")
        return Check(name=name, status=HEALTHY, message="it holds its state directory")

    async def _disk_check(self) -> Check:
        free = (await asyncio.to_thread(shutil.disk_usage, self._state_dir)).free
        status = UNHEALTHY if free < FULL_DISK else DEGRADED if free < LOW_DISK else HEALTHY
        text = f"{free / 1_000_000_000:.1f} GB free for {self._state_dir}"
        return Check(name="disk", status=status, message=text)

    async def _session_checks(self) -> list[Check]:
        try:
            async with asyncio.timeout(PATIENCE):
                return list(await self._sessions.checks())
        except Exception as error:  # noqa: BLE001  # see _guarded
            _log.error("a health check failed", error, check="sessions")
            text = f"they can't be checked: {error!r}"
            return [Check(name="sessions", status=UNHEALTHY, message=text)]
