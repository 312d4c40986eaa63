"""Faults that orchestrators of the first document's kind are known for (SPEC, section 3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.workflows import (
    OrchestrationError,
    RetryPolicy,
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    TaskStatus,
    WorkflowOrchestrator,
    WorkflowStatus,
)
from quarterdeck.core.workflows.records import AddTurn, WorkflowChange
from quarterdeck.state.memory import MemoryStore

Context = TaskExecutionContext
S, W = TaskStatus, WorkflowStatus


class Watched(MemoryStore):
    """A store that counts what it is given."""

    def __init__(self) -> None:
        super().__init__(clock=SYSTEM_CLOCK)
        self.given: list[WorkflowChange] = []

    def commit(self, changes: Sequence[Any]) -> asyncio.Future[None]:
        self.given += changes
        return super().commit(changes)


@pytest.fixture
async def store() -> AsyncIterator[Watched]:
    kept = Watched()
    await kept.open()
    yield kept
    await kept.close()


@pytest.fixture
def states(store: Watched) -> StateManager:
    return StateManager(store=store)


@pytest.fixture
async def engine(states: StateManager) -> AsyncIterator[WorkflowOrchestrator]:
    async with WorkflowOrchestrator(states, max_parallel_tasks=4) as engine:
        yield engine


def task(task_id: str, *needs: str, **rules: Any) -> TaskDefinition:
    return TaskDefinition(task_id, "a", "x", needs, **rules)


async def test_two_parallel_tasks_of_unequal_length_do_not_hang(
    engine: WorkflowOrchestrator,
) -> None:
    async def turns(context: Context) -> int:
        count = {"short": 0, "long": 50}.get(context.task_def.task_id, 1)
        for _ in range(count):
            await asyncio.sleep(0)
        return count

    engine.register_executor("x", turns)
    workflow_id = await engine.create_workflow(
        [task("short"), task("long"), task("after-short", "short"), task("both", "short", "long")]
    )
    state = await asyncio.wait_for(engine.execute_workflow(workflow_id), 30)
    assert {one.status for one in state.tasks.values()} == {S.COMPLETED}


async def test_a_limit_of_four_drops_none_of_twelve_ready_tasks(
    engine: WorkflowOrchestrator,
) -> None:
    at_work = most = 0

    async def work(context: Context) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1

    engine.register_executor("x", work)
    state = await engine.execute_workflow(
        await engine.create_workflow([task(f"t{at}") for at in range(12)])
    )
    assert len(state.tasks) == 12
    assert {one.status for one in state.tasks.values()} == {S.COMPLETED}
    assert most == 4


async def test_a_hundred_concurrent_task_updates_with_a_slow_store_lose_none(
    states: StateManager, store: Watched
) -> None:
    state = await states.create_workflow([task(f"t{at}") for at in range(100)])

    async def update(at: int) -> int:
        return await states.update_task(state.workflow_id, f"t{at}", status=S.RUNNING, result=at)

    with store.held():
        updates = [asyncio.create_task(update(at)) for at in range(100)]
        for _ in range(5):
            await asyncio.sleep(0)
    versions = await asyncio.gather(*updates)
    assert sorted(versions) == list(range(2, 102))
    found = await states.get_workflow(state.workflow_id)
    assert [found.tasks[f"t{at}"].result for at in range(100)] == list(range(100))


async def test_a_rollback_and_an_update_reuse_no_version_and_keep_the_new_state(
    states: StateManager,
) -> None:
    state = await states.create_workflow([task("a")])
    await states.update_task(state.workflow_id, "a", status=S.COMPLETED, result="old")
    back = await states.rollback_workflow(state.workflow_id, version=1)
    assert (back.version, back.restored_from) == (3, 1)
    await states.update_task(state.workflow_id, "a", status=S.COMPLETED, result="new")
    assert [one.version for one in await states.get_history(state.workflow_id)] == [1, 2, 3, 4]
    assert (await states.get_workflow(state.workflow_id, 2)).tasks["a"].result == "old"
    assert (await states.get_workflow(state.workflow_id, 4)).tasks["a"].result == "new"


class Stepping:
    """An executor that shows who runs, and goes on when told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.arrived = asyncio.Event()
        self.go = asyncio.Event()
        self.ended: list[str] = []

    async def __call__(self, context: Context) -> str:
        name = context.task_def.task_id
        self.begun.append(name)
        self.arrived.set()
        try:
            await self.go.wait()
        finally:
            self.ended.append(name)
        return name


async def test_pause_does_something_and_resume_runs_nothing_twice(
    engine: WorkflowOrchestrator,
) -> None:
    steps = Stepping()
    engine.register_executor("x", steps)
    workflow_id = await engine.create_workflow([task("a"), task("b", "a"), task("c", "b")])
    await engine.start_workflow(workflow_id)
    await steps.arrived.wait()
    for _ in range(3):
        await engine.pause_workflow(workflow_id)
        await engine.resume_workflow(workflow_id)
    await engine.pause_workflow(workflow_id)
    steps.go.set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert steps.begun == ["a"]
    await engine.resume_workflow(workflow_id)
    await engine.wait(workflow_id)
    assert steps.begun == ["a", "b", "c"]


async def test_after_a_failure_no_sibling_runs_on_detached_and_no_dependent_stays_pending(
    engine: WorkflowOrchestrator,
) -> None:
    steps = Stepping()

    async def fail(context: Context) -> None:
        if context.task_def.task_id != "bad":
            await steps(context)
            return
        msg = "broken"
        raise ValueError(msg)

    engine.register_executor("x", fail)
    workflow_id = await engine.create_workflow(
        [task("bad"), task("sibling"), task("after", "bad"), task("later", "after")]
    )
    call = asyncio.create_task(engine.execute_workflow(workflow_id))
    await steps.arrived.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not call.done(), "it waits for the sibling"
    steps.go.set()
    with pytest.raises(OrchestrationError, match="bad"):
        await call
    assert steps.ended == ["sibling"]
    state = await engine.get_workflow_status(workflow_id)
    assert [state.tasks[name].status for name in ("after", "later")] == [S.SKIPPED, S.SKIPPED]


async def test_the_retry_count_is_stored(
    engine: WorkflowOrchestrator, states: StateManager
) -> None:
    async def twice(context: Context) -> None:
        if context.attempt < 3:
            raise ValueError

    engine.register_executor("x", twice)
    workflow_id = await engine.create_workflow([task("a", retry_policy=RetryPolicy(3, 0.0))])
    await engine.execute_workflow(workflow_id)
    assert (await StateManager(store=states.store).get_task(workflow_id, "a")).retry_count == 2


@pytest.mark.parametrize("value", [None, 0, False, "", [], {}])
async def test_a_falsy_result_stays_what_it_is(engine: WorkflowOrchestrator, value: object) -> None:
    got: list[Any] = []

    async def give(context: Context) -> object:
        got.extend(one["result"] for one in context.previous_results)
        return value

    engine.register_executor("x", give)
    state = await engine.execute_workflow(await engine.create_workflow([task("a"), task("b", "a")]))
    assert got == [{"data": value}]
    assert type(state.tasks["a"].result) is type(value)


async def test_cancel_stops_a_foreground_run(engine: WorkflowOrchestrator) -> None:
    steps = Stepping()
    engine.register_executor("x", steps)
    workflow_id = await engine.create_workflow([task("a"), task("b", "a")])
    call = asyncio.create_task(engine.execute_workflow(workflow_id))
    await steps.arrived.wait()
    await engine.cancel_workflow(workflow_id)
    assert (await call).status is W.CANCELLED
    assert (steps.begun, steps.ended) == (["a"], ["a"])


@pytest.mark.parametrize("count", [10, 200])
async def test_one_update_does_not_rewrite_every_task(
    engine: WorkflowOrchestrator, store: Watched, count: int
) -> None:
    async def work(context: Context) -> int:
        return 1

    engine.register_executor("x", work)
    workflow_id = await engine.create_workflow(
        [task(f"t{at}", *([f"t{at - 1}"] if at else [])) for at in range(count)]
    )
    store.given.clear()
    await engine.execute_workflow(workflow_id)
    turns = [change for change in store.given if isinstance(change, AddTurn)]
    lines = [line for turn in turns for line in turn.lines]
    assert len(lines) == 2 * count + 2  # each task begun and ended, and so was the workflow
    assert sum(len(turn.ends) for turn in turns) == count
    assert max(map(len, lines)) < 400


async def test_a_missing_executor_is_told_at_creation_not_in_the_middle(
    engine: WorkflowOrchestrator,
) -> None:
    with pytest.raises(OrchestrationError, match="No executor"):
        await engine.create_workflow([task("a")])
