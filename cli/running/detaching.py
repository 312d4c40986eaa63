"""An engine in the background that goes on where this process lets go."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from ...core.base.retry import RetryPolicy
from ...core.settings import Settings
from ..failing import fault
from ..place import Place, entered_socket

PATIENCE = RetryPolicy(max_attempts=40, initial_delay=0.05, max_delay=0.5)
_PROGRAM = "from quarterdeck.cli.main import run; raise SystemExit(run())"


async def leave_engine(place: Place, settings: Settings) -> None:
    """Start an engine alone in the background, with the settings of this one.

    :raises CliFault: ``detached_alone`` if none comes up.
    """
    command = [sys.executable, "-c", _PROGRAM, "--headless", "--state-dir", str(settings.state_dir)]
    for option, given in (("--config", place.config), ("--profile", place.profile)):
        if given:
            command += [option, str(given)]
    environment = {
        **os.environ,
        "QUARTERDECK_STATE__URL": settings.store_url,
        "QUARTERDECK_WORKFLOWS__EXECUTOR": settings.workflows.executor,
    }
    await asyncio.to_thread(_spawn, command, environment, settings.state_dir)
    attempt = 1
    while entered_socket(settings.state_dir) is None:
        if not PATIENCE.allows(attempt):
            raise fault(
                "detached_alone",
                "No engine came up in the background; start one with: quarterdeck --headless",
            )
        await asyncio.sleep(PATIENCE.delay(attempt))
        attempt += 1


def _spawn(command: list[str], environment: dict[str, str], place: Path) -> None:
    subprocess.Popen(  # it outlives this process: nobody waits for it
        command,
        env=environment,
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
