"""Signals that end a program with a loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cancelled_by(*numbers: signal.Signals) -> Iterator[list[int]]:
    """Let these signals cancel this task; the list holds those that came."""
    loop, task, came = asyncio.get_running_loop(), asyncio.current_task(), list[int]()

    def cancel(number: int) -> None:
        came.append(number)
        if task is not None:
            task.cancel()

    kept = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    for number in kept:
        loop.add_signal_handler(number, cancel, number)
    try:
        yield came
    finally:
        for number in kept:
            loop.remove_signal_handler(number)
