"""The dashboard in this terminal, with an engine of its own or attached to one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from ..core.base.errors import QuarterdeckError
from ..core.client.client import Client
from ..core.protocol.commands import CreateSession, SetPreference
from ..core.settings import Settings
from ..tui.app import QuarterdeckApp
from .connector import EngineConnector
from .exits import DONE
from .invocation import Invocation
from .place import load

ENDING = (signal.SIGTERM, signal.SIGHUP)


def open_dashboard(invocation: Invocation, directory: Path, *, minimal: bool) -> int:
    """Open the dashboard on ``directory``; its exit code."""
    settings = load(invocation.place).settings
    return asyncio.run(_show(settings, directory, minimal=minimal))


async def _show(settings: Settings, directory: Path, *, minimal: bool) -> int:
    connector = EngineConnector(settings.state_dir, lambda: settings)
    app = QuarterdeckApp(
        connector, directory=str(directory), minimal=minimal, keys=configured_keys(settings)
    )
    return await _run(app, connector)


def open_demo(settings: Settings, crew: Sequence[CreateSession]) -> int:
    """Open the dashboard on a practice crew, which ends with it; its exit code."""
    return asyncio.run(_show_demo(settings, crew))


async def _show_demo(settings: Settings, crew: Sequence[CreateSession]) -> int:
    connector = EngineConnector(settings.state_dir, lambda: settings, parting=True)
    app = QuarterdeckApp(connector, directory=str(Path.cwd()))
    starting: asyncio.Task[None] | None = None
    try:
        client = Client(await connector.connect(), "demo")
        await client.start()
        await client.call(SetPreference(key="welcomed", value=True))
        starting = asyncio.create_task(_start_crew(client, crew))
        return await _run(app, connector)
    finally:
        if starting is not None:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        await connector.release()


async def _start_crew(client: Client, crew: Sequence[CreateSession]) -> None:
    """Create the crew's sessions; the dashboard shows what comes of each."""
    for wish in crew:
        with suppress(QuarterdeckError):  # the session stays and says why, or is there already
            await client.call(wish)
    await client.close()


async def _run(app: QuarterdeckApp, connector: EngineConnector) -> int:
    """Run ``app`` until its person leaves; the engine here hands over or ends with it."""
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, partial(app.exit, return_code=128 + number))
    try:
        await app.run_async()
    finally:
        await connector.release()
    return app.return_code or DONE


def configured_keys(settings: Settings) -> dict[str, str]:
    """The keys of ``[ui]``, by action; several keys for one are separated by commas."""
    ui = settings.ui
    keys = {
        action: given if isinstance(given, str) else ",".join(given)
        for action, given in ui.keys.items()
    }
    return {"session.leave": ui.leave_key, **keys}
