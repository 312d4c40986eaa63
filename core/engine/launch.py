"""Bringing the parts of an engine up, one after the other, and down in the reverse order."""

from __future__ import annotations

import functools
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from ..base.places import engine_socket
from ..telemetry.http import MetricsServer
from ..telemetry.logs import logger
from ..telemetry.ports import ExposedMetrics
from .budget import Budget
from .faults import StateDirUnusable
from .lock import Holder, StateLock
from .parts import Given, Parts
from .retrying import retried
from .socket_server import SocketServer

FAREWELL_SECONDS = 1.0

_log = logger("engine.launch")


@dataclass(frozen=True, slots=True)
class Stop:
    """How an engine is to stop; with ``handover`` a client is asked to take over.

    ``asked``: somebody wanted it to stop, it did not fail.
    """

    reason: str
    stop_sessions: bool = False
    handover: bool = False
    asked: bool = True


class Launch:
    """Takes the state directory, opens the store, and starts everything that serves clients.

    Whatever came up is taken down by ``down``, also if ``up`` failed half way.
    """

    def __init__(
        self, given: Given, parts: Parts, engine_id: str, *, listen: bool, socket: Path | None
    ) -> None:
        self._given = given
        self._parts = parts
        self._engine_id = engine_id
        self._listen = listen
        self._stack = AsyncExitStack()
        self._server: SocketServer | None = None
        self._stop = Stop("it ends")
        self._budget: Budget | None = None
        self._given_socket = socket
        self.socket = socket
        self._started_at = given.clock.now()
        self.lock = StateLock(given.state_dir)

    @property
    def serving(self) -> bool | None:
        """Whether clients reach the socket; ``None`` if there is none."""
        return None if self._server is None else self._server.serving

    # Up

    async def up(self) -> None:
        """Bring everything up.

        :raises EngineRunning: if another engine holds the state directory.
        :raises QuarterdeckError: whatever a part needs and does not find.
        """
        stack, parts = self._stack, self._parts
        self._ready_state_dir()
        stack.push_async_callback(self._say_goodbye)
        self.lock.acquire(self._holder())
        stack.callback(self.lock.release)
        await self._open_store()
        stack.push_async_callback(self._close_bus)
        for hush in parts.listen():
            stack.callback(hush)
        stack.push_async_callback(self._close_crew)
        stack.push_async_callback(self._close_sessions)
        stack.push_async_callback(self._close_safety)
        stack.push_async_callback(self._close_workflows)
        stack.push_async_callback(self._close_pipelines)
        await self._load()
        stack.push_async_callback(self._end_commands)
        parts.workers.start()
        stack.push_async_callback(parts.background.stop)
        parts.background.start()
        await self._open_metrics_port()
        await self._open_socket()

    def _ready_state_dir(self) -> None:
        place = self._given.state_dir
        advice = "Choose another one with --state-dir."
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            mine = place.stat().st_uid == os.geteuid()
        except (FileExistsError, NotADirectoryError) as error:
            raise StateDirUnusable(
                f"The state directory {place} is no directory, or lies below a file. {advice}",
                path=str(place),
            ) from error
        except OSError as error:
            raise StateDirUnusable(
                f"The state directory {place} can't be made: {error.strerror}. {advice}",
                path=str(place),
            ) from error
        if not mine:
            raise StateDirUnusable(
                f"The state directory {place} belongs to another user. {advice}", path=str(place)
            )

    def _holder(self) -> Holder:
        if self._listen:
            self.socket = self._given_socket or engine_socket(self._given.state_dir)
        socket = str(self.socket) if self._listen else ""
        settings, shown = self._given.settings, self._given.redactor.text
        store, executor = shown(settings.store_url), shown(settings.workflows.executor)
        return Holder(os.getpid(), self._engine_id, socket, self._started_at, store, executor)

    async def _open_store(self) -> None:
        given = self._given
        self._stack.push_async_callback(self._close_store)
        await retried(given.store.open, "open", given.metrics, sleep=given.sleep)
        await given.journal.open()
        self._parts.preferences.update(await given.store.preferences())

    async def _load(self) -> None:
        given = self._given
        begin = functools.partial(given.store.begin, self._engine_id)
        epoch = await retried(begin, "begin", given.metrics, sleep=given.sleep)
        await given.safety.restore()
        await given.sessions.load(epoch)
        await given.safety.begin()
        _log.info("sessions taken up", sessions=len(given.sessions.views()), epoch=epoch)
        placing = given.placing
        given.safety.guard(given.workflows, None if placing is None else placing.places)
        if placing is not None:
            placing.forbidden = given.safety.gate.forbidden
        await self._parts.crew.load()
        await given.workflows.load(epoch)
        await given.pipelines.load()
        await given.safety.tidy(given.workflows)

    async def _open_metrics_port(self) -> None:
        config, metrics = self._given.settings.prometheus, self._given.metrics
        if not config.enabled or not isinstance(metrics, ExposedMetrics):
            return
        exposed = metrics

        async def render() -> bytes:
            await self._parts.health.look()
            return exposed.render()

        server = MetricsServer(
            render,
            self._parts.health.look,
            content_type=exposed.content_type,
            host=config.host,
            port=config.port,
        )
        await server.start()
        self._stack.push_async_callback(server.close)

    async def _open_socket(self) -> None:
        if not self._listen or self.socket is None:
            return
        connect = functools.partial(self._parts.connect, local=False)
        self._server = SocketServer(self.socket, connect, self._given.metrics)
        await self._server.start()
        self._stack.callback(self._server.stop_listening)

    async def mend_socket(self) -> bool:
        """Listen anew if the socket was removed, as with the user's last login; whether it was.

        :raises QuarterdeckError: if that can't be done; the next time tries again.
        """
        if self._server is None or self._server.serving or not self.lock.held:
            return False
        holder = self._holder()
        await self._server.move(Path(holder.socket))
        self.lock.rewrite(holder)
        _log.warning("the socket was gone and is made anew", socket=holder.socket)
        return True

    # Down

    async def down(self, stop: Stop) -> None:
        """Take down what came up, within the shutdown timeout: finish, save, release, say goodbye."""
        self._stop = stop
        self._budget = Budget(self._given.settings.engine.shutdown_timeout, self._given.clock)
        await self._stack.aclose()

    def hurry(self) -> None:
        """Leave no more time than what must be saved needs, if it is going down."""
        if self._budget is not None:
            self._budget.force()

    async def _end_commands(self) -> None:
        if self._budget is not None:
            work = self._parts.finish_commands
            await self._budget.spend("commands", work, share=0.5, save=False)
        await self._parts.refuse_commands()

    async def _close_pipelines(self) -> None:
        if self._budget is not None:
            close = self._given.pipelines.close
            await self._budget.spend("pipelines", close, share=0.5, save=True)

    async def _close_workflows(self) -> None:
        if self._budget is not None:
            close = self._given.workflows.close
            await self._budget.spend("workflows", close, share=0.5, save=True)

    async def _close_safety(self) -> None:
        if self._budget is not None:
            await self._budget.spend("safety", self._given.safety.close, share=0.5, save=True)

    async def _close_sessions(self) -> None:
        if self._budget is not None:
            stop_sessions = self._stop.stop_sessions
            close = functools.partial(self._given.sessions.close, stop_sessions=stop_sessions)
            await self._budget.spend("sessions", close, share=0.7, save=True)
            await self._budget.spend("journal", self._given.journal.settled, share=0.7, save=True)

    async def _close_bus(self) -> None:
        if self._budget is not None:
            await self._budget.spend("bus", self._parts.bus.close, share=0.5, save=False)

    async def _close_crew(self) -> None:
        await self._parts.crew.close()
        if self._budget is not None:
            await self._budget.spend("locks", self._given.layer.close, share=0.5, save=True)

    async def _close_store(self) -> None:
        if self._budget is not None:
            await self._budget.spend("store", self._given.store.close, save=True)

    async def _say_goodbye(self) -> None:
        """The last step: the state directory is free, so that whoever takes over finds it so."""
        hub = self._parts.hub
        heir = hub.heir() if self._stop.handover else None
        asked = self._stop.asked and not self._stop.handover
        hub.farewell(f"The engine has stopped: {self._stop.reason}.", heir, asked=asked)
        if self._server is not None:
            await self._server.close(FAREWELL_SECONDS)
