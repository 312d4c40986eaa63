"""An engine in the background that goes on where this process lets go."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from ...core.base.retry import RetryPolicy
from ...core.client.ports import LinkClosed
from ...core.client.socket import SocketEndpoint
from ...core.settings import Settings
from ..failing import fault
from ..faults import CliFault
from ..place import Place, entered_socket

PATIENCE = RetryPolicy(max_attempts=120, initial_delay=0.05, max_delay=0.5)
"""A minute: a store or a cluster far away may take as long as its own time limits."""

LEFT: list[subprocess.Popen[bytes]] = []
"""Engines that were left; whoever drops one that runs is warned of it."""

_PROGRAM = "from quarterdeck.cli.main import run; raise SystemExit(run())"


async def leave_engine(place: Place, settings: Settings) -> None:
    """Start an engine alone in the background, with the settings of this one; returns when it serves.

    :raises CliFault: ``detached_alone`` if it doesn't come up.
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
    with tempfile.TemporaryFile() as said:
        engine = await asyncio.to_thread(_spawn, command, environment, settings.state_dir, said)
        attempt = 1
        while not await _serves(settings.state_dir):
            if engine.poll() is not None or not PATIENCE.allows(attempt):
                raise _alone(engine, said)
            await asyncio.sleep(PATIENCE.delay(attempt))
            attempt += 1


async def _serves(state_dir: Path) -> bool:
    """Whether an engine listens; it enters itself in the lock long before."""
    socket = entered_socket(state_dir)
    try:
        endpoint = None if socket is None else await SocketEndpoint.connect(socket)
    except LinkClosed:
        return False
    if endpoint is None:
        return False
    await endpoint.close()
    return True


def _alone(engine: subprocess.Popen[bytes], said: IO[bytes]) -> CliFault:
    if engine.poll() is None:
        told = f"The engine in the background (process {engine.pid}) is not up yet"
        return fault("detached_alone", f"{told}; wait for it with: quarterdeck health --wait 5m")
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    cause = (
        f": {lines[-1].removeprefix('quarterdeck: ')}"
        if lines
        else f" (exit code {engine.returncode})."
    )
    return fault("detached_alone", f"No engine came up in the background{cause}")


def _spawn(
    command: list[str], environment: dict[str, str], place: Path, said: IO[bytes]
) -> subprocess.Popen[bytes]:
    engine = subprocess.Popen(  # it outlives this process: nobody waits for it
        command,
        env=environment,
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said,
        start_new_session=True,
    )
    LEFT.append(engine)
    return engine
