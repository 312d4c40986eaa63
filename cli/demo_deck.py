"""The dashboard on a practice crew, which ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..core.base.errors import QuarterdeckError
from ..core.client.client import Client
from ..core.protocol.commands import CreateSession, SetPreference
from ..core.settings import Settings
from ..tui.app import QuarterdeckApp
from .connector import EngineConnector
from .demo_debate import begin_debate
from .demo_release import begin_release
from .outfit import configured_pace
from .showing import run_app


def open_demo(settings: Settings, crew: Sequence[CreateSession]) -> int:
    """Open the dashboard on a practice crew, which ends with it; its exit code."""
    return asyncio.run(_show_demo(settings, crew))


async def _show_demo(settings: Settings, crew: Sequence[CreateSession]) -> int:
    connector = EngineConnector(settings.state_dir, lambda: settings, parting=True)
    pacing = configured_pace(settings)
    app = QuarterdeckApp(connector, directory=str(Path.cwd()), pacing=pacing)
    starting: asyncio.Task[None] | None = None
    try:
        client = Client(await connector.connect(), "demo")
        await client.start()
        await client.call(SetPreference(key="welcomed", value=True))
        starting = asyncio.create_task(_start_crew(client, crew, app))
        return await run_app(app, connector)
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
    with suppress(QuarterdeckError):  # in a directory of its own it may be loaded already
        await begin_debate(client, crew[0].cwd)
    with suppress(QuarterdeckError):
        await begin_release(client, crew[0].cwd)
    await client.close()
