"""The workers: they take commands off the queue, and one that crashes is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..telemetry.logs import logger
from ..telemetry.ports import MetricsCollector
from .queue import CommandQueue, QueueClosed

J = TypeVar("J")

_log = logger("engine.workers")


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """Figures of the pool: workers wanted, running, at work, and replaced so far."""

    wanted: int
    alive: int
    busy: int
    replaced: int


class WorkerPool(Generic[J]):
    """``count`` tasks that take jobs off the queue and serve them, each at its own pace.

    ``serve`` raises nothing. Should it do so all the same, or a worker be cancelled by something
    else than the pool, ``crashed`` is told the job and the error, and another worker starts.
    """

    def __init__(
        self,
        queue: CommandQueue[J],
        serve: Callable[[J], Awaitable[None]],
        crashed: Callable[[J, BaseException], None],
        count: int,
        metrics: MetricsCollector,
    ) -> None:
        """Begin with no worker.

        :raises ValueError: if ``count`` is below 1.
        """
        if count < 1:
            raise ValueError(f"There is at least 1 worker, not {count}")
        self._queue = queue
        self._serve = serve
        self._crashed = crashed
        self._count = count
        self._metrics = metrics
        self._tasks: dict[asyncio.Task[None], list[J]] = {}
        self._number = 0
        self._replaced = 0
        self._stopping = False

    def start(self) -> None:
        """Start the workers."""
        for _ in range(self._count):
            self._spawn()

    async def finish(self, seconds: float | None = None) -> None:
        """Return when the closed queue is empty and all its jobs are served, or time is up.

        Workers that are at it by then are cancelled. ``None``: take all the time it needs.
        """
        if self._tasks and seconds != 0:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        self._stopping = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def statistics(self) -> WorkerStatistics:
        """The figures of the moment."""
        busy = sum(bool(job) for job in self._tasks.values())
        return WorkerStatistics(self._count, len(self._tasks), busy, self._replaced)

    def _spawn(self) -> None:
        self._number += 1
        held: list[J] = []
        task = asyncio.create_task(self._work(held), name=f"worker-{self._number}")
        self._tasks[task] = held
        task.add_done_callback(self._ended)

    async def _work(self, held: list[J]) -> None:
        while True:
            try:
                job = await self._queue.get()
            except QueueClosed:
                return
            held.append(job)
            await self._serve(job)
            held.clear()

    def _ended(self, task: asyncio.Task[None]) -> None:
        held = self._tasks.pop(task)
        if not task.cancelled() and task.exception() is None:
            return
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            return
        for job in held:
            self._crashed(job, error)
        if not self._stopping:
            _log.error("a worker crashed and is replaced", error, worker=task.get_name())
            self._metrics.increment_counter("workers_replaced")
            self._replaced += 1
            self._spawn()
