"""What the periodic tasks do; each finds out first whether there is anything to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..protocol.events import HealthReport, SystemInfo
from ..protocol.views import HealthView
from ..telemetry.logs import logger
from ..telemetry.ports import MetricsCollector
from .health import HealthMonitor
from .journal import Journal
from .ports import SessionService, Store
from .records import Retention
from .retrying import retried
from .safety.limits import CommandLimits

_log = logger("engine.upkeep")


class Upkeep:
    """The rounds of checkpoint, health and cleanup."""

    def __init__(
        self,
        *,
        store: Store,
        sessions: SessionService,
        journal: Journal,
        limits: CommandLimits,
        health: HealthMonitor,
        metrics: MetricsCollector,
        mend_socket: Callable[[], Awaitable[bool]] | None = None,
        look: Callable[[], None] | None = None,
        retention: Retention | None = None,
    ) -> None:
        self._store = store
        self._journal = journal
        self._sessions = sessions
        self._limits = limits
        self._health = health
        self._metrics = metrics
        self._mend_socket = mend_socket
        self._look = look
        self._retention = retention or Retention()
        self._folded = -1
        self._tidied = -1
        self._told: HealthView | None = None

    async def checkpoint(self) -> bool:
        """Keep changed screens; fold the journal and prune history if anything was committed."""
        await self._sessions.checkpoint()
        if self._look is not None:
            self._look()
        changes = self._store.statistics().changes
        if changes == self._folded:
            return False
        await retried(self._store.checkpoint, "checkpoint", self._metrics)
        dropped = await retried(lambda: self._store.prune(self._retention), "prune", self._metrics)
        _log.debug("checkpoint", changes=changes, pruned=dropped)
        self._folded = self._store.statistics().changes
        return True

    async def health(self) -> bool:
        """Mend the socket, look at everything, and tell if the finding is another one than before."""
        if self._mend_socket is not None and await self._mend_socket():
            text = "The engine's socket was removed; it listens again."
            self._journal.announce(SystemInfo(code="socket_remade", message=text))
        view = await self._health.look()
        before, self._told = self._told, view
        if before is not None and _finding(before) == _finding(view):
            return False
        self._journal.announce(HealthReport(health=view))
        return True

    async def cleanup(self) -> bool:
        """Evict idle buckets, and tidy up after sessions if anything was committed."""
        evicted = self._limits.evict_idle()
        changes = self._store.statistics().changes
        if changes != self._tidied:
            await self._sessions.tidy()
            self._tidied = changes
            evicted += 1
        return bool(evicted)


def _finding(view: HealthView) -> object:
    """What of a health view is worth telling again when it changes."""
    return view.status, view.active_sessions, [(c.name, c.status) for c in view.checks]
