"""The dashboard in this terminal, with an engine of its own or attached to one.

Only what the first frame needs is loaded here; ``outfit`` has the rest.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..tui.app import QuarterdeckApp
from .invocation import FLAGS, Invocation
from .showing import run_app

if TYPE_CHECKING:
    from ..tui.outfit import Outfit
    from .connector import EngineConnector
    from .place import Place


def open_dashboard(invocation: Invocation, directory: Path, *, minimal: bool) -> int:
    """Open the dashboard on ``directory``; its exit code.

    :raises SettingsInvalid: naming every fault of the settings; the terminal is as before then.
    """
    gc.disable()  # until all is loaded: nothing of it would be found to be garbage
    try:
        return asyncio.run(_show(invocation, directory, minimal=minimal))
    finally:
        gc.enable()


class Locker:
    """Holds what the dashboard gets when it has painted its frame."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connector: EngineConnector | None = None

    def fit_out(self) -> Outfit:
        """Read the settings; what they give the dashboard.

        :raises SettingsInvalid: naming every fault.
        """
        # Start-up time: the settings and the protocol are loaded after the first paint.
        from .outfit import fit_out  # noqa: PLC0415

        self._connector, outfit = fit_out(self._place)
        gc.freeze()
        gc.enable()
        return outfit

    @property
    def inherited(self) -> dict[str, str]:
        """What an engine here took over from the one before it: settings, by key."""
        return self._connector.inherited if self._connector is not None else {}

    async def release(self) -> None:
        """Let go of the engine."""
        if self._connector is not None:
            await self._connector.release()


async def _show(invocation: Invocation, directory: Path, *, minimal: bool) -> int:
    locker = Locker(invocation.place)
    app = QuarterdeckApp(directory=str(directory), minimal=minimal, fit_out=locker.fit_out)
    code = await run_app(app, locker)
    if app.fault is not None:
        raise app.fault
    for option, key in FLAGS.items():
        if key in locker.inherited:
            invocation.values[option] = locker.inherited[key]
    _tell_the_rest(app, invocation)
    return code


def _tell_the_rest(app: QuarterdeckApp, invocation: Invocation) -> None:
    """Why it ended, if by itself; what goes on, and how to come back to it."""
    if app.last_words:
        sys.stderr.write(f"quarterdeck: {app.last_words}\n")
    count = app.left_running
    if count:
        path = invocation.values.get("path")
        back = invocation.again(*((str(path),) if path else ()), hosted=True)
        runs = "session runs" if count == 1 else "sessions run"
        sys.stdout.write(f"{count} {runs} on without the dashboard; come back with: {back}\n")
