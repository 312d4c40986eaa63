"""What the settings give the dashboard, and the dashboard on a practice crew."""

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
from ..tui.outfit import Outfit
from ..tui.pace import Pacing
from .connector import EngineConnector
from .place import Place, load
from .showing import run_app


def fit_out(place: Place) -> tuple[EngineConnector, Outfit]:
    """The connector of a place, and what the dashboard gets with it.

    :raises SettingsInvalid: naming every fault of the settings.
    """
    settings = load(place).settings
    connector = EngineConnector(settings.state_dir, lambda: settings)
    return connector, Outfit(connector, configured_keys(settings), pacing=configured_pace(settings))


def configured_keys(settings: Settings) -> dict[str, str]:
    """The keys of ``[ui]``, by action; several keys for one are separated by commas."""
    ui = settings.ui
    keys = {
        action: given if isinstance(given, str) else ",".join(given)
        for action, given in ui.keys.items()
    }
    return {"session.leave": ui.leave_key, **keys}


def configured_pace(settings: Settings) -> Pacing:
    """The pace of ``[ui]``."""
    return Pacing(frame=1 / settings.ui.frames_per_second)


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
    await client.close()
