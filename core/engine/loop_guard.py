"""What no task or callback caught: told, and fatal where it broke what keeps the state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from ..base.errors import QuarterdeckError
from ..telemetry.ports import MetricsCollector, error_code


class LoopGuard:
    """Hears of every error that reaches the event loop itself.

    ``fatal`` is told those after which nothing can be trusted: memory that ran out, and a callback
    of a module in ``vital`` (named as its prefix) that broke off half way, since whoever waits for
    it would wait for ever. ``stray`` is told the others, which stop nothing.
    """

    def __init__(
        self,
        *,
        vital: Collection[str],
        fatal: Callable[[BaseException], None],
        stray: Callable[[BaseException], None],
        metrics: MetricsCollector,
    ) -> None:
        self._vital = tuple(vital)
        self._fatal = fatal
        self._stray = stray
        self._metrics = metrics

    def watch(self) -> Callable[[], None]:
        """Hear of the running loop's errors, until the returned function is called."""
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()

        def came(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if before is None:
                loop.default_exception_handler(context)  # asyncio's log, which the logbook takes in
            else:
                before(loop, context)
            self._came(context)

        loop.set_exception_handler(came)

        def undo() -> None:
            if loop.get_exception_handler() is came:
                loop.set_exception_handler(before)

        return undo

    def _came(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, BaseException):
            return
        self._metrics.increment_counter("loop_errors", {"code": error_code(error)})
        (self._fatal if self._is_fatal(error, context) else self._stray)(error)

    def _is_fatal(self, error: BaseException, context: dict[str, Any]) -> bool:
        if isinstance(error, QuarterdeckError):
            return error.fatal
        if isinstance(error, MemoryError):
            return True
        return "handle" in context and any(map(self._is_vital, _modules(error)))

    def _is_vital(self, module: str) -> bool:
        return any(module == name or module.startswith(f"{name}.") for name in self._vital)


def _modules(error: BaseException) -> list[str]:
    """The modules that ``error`` came through."""
    found, trace = [], error.__traceback__
    while trace is not None:
        found.append(str(trace.tb_frame.f_globals.get("__name__", "")))
        trace = trace.tb_next
    return found
