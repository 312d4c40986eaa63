"""``quarterdeck --headless``: the engine alone, in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..core.base.errors import QuarterdeckError
from .compose import LOG_NAME, Assembly
from .exits import DONE, FAILED
from .interruption import cancelled_by
from .invocation import Invocation
from .place import load


def serve(invocation: Invocation) -> int:
    """Run the engine until it is told to stop; 1 if it stopped of a fault."""
    return asyncio.run(_serve(invocation))


async def _serve(invocation: Invocation) -> int:
    assembly = Assembly(load(invocation.place).settings, headless=True)
    engine = assembly.engine
    with cancelled_by(signal.SIGTERM, signal.SIGHUP) as came:
        try:
            await assembly.start()
        except asyncio.CancelledError:
            if not came:
                raise
            return 128 + came[0]
    undo = engine.handle_signals()
    try:
        with _hang_up_stops(lambda: engine.request_stop("its terminal is gone")):
            _announce(invocation, assembly)
            await engine.wait_stopped()
    finally:
        await engine.shutdown("its program ends")
        undo()
        assembly.close_log()
    if isinstance(engine.failure, QuarterdeckError):
        raise engine.failure
    return DONE if engine.failure is None else FAILED


@contextmanager
def _hang_up_stops(stop: Callable[[], None]) -> Iterator[None]:
    """Stop when the terminal goes, unless the program was started to outlive it (``nohup``)."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _announce(invocation: Invocation, assembly: Assembly) -> None:
    """Say where the engine is, on one line."""
    engine, settings = assembly.engine, assembly.settings
    found = {
        "pid": os.getpid(),
        "engine_id": engine.engine_id,
        "socket": str(engine.socket or ""),
        "state_dir": str(settings.state_dir),
        "log": str(settings.state_dir / LOG_NAME),
    }
    printer = invocation.printer
    if printer.as_json:
        printer.record(found)
        return
    printer.line(
        f"The engine runs: pid {found['pid']}, socket {found['socket']}, "
        f"state {found['state_dir']}. Stop it with ctrl+c or: quarterdeck shutdown"
    )
