"""The periodic tasks: each on its own, and none stops the engine or another by failing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..protocol.events import SystemInfo, SystemWarning
from ..telemetry.logs import logger
from ..telemetry.ports import MetricsCollector, error_code
from .journal import Journal
from .retrying import Sleep

Round = Callable[[], Awaitable[bool]]
"""One round of a task: whether there was anything to do."""

_log = logger("engine.background")


@dataclass(frozen=True, slots=True)
class TaskStatistics:
    """Figures of one periodic task; ``failing`` is the code of its last round's error."""

    name: str
    rounds: int
    idle: int
    failures: int
    failing: str


class Periodic:
    """Runs ``action`` every ``interval`` seconds; the first time after one interval."""

    def __init__(
        self,
        name: str,
        interval: float,
        action: Round,
        journal: Journal,
        metrics: MetricsCollector,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self._interval = interval
        self._action = action
        self._journal = journal
        self._metrics = metrics
        self._sleep = sleep
        self._rounds = 0
        self._idle = 0
        self._failures = 0
        self._failing = ""

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._sleep(self._interval)
            await self.round()

    async def round(self) -> None:
        """Run the action once; a failure is logged and told, and the next round comes all the same."""
        self._rounds += 1
        try:
            worked = await self._action()
        except Exception as error:  # noqa: BLE001  # a failing task never stops the engine
            self._failed(error)
            return
        self._idle += not worked
        _log.debug("background task", task=self.name, worked=worked)
        if self._failing:
            self._failing = ""
            text = f"The {self.name} task works again."
            self._journal.announce(SystemInfo(code="background_recovered", message=text))

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        code = error_code(error)
        self._metrics.increment_counter("background_failures", {"task": self.name})
        _log.error("a background task failed", error, task=self.name)
        if code == self._failing:
            return
        self._failing = code
        text = f"The {self.name} task failed and will be tried again: {error}"
        details = {"task": self.name, "code": code}
        warning = SystemWarning(code="background_failed", message=text, details=details)
        self._journal.announce(warning)

    def statistics(self) -> TaskStatistics:
        """The figures so far."""
        return TaskStatistics(self.name, self._rounds, self._idle, self._failures, self._failing)


class Background:
    """The periodic tasks of an engine."""

    def __init__(self) -> None:
        self._periodic: list[Periodic] = []
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, task: Periodic) -> None:
        """Run ``task``, too, from the start on."""
        self._periodic.append(task)

    def start(self) -> None:
        """Start them."""
        self._tasks = [
            asyncio.create_task(task.run(), name=f"background-{task.name}")
            for task in self._periodic
        ]

    async def stop(self) -> None:
        """End them, in the middle of a round if need be."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def statistics(self) -> list[TaskStatistics]:
        """The figures of each."""
        return [task.statistics() for task in self._periodic]
