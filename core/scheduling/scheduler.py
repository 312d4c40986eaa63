"""The scheduler: the machine with a clock, executors and tasks of the loop around it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Self

from ..base.calling import Threads, is_async
from ..base.clock import SYSTEM_CLOCK, Clock, Random, require_aware
from ..base.priority import Priority
from . import faults as f
from .decisions import Changed, Decision, Start, Stop
from .machine import Machine
from .model import ENDED, AgentCapacity, Task, TaskSchedulerConfig, TaskState
from .reasons import reason
from .statistics import AgentStatistics, GroupStatistics, SchedulerStatistics, Waiting

Executor = Callable[[Task], Any]
Listener = Callable[[Task, TaskState], None]

_logger = logging.getLogger("quarterdeck.scheduling")


class TaskScheduler:
    """Places tasks on agents and runs them. Belongs to the loop that started it.

    ``listener`` hears of every change of a task's state; it is called directly and must be quick.
    Executors may be sync (they run in a thread then) or async, and are given the ``Task``.
    """

    def __init__(
        self,
        config: TaskSchedulerConfig | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        random: Random | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.config = config or TaskSchedulerConfig()
        self._clock = clock
        self._machine = Machine(self.config, random or Random())
        self._listener = listener
        self._executors: dict[str, Executor] = {}
        self._threads = Threads(self.config.max_concurrent_tasks)
        self._attempts: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._futures: dict[str, asyncio.Future[Task]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._pumping = False
        self._rest = asyncio.Event()

    # ---- life ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up work; a second time does nothing."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._turn()

    async def stop(self, *, drain: bool = False) -> None:
        """Cancel everything, or first let it end; afterwards every task has ended, and none runs."""
        if self._loop is None:
            return
        if drain:
            await self._until_at_rest()
        now = self._clock.monotonic()
        for item in list(self._machine.items.values()):
            if item.task.state not in ENDED:
                self._machine.cancel(item.task.task_id, now)
        self._turn()
        await self._wind_up()
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, None
        self._threads.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # ---- who and what ----------------------------------------------------------------------

    def register_agent(self, capacity: AgentCapacity) -> None:
        """Let an agent take work.

        :raises AgentKnown: if one with that id is there.
        :raises AgentInvalid: if it has no slot, or a negative score.
        """
        self._machine.add_agent(capacity, self._clock.monotonic())
        self._soon()

    def unregister_agent(self, agent_id: str) -> None:
        """Let an agent go; what it ran is LOST, and scheduled again.

        :raises AgentUnknown: if there is none with that id.
        """
        self._machine.remove_agent(agent_id, self._clock.monotonic())
        self._soon()

    def heartbeat(self, agent_id: str) -> None:
        """An agent lives.

        :raises AgentUnknown: if there is none with that id.
        """
        self._machine.beat(agent_id, self._clock.monotonic())
        self._soon()

    def register_executor(self, task_type: str, executor: Executor) -> None:
        """Run tasks of ``task_type`` by ``executor``; ``"*"``: those of every other type."""
        self._executors[task_type] = executor

    def set_group_limit(self, name: str, limit: int | None) -> None:
        """How many tasks of a group (a repository, a provider) may run at once; ``None``: any."""
        if limit is not None and limit < 0:
            raise f.AgentInvalid(f"The limit of the group {name!r} can't be negative.", group=name)
        self._machine.placing.set_limit(name, limit)
        self._soon()

    # ---- tasks -----------------------------------------------------------------------------

    async def schedule(self, task: Task) -> str:
        """Queue a task; its id. See ``submit``."""
        return self.submit(task)

    def submit(self, task: Task) -> str:
        """Queue a task; its id.

        :raises SchedulerStopped: if the scheduler was not started, or is stopped.
        :raises TypeUnknown: if nothing can run its type.
        :raises TaskInvalid: if a number of it can't be used, or its deadline has no time zone.
        :raises TaskKnown: if it was scheduled before.
        :raises DependencyUnknown: if it waits for a task that was not.
        :raises SchedulerFull: if ``max_queue_size`` tasks wait.
        """
        if self._loop is None:
            raise f.SchedulerStopped("The scheduler takes no tasks: await start() first.")
        if task.task_type not in self._executors and "*" not in self._executors:
            raise f.TypeUnknown(
                f"No executor is registered for tasks of type {task.task_type!r}; register one with "
                "register_executor.",
                task_type=task.task_type,
            )
        deadline = self._check(task)
        self._machine.add(task, self._clock.monotonic(), deadline=deadline)
        task.created_at = self._clock.now()
        self._soon()
        return task.task_id

    async def cancel(self, task_id: str) -> bool:
        """Cancel a task in any state; ``False`` if it has ended. A running one is waited for.

        :raises TaskUnknown: if there is none with that id.
        """
        cancelled = self._machine.cancel(task_id, self._clock.monotonic())
        if cancelled:
            self._turn()
            await self.wait_for_completion(task_id)
        return cancelled

    async def wait_for_completion(self, task_id: str, timeout: float | None = None) -> Task | None:  # noqa: ASYNC109  # the document's
        """The task once it has ended; ``None`` if it has not within ``timeout`` seconds.

        :raises TaskUnknown: if there is none with that id.
        """
        task = self._machine.item(task_id).task
        if task.state in ENDED:
            return task
        future = self._futures.get(task_id)
        if future is None:
            future = self._futures[task_id] = asyncio.get_running_loop().create_future()
        done, _ = await asyncio.wait([future], timeout=timeout)
        return task if done else None

    def get_task(self, task_id: str) -> Task:
        """A task as it stands.

        :raises TaskUnknown: if there is none with that id.
        """
        return self._machine.item(task_id).task

    def reason(self, task_id: str) -> str:
        """Why a task does not run; ``""`` if it does, or has ended.

        :raises TaskUnknown: if there is none with that id.
        """
        return reason(self._machine, self._machine.item(task_id), self._clock.monotonic())

    def waiting(self, limit: int | None = None) -> list[Waiting]:
        """What waits, and why, in the order of dispatch."""
        now = self._clock.monotonic()
        items = self._machine.items.values()
        found = [one for one in items if one.agent is None and one.task.state not in ENDED]
        found.sort(key=lambda item: item.key)
        return [
            Waiting(
                item.task.task_id,
                item.task.task_type,
                item.task.state,
                Priority(item.level),
                reason(self._machine, item, now),
            )
            for item in found[:limit]
        ]

    def statistics(self) -> SchedulerStatistics:
        """The figures of the moment."""
        machine = self._machine
        return SchedulerStatistics(
            waiting=machine.waiting,
            running=machine.running,
            ended=dict(machine.ended_counts),
            retried=machine.counts["retried"],
            lost=machine.counts["lost"],
            refused=machine.counts["refused"],
            abandoned=machine.counts["abandoned"],
            agents=tuple(self._agents()),
            groups=tuple(
                GroupStatistics(group.name, group.running, group.limit)
                for group in machine.placing.groups.values()
            ),
        )

    # ---- the turn --------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at the clock now; only needed where a clock is moved by hand."""
        self._turn()

    def _soon(self) -> None:
        if self._loop is not None and not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._pumping = False
        if self._loop is None:
            return
        now = self._clock.monotonic()
        self._machine.tick(now)
        for decision in self._machine.decide(now):
            self._carry_out(decision)
        self._set_timer(now)
        if not self._machine.running and not self._machine.waiting:
            self._rest.set()

    def _carry_out(self, decision: Decision) -> None:
        if isinstance(decision, Changed):
            self._tell(decision.task, decision.state)
        elif isinstance(decision, Stop):
            attempt = self._attempts.get((decision.task.task_id, decision.attempt))
            if attempt is not None:
                attempt.cancel()
        else:
            self._begin(decision)

    def _begin(self, start: Start) -> None:
        key = (start.task.task_id, start.attempt)
        attempt = asyncio.create_task(self._run(start), name=f"task {key[0]} attempt {key[1]}")
        self._attempts[key] = attempt
        attempt.add_done_callback(lambda ended: self._over(key, ended))

    async def _run(self, start: Start) -> None:
        """One attempt; its end is told to the machine by ``_over``, however it comes about."""
        task = start.task
        executor = self._executors.get(task.task_type) or self._executors["*"]
        if is_async(executor):
            result = await executor(task)
        else:
            result = await self._threads.call(executor, task)
        self._end(start, result=result)

    def _over(self, key: tuple[str, int], ended: asyncio.Task[None]) -> None:
        del self._attempts[key]
        error: BaseException | None
        error = (
            asyncio.CancelledError("it cancelled itself")
            if ended.cancelled()
            else ended.exception()
        )
        if error is not None:
            if not ended.cancelled():
                with suppress(Exception):
                    _logger.warning("Task %s, attempt %d failed", *key, exc_info=error)
            self._machine.ended(
                *key,
                self._clock.monotonic(),
                error=f"{type(error).__name__}: {error}",
                error_type=type(error).__name__,
            )
        self._soon()

    def _end(self, start: Start, *, result: Any) -> None:
        now = self._clock.monotonic()
        self._machine.ended(start.task.task_id, start.attempt, now, result=result)

    def _tell(self, task: Task, state: TaskState) -> None:
        if state is TaskState.RUNNING:
            task.started_at = self._clock.now()
        if state in ENDED:
            task.completed_at = self._clock.now()
            future = self._futures.pop(task.task_id, None)
            if future is not None and not future.done():
                future.set_result(task)
        if self._listener is not None:
            try:
                self._listener(task, state)
            except Exception as error:  # whatever a listener does, work goes on
                with suppress(Exception):
                    _logger.warning("A listener of the scheduler failed", exc_info=error)

    # ---- parts -----------------------------------------------------------------------------

    def _check(self, task: Task) -> float | None:
        """The deadline in the machine's time."""
        if task.timeout_seconds is not None and not task.timeout_seconds > 0:
            raise f.TaskInvalid(f"timeout_seconds is above 0, not {task.timeout_seconds}.")
        if task.retry_count is not None and task.retry_count < 1:
            raise f.TaskInvalid(
                f"retry_count counts every attempt, so it is at least 1, not {task.retry_count}."
            )
        if task.deadline is None:
            return None
        try:
            deadline: datetime = require_aware(task.deadline, "the task's deadline")
        except ValueError as error:
            raise f.TaskInvalid(f"{error}.") from error
        return self._clock.monotonic() + (deadline - self._clock.now()).total_seconds()

    def _set_timer(self, now: float) -> None:
        at = self._machine.next_at
        if at == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, at
        if at is not None and self._loop is not None:
            self._timer = self._loop.call_later(max(0.0, at - now), self._ring)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, None
        self._turn()

    async def _until_at_rest(self) -> None:
        while self._machine.running or self._machine.waiting:
            self._rest.clear()
            await self._rest.wait()

    async def _wind_up(self) -> None:
        """Wait for the attempts that were told to stop, at most the grace, then give them up."""
        if self._attempts:
            await asyncio.wait(self._attempts.values(), timeout=self.config.stop_grace_seconds)
        now = self._clock.monotonic()
        for task_id, number in list(self._attempts):
            gone = self._machine.ended(task_id, number, now, error_type="abandoned", retry=False)
            self._machine.counts["abandoned"] += gone
        self._turn()

    def _agents(self) -> Iterator[AgentStatistics]:
        for agent in self._machine.placing.agents.values():
            yield AgentStatistics(
                agent.id,
                agent.alive,
                len(agent.running),
                agent.size,
                agent.completed,
                agent.failed,
                agent.lost,
                tuple(agent.running),
            )
