"""The scheduler over the machine: executors, time, the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from quarterdeck.core.base.clock import SYSTEM_CLOCK, ManualClock
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.scheduling import (
    AgentCapacity,
    SchedulerStopped,
    Task,
    TaskPriority,
    TaskScheduler,
    TaskSchedulerConfig,
    TaskState,
    TaskUnknown,
)
from quarterdeck.core.scheduling import faults as f

S = TaskState
ONCE = RetryPolicy(1)


class Seen:
    """A listener that can be waited for."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def __call__(self, task: Task, state: TaskState) -> None:
        self._changed.set()

    async def until(self, task: Task, state: TaskState) -> None:
        async with asyncio.timeout(60):
            while task.state != state:
                self._changed.clear()
                await self._changed.wait()


def state_of(task: Task) -> TaskState:
    return task.state


@pytest.fixture
async def make() -> AsyncIterator[Any]:
    made: list[TaskScheduler] = []

    async def scheduler(
        *, slots: int = 10, clock: ManualClock | None = None, listener: Any = None, **config: Any
    ) -> TaskScheduler:
        terms = TaskSchedulerConfig(**{"retry_policy": ONCE, **config})
        found = TaskScheduler(terms, listener=listener, clock=clock or SYSTEM_CLOCK)
        await found.start()
        found.register_agent(AgentCapacity("a", max_concurrent_tasks=slots))
        made.append(found)
        return found

    yield scheduler
    for one in made:
        await one.stop()


async def run(scheduler: TaskScheduler, task: Task) -> Task:
    await scheduler.schedule(task)
    ended = await scheduler.wait_for_completion(task.task_id, timeout=60)
    assert ended is task
    return task


async def test_executors_may_be_async_sync_partial_or_objects(make: Any) -> None:
    here = threading.get_ident()

    async def plain(task: Task) -> Any:
        return task.payload

    def sync(task: Task) -> bool:
        return threading.get_ident() != here

    async def two(given: str, task: Task) -> str:
        return given

    class Called:
        async def __call__(self, task: Task) -> str:
            return "object"

    scheduler = await make()
    for name, executor in {"a": plain, "s": sync, "p": partial(two, "part"), "*": Called()}.items():
        scheduler.register_executor(name, executor)
    tasks = [await run(scheduler, Task(kind, payload=1)) for kind in ("a", "s", "p", "z")]
    assert [task.result for task in tasks] == [1, True, "part", "object"]
    assert tasks[0].assigned_agent == "a"
    assert tasks[0].created_at is not None
    assert tasks[0].completed_at is not None


async def test_waiting_gives_ended_tasks_only_and_none_when_the_time_is_over(make: Any) -> None:
    scheduler, gate = await make(), asyncio.Event()

    async def slow(task: Task) -> None:
        await gate.wait()

    scheduler.register_executor("t", slow)
    task_id = await scheduler.schedule(Task("t"))
    assert await scheduler.wait_for_completion(task_id, timeout=0.01) is None
    gate.set()
    done = await scheduler.wait_for_completion(task_id)
    assert done is not None
    assert done.state is S.COMPLETED
    with pytest.raises(TaskUnknown):
        await scheduler.wait_for_completion("none")


async def test_an_error_is_recorded_with_type_and_message(make: Any) -> None:
    async def fails(task: Task) -> None:
        raise ValueError("too hot")

    async def cancels_itself(task: Task) -> None:
        raise asyncio.CancelledError

    scheduler = await make()
    scheduler.register_executor("t", fails)
    scheduler.register_executor("c", cancels_itself)
    task = await run(scheduler, Task("t"))
    assert (task.state, task.error, task.error_type) == (
        S.FAILED,
        "ValueError: too hot",
        "ValueError",
    )
    other = await run(scheduler, Task("c"))
    assert (other.state, other.error_type) == (S.FAILED, "CancelledError")
    assert scheduler.statistics().running == 0


async def test_a_retry_comes_after_its_delay(make: Any) -> None:
    clock, calls = ManualClock(), 0

    async def fails_once(task: Task) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("away")
        return "back"

    seen = Seen()
    scheduler = await make(clock=clock, listener=seen, retry_policy=RetryPolicy(3, 10.0))
    scheduler.register_executor("t", fails_once)
    task = Task("t")
    await scheduler.schedule(task)
    await seen.until(task, S.RETRYING)
    clock.advance(9.0)
    scheduler.tick()
    assert state_of(task) is S.RETRYING
    assert scheduler.reason(task.task_id) == "attempt 2 in 1.0 s"
    clock.advance(1.0)
    scheduler.tick()
    await scheduler.wait_for_completion(task.task_id, timeout=60)
    assert (task.result, task.attempt, calls) == ("back", 2, 2)
    assert task.error is None
    assert scheduler.statistics().retried == 1


async def test_the_default_timeout_ends_an_attempt(make: Any) -> None:
    stopped = asyncio.Event()

    async def slow(task: Task) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    scheduler = await make(default_timeout_seconds=0.02)
    scheduler.register_executor("t", slow)
    task = await run(scheduler, Task("t"))
    assert (task.state, task.error_type) == (S.TIMEOUT, "timeout")
    assert stopped.is_set()


async def test_cancel_waits_for_the_attempts_end(make: Any) -> None:
    cleaned, begun = False, asyncio.Event()

    async def slow(task: Task) -> None:
        nonlocal cleaned
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned = True

    scheduler = await make()
    scheduler.register_executor("t", slow)
    task_id = await scheduler.schedule(task := Task("t"))
    await begun.wait()
    assert await scheduler.cancel(task_id)
    assert cleaned
    assert task.state is S.CANCELLED
    assert not await scheduler.cancel(task_id)


async def test_stop_leaves_nothing_behind(make: Any) -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    async def slow(task: Task) -> None:
        if task is tasks[1]:
            begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(task.task_id)

    scheduler = await make(slots=2)
    scheduler.register_executor("t", slow)
    tasks = [Task("t") for _ in range(4)]
    tasks.append(Task("t", dependencies=[tasks[0].task_id]))
    for task in tasks:
        await scheduler.schedule(task)
    await begun.wait()
    waiter = asyncio.create_task(scheduler.wait_for_completion(tasks[3].task_id))
    await asyncio.sleep(0)
    await scheduler.stop()
    assert all(task.ended for task in tasks)
    assert sorted(ended) == sorted(task.task_id for task in tasks[:2])
    assert await waiter is tasks[3]
    assert [one for one in asyncio.all_tasks() if one.get_name().startswith("task ")] == []
    with pytest.raises(SchedulerStopped):
        await scheduler.schedule(Task("t"))


async def test_stop_can_let_everything_end_first(make: Any) -> None:
    async def quick(task: Task) -> None:
        await asyncio.sleep(0)

    scheduler = await make(slots=2)
    scheduler.register_executor("t", quick)
    tasks = [Task("t") for _ in range(9)]
    for task in tasks:
        await scheduler.schedule(task)
    await scheduler.stop(drain=True)
    assert {task.state for task in tasks} == {S.COMPLETED}


async def test_an_attempt_that_will_not_stop_does_not_hold_up_the_end(make: Any) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()
    over = asyncio.Event()

    async def stubborn(task: Task) -> None:
        begun.set()
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue
        over.set()

    scheduler = await make(stop_grace_seconds=0.02)
    scheduler.register_executor("t", stubborn)
    await scheduler.schedule(task := Task("t"))
    await begun.wait()
    await scheduler.stop()
    gate.set()
    await over.wait()
    assert task.state is S.CANCELLED
    assert scheduler.statistics().abandoned == 1


async def test_priority_decides_who_goes_next(make: Any) -> None:
    order: list[TaskPriority] = []

    async def note(task: Task) -> None:
        order.append(TaskPriority(task.priority))

    scheduler = await make(slots=1)
    scheduler.register_executor("t", note)
    for priority in reversed(TaskPriority):
        await scheduler.schedule(Task("t", priority=priority))
    await scheduler.stop(drain=True)
    assert order == list(TaskPriority)


async def test_what_waits_is_listed_with_its_reason(make: Any) -> None:
    scheduler = await make()
    scheduler.register_executor("*", print)
    await scheduler.schedule(
        Task("t", required_capabilities={"gpu"}, task_id="low", priority=TaskPriority.LOW)
    )
    await scheduler.schedule(Task("t", required_capabilities={"tpu"}, task_id="plain"))
    assert [(one.task_id, one.reason) for one in scheduler.waiting()] == [
        ("plain", "no agent with capability tpu"),
        ("low", "no agent with capability gpu"),
    ]
    assert len(scheduler.waiting(limit=1)) == 1
    assert scheduler.get_task("low").state is S.SCHEDULED


async def test_heartbeats_keep_an_agent_and_silence_moves_its_work(make: Any) -> None:
    clock, gate, begun = ManualClock(), asyncio.Event(), asyncio.Event()

    async def slow(task: Task) -> None:
        begun.set()
        await gate.wait()

    scheduler = await make(clock=clock, heartbeat_timeout_seconds=5.0)
    scheduler.register_executor("t", slow)
    await scheduler.schedule(task := Task("t"))
    await begun.wait()
    clock.advance(4.0)
    scheduler.register_agent(AgentCapacity("b"))
    scheduler.heartbeat("a")
    clock.advance(4.0)
    scheduler.tick()
    assert scheduler.get_task(task.task_id).assigned_agent == "a"
    scheduler.heartbeat("b")
    clock.advance(2.0)
    scheduler.tick()
    gate.set()
    await scheduler.wait_for_completion(task.task_id, timeout=60)
    assert (task.assigned_agent, task.attempt, task.state) == ("b", 2, S.COMPLETED)
    first, second = scheduler.statistics().agents
    assert (first.alive, first.lost, first.running, second.completed) == (False, 1, 0, 1)
    scheduler.unregister_agent("a")
    assert [agent.agent_id for agent in scheduler.statistics().agents] == ["b"]


async def test_a_listener_hears_every_state_and_may_fail(make: Any) -> None:
    heard: list[TaskState] = []

    def listener(task: Task, state: TaskState) -> None:
        heard.append(state)
        raise RuntimeError("a broken screen")

    async def quick(task: Task) -> None: ...

    scheduler = await make(listener=listener)
    scheduler.register_executor("t", quick)
    await run(scheduler, Task("t"))
    assert heard == [S.SCHEDULED, S.RUNNING, S.COMPLETED]


async def test_groups_limit_and_statistics_count(make: Any) -> None:
    most = now = 0

    async def work(task: Task) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    scheduler = await make()
    scheduler.register_executor("t", work)
    scheduler.set_group_limit("shop", 2)
    for _ in range(8):
        await scheduler.schedule(Task("t", groups=["shop"]))
    await scheduler.stop(drain=True)
    assert most == 2
    figures = scheduler.statistics()
    assert figures.ended == {S.COMPLETED: 8}
    assert [(group.name, group.running, group.limit) for group in figures.groups] == [
        ("shop", 0, 2)
    ]
    assert figures.agents[0].load == 0.0


async def test_a_task_that_can_not_be_carried_out_is_refused(make: Any) -> None:
    scheduler = await make()
    with pytest.raises(f.TypeUnknown, match="'t'"):
        await scheduler.schedule(Task("t"))
    scheduler.register_executor("t", print)
    naive = datetime(2030, 1, 1)  # noqa: DTZ001  # that is the fault
    for wrong in (
        Task("t", timeout_seconds=0),
        Task("t", retry_count=0),
        Task("t", deadline=naive),
    ):
        with pytest.raises(f.TaskInvalid):
            await scheduler.schedule(wrong)
    with pytest.raises(f.AgentInvalid):
        scheduler.set_group_limit("g", -1)


async def test_a_deadline_is_counted_from_the_clock(make: Any) -> None:
    clock = ManualClock()
    scheduler = await make(clock=clock)
    scheduler.register_executor("t", print)
    task = Task("t", agent_id="nobody", deadline=clock.now() + timedelta(seconds=5))
    await scheduler.schedule(task)
    clock.jump(-3600)
    clock.advance(4.9)
    scheduler.tick()
    assert task.state is S.SCHEDULED
    clock.advance(0.2)
    scheduler.tick()
    assert (task.state, task.error_type) == (S.TIMEOUT, "deadline")
