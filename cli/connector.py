"""How the dashboard comes to an engine: the one that runs, or one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.base.errors import QuarterdeckError
from ..core.base.retry import RetryPolicy
from ..core.client.ports import Endpoint, LinkClosed
from ..core.client.socket import SocketEndpoint
from .failing import has_code
from .place import entered_socket, entered_stores

if TYPE_CHECKING:
    from ..core.settings import Settings
    from .compose import Assembly

PATIENCE = RetryPolicy(max_attempts=8, initial_delay=0.05, max_delay=2.0)
"""Between two attempts, while another engine holds the state directory but does not answer."""


class EngineConnector:
    """A ``Connector`` for one state directory.

    An engine that is entered in the directory's lock and answers is attached to; else one is
    started here, with what ``settings`` gives (called in a thread). Of several processes that try at
    once one gets the lock, the others attach to it. With ``parting`` an engine started here stops
    its sessions when it is let go of, whatever is asked. ``reason`` is told to others when it stops.
    One that is started here in place of another that was attached to goes on with the other's
    store and executor: ``inherited``.
    """

    def __init__(
        self,
        state_dir: Path,
        settings: Callable[[], Settings],
        *,
        patience: RetryPolicy = PATIENCE,
        parting: bool = False,
        reason: str = "the dashboard was closed",
    ) -> None:
        self._state_dir = state_dir
        self._settings = settings
        self._patience = patience
        self._parting = parting
        self._reason = reason
        self._own: Assembly | None = None
        self._joined: dict[str, str] = {}
        self.inherited: dict[str, str] = {}
        self._connecting = asyncio.Lock()

    @property
    def hosting(self) -> bool:
        """Whether the engine runs in this process."""
        return self._own is not None and self._own.engine.phase == "running"

    @property
    def parting(self) -> bool:
        """Whether the sessions end with the engine in this process, whatever is asked."""
        return self._parting and self.hosting

    async def connect(self) -> Endpoint:
        """A link to the state directory's engine; one is started here if none runs.

        :raises QuarterdeckError: if no engine can be reached or started; the message says why.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self._connecting:
                    return await self._attach() or await self._host()
            except QuarterdeckError as error:
                if not has_code(error, "engine_running") or not self._patience.allows(attempt):
                    raise
            await asyncio.sleep(self._patience.delay(attempt))

    async def attach(self) -> Endpoint | None:
        """A link to an engine that runs; ``None`` if none answers.

        :raises QuarterdeckError: if it can't be understood.
        """
        return await self._attach()

    async def _attach(self) -> Endpoint | None:
        """A link to the engine that runs; ``None`` if none answers."""
        if self._own is not None and self.hosting:
            return self._own.engine.local_endpoint()
        socket, stores = entered_socket(self._state_dir), entered_stores(self._state_dir)
        if socket is None:
            return None
        try:
            endpoint = await SocketEndpoint.connect(socket)
        except LinkClosed:
            return None
        self._joined = stores
        return endpoint

    async def _host(self) -> Endpoint:
        """A link to an engine started here.

        :raises EngineRunning: if another one holds the state directory.
        """
        # Start-up time: the dashboard paints before the engine's libraries are there.
        compose = await asyncio.to_thread(import_module, f"{__package__}.compose")
        settings = await asyncio.to_thread(self._going_on)
        own: Assembly = compose.Assembly(settings, headless=False)
        if self._own is not None:  # it stopped by itself
            self._own.close_log()
        await own.start()
        self._own = own
        return own.engine.local_endpoint()

    def _going_on(self) -> Settings:
        """The settings, with the store and the executor of the engine that was here before.

        :raises CliFault: ``engine_differs`` if its store can't be told, since it has a password.
        """
        # Start-up time: as above.
        from .inheriting import inherit  # noqa: PLC0415

        settings, self.inherited = inherit(self._settings(), self._joined)
        return settings

    async def release(self, *, stop_sessions: bool = False) -> None:
        """Let go: an engine hosted here hands over or shuts down; sessions go on unless told."""
        own, self._own = self._own, None
        if own is None:
            return
        stop = stop_sessions or self._parting
        await own.engine.shutdown(self._reason, stop_sessions=stop, handover=not stop)
        own.close_log()
