"""A dashboard shown in this terminal, until its person leaves."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from typing import Protocol

from ..tui.app import QuarterdeckApp
from .exits import DONE

ENDING = (signal.SIGTERM, signal.SIGHUP)


class Held(Protocol):
    """What is let go of in the end."""

    async def release(self) -> None:
        """Let go."""
        ...


async def run_app(app: QuarterdeckApp, held: Held) -> int:
    """Run ``app`` until its person leaves; the engine here hands over or ends with it."""
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, partial(app.exit, return_code=128 + number))
    try:
        await app.run_async()
    finally:
        await held.release()
    return app.return_code or DONE
