"""The dashboard in this terminal, with an engine of its own or attached to one."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
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
    return asyncio.run(_show(invocation, settings, directory, minimal=minimal))


async def _show(
    invocation: Invocation, settings: Settings, directory: Path, *, minimal: bool
) -> int:
    connector = EngineConnector(settings.state_dir, lambda: settings)
    app = QuarterdeckApp(
        connector, directory=str(directory), minimal=minimal, keys=configured_keys(settings)
    )
    code = await _run(app, connector)
    _tell_the_rest(app, invocation)
    return code


def _tell_the_rest(app: QuarterdeckApp, invocation: Invocation) -> None:
    """Why it ended, if by itself; what goes on, and how to come back to it."""
    if app.last_words:
        sys.stderr.write(f"quarterdeck: {app.last_words}\n")
    count = app.bridge.left_running
    if count:
        given = invocation.values.get("state_dir")
        back = shlex.join(["quarterdeck", *(("--state-dir", str(given)) if given else ())])
        runs = "session runs" if count == 1 else "sessions run"
        sys.stdout.write(f"{count} {runs} on without the dashboard; come back with: {back}\n")


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
        starting = asyncio.create_task(_start_crew(client, crew, app))
        return await _run(app, connector)
    finally:
        if starting is not None:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        await connector.release()


async def _start_crew(client: Client, crew: Sequence[CreateSession], app: QuarterdeckApp) -> None:
    """Create the crew's sessions in the size that the dashboard has for them, and show each."""
    await app.laid_out.wait()
    cols, lines = app.bridge.room
    for member in crew:
        wish = member.model_copy(update={"cols": cols, "lines": lines})
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
