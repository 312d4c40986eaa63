"""Any sequence of changes: every version reads back as it was, and a rollback restores it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.workflows.definition import TaskDefinition
from quarterdeck.core.workflows.state_manager import StateManager
from quarterdeck.core.workflows.states import TaskState, WorkflowState
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus
from quarterdeck.state.memory import MemoryStore

NAMES = ("a", "b", "c")
CUT_SHORT = {TaskStatus.RUNNING, TaskStatus.RETRYING, TaskStatus.LOST}

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
Step = Callable[[StateManager, str], Coroutine[Any, Any, Any]]


def task_step(name: str, **how: Any) -> Step:
    return lambda manager, workflow_id: manager.update_task(workflow_id, name, **how)


def workflow_step(**how: Any) -> Step:
    return lambda manager, workflow_id: manager.update_workflow(workflow_id, **how)


steps = st.one_of(
    st.builds(task_step, st.sampled_from(NAMES), status=st.sampled_from(TaskStatus)),
    st.builds(
        task_step, st.sampled_from(NAMES), status=st.sampled_from(TaskStatus), result=values,
        error=st.none() | st.text(max_size=5), retry_count=st.integers(0, 5),
    ),
    st.builds(workflow_step, status=st.sampled_from(WorkflowStatus)),
    st.builds(workflow_step, variables=st.dictionaries(st.text(max_size=3), values, max_size=2)),
)  # fmt: skip


async def play(chosen: list[Step]) -> tuple[StateManager, list[WorkflowState]]:
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    await store.open()
    manager = StateManager(store=store, clock=clock)
    tasks = [TaskDefinition(name, name, "kind") for name in NAMES]
    seen = [await manager.create_workflow(tasks)]
    for step in chosen:
        clock.advance(1.25)
        await step(manager, seen[0].workflow_id)
        seen.append(await manager.get_workflow(seen[0].workflow_id))
    return manager, seen


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=12))
def test_every_version_reads_back_as_it_was(chosen: list[Step]) -> None:
    async def scenario() -> None:
        manager, seen = await play(chosen)
        for number, state in enumerate(seen, 1):
            assert state.version == number
            assert await manager.get_workflow(state.workflow_id, number) == state

    asyncio.run(scenario())


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=12), st.data())
def test_a_rollback_restores_a_version_and_keeps_all_others(
    chosen: list[Step], data: st.DataObject
) -> None:
    async def scenario() -> None:
        manager, seen = await play(chosen)
        workflow_id, newest = seen[0].workflow_id, seen[-1]
        for name, task in newest.tasks.items():
            if task.status is TaskStatus.RUNNING:
                await manager.update_task(workflow_id, name, status=TaskStatus.CANCELLED)
        now = await manager.get_workflow(workflow_id)
        then = seen[data.draw(st.integers(0, len(seen) - 1))]
        state = await manager.rollback_workflow(workflow_id, then.version)
        assert state == replace(
            then,
            version=now.version + 1,
            restored_from=then.version,
            status=_at_rest(then.status),
            tasks={name: _restored(task, now.tasks[name]) for name, task in then.tasks.items()},
        )
        for former in seen:
            assert await manager.get_workflow(workflow_id, former.version) == former

    asyncio.run(scenario())


def _at_rest(status: WorkflowStatus) -> WorkflowStatus:
    return WorkflowStatus.PAUSED if status is WorkflowStatus.RUNNING else status


def _restored(then: TaskState, now: TaskState) -> TaskState:
    task = replace(then, attempt=max(then.attempt, now.attempt))
    if then.status in CUT_SHORT:
        return replace(task, status=TaskStatus.READY, started_at=None, next_attempt_at=None)
    return task
