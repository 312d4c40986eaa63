"""Faults that workflow state is known for (section 3 of the contract): each must stay out."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.workflows import StateManager, TaskDefinition, TaskStatus, WorkflowStatus
from quarterdeck.state.memory import MemoryStore


def tasks(count: int) -> list[TaskDefinition]:
    return [TaskDefinition(f"T{n}", f"agent-{n}", "kind") for n in range(count)]


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[StateManager]:
    async with StateManager(f"sqlite://{tmp_path}/state.db") as found:
        yield found


# 100 concurrent task updates with a slow store lose most


async def test_100_concurrent_task_updates_with_a_slow_store_lose_none() -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    manager = StateManager(store=store)
    workflow_id = (await manager.create_workflow(tasks(100))).workflow_id
    with store.held():
        updates = [
            asyncio.create_task(
                manager.update_task(workflow_id, f"T{n}", status=TaskStatus.COMPLETED, result=n)
            )
            for n in range(100)
        ]
        for _ in range(500):
            await asyncio.sleep(0)
        assert not any(update.done() for update in updates)
        assert store.statistics().pending == 100  # none waits for the one before it
    versions = await asyncio.gather(*updates)
    assert sorted(versions) == list(range(2, 102))
    state = await manager.get_workflow(workflow_id)
    assert [task.result for task in state.tasks.values()] == list(range(100))


async def test_concurrent_updates_of_one_task_all_show(manager: StateManager) -> None:
    workflow_id = (await manager.create_workflow(tasks(1))).workflow_id
    fields: list[dict[str, Any]] = [
        {"result": 0}, {"error": "e"}, {"log": "l"}, {"retry_count": 3}, {"error_type": "t"}
    ]  # fmt: skip
    await asyncio.gather(*(manager.update_task(workflow_id, "T0", **one) for one in fields))
    task = await manager.get_task(workflow_id, "T0")
    assert (task.result, task.error, task.log, task.retry_count, task.error_type) == (
        0, "e", "l", 3, "t"
    )  # fmt: skip


# Rollback then update reuses a version number and keeps the old snapshot


async def test_rollback_then_update_takes_a_new_version_and_the_new_state(
    manager: StateManager,
) -> None:
    workflow_id = (await manager.create_workflow(tasks(1))).workflow_id
    for result in (1, 2, 3):
        await manager.update_task(workflow_id, "T0", result=result)
    assert (await manager.rollback_workflow(workflow_id, version=2)).version == 5
    assert await manager.update_task(workflow_id, "T0", result="new") == 6
    results = [
        (await manager.get_workflow(workflow_id, version)).tasks["T0"].result
        for version in range(1, 7)
    ]
    assert results == [None, 1, 2, 3, 1, "new"]


# retry_count is never stored


async def test_retry_count_is_stored(manager: StateManager) -> None:
    workflow_id = (await manager.create_workflow(tasks(1))).workflow_id
    await manager.update_task(workflow_id, "T0", status=TaskStatus.RETRYING, retry_count=2)
    assert (await manager.get_task(workflow_id, "T0")).retry_count == 2
    await manager.update_task(workflow_id, "T0", status=TaskStatus.RUNNING)
    assert (await manager.get_workflow(workflow_id)).tasks["T0"].retry_count == 2


# A falsy result becomes {}


@pytest.mark.parametrize("result", [None, False, 0, 0.0, "", [], {}])
async def test_a_falsy_result_stays_what_it_is(manager: StateManager, result: Any) -> None:
    workflow_id = (await manager.create_workflow(tasks(1))).workflow_id
    assert not (await manager.get_task(workflow_id, "T0")).has_result
    await manager.update_task(workflow_id, "T0", status=TaskStatus.COMPLETED, result=result)
    task = await manager.get_task(workflow_id, "T0")
    assert task.result == result
    assert type(task.result) is type(result)
    assert task.has_result


# Every update rewrites every task


async def test_the_cost_of_an_update_does_not_grow_with_the_tasks(tmp_path: Path) -> None:
    sizes, statements = [], []
    for count in (10, 2_000):
        path = tmp_path / f"{count}.db"
        async with StateManager(f"sqlite://{path}") as manager:
            workflow_id = (await manager.create_workflow(tasks(count))).workflow_id
            await manager.update_task(workflow_id, "T1", error="first")
            before = manager.store.statistics().changes  # type: ignore[attr-defined]  # SQLite's
            await manager.update_task(workflow_id, "T3", status=TaskStatus.COMPLETED, result=[1])
            await manager.update_workflow(workflow_id, status=WorkflowStatus.RUNNING)
            statements.append(manager.store.statistics().changes - before)  # type: ignore[attr-defined]
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(
                "SELECT length(body) FROM workflow_state_history WHERE version > 1 ORDER BY version"
            )
            sizes.append([row[0] for row in rows])
    assert statements == [4, 4]  # a task and a line of history; a workflow and a line
    assert sizes[0] == sizes[1]


# Timestamps are no valid ISO 8601


async def test_stamps_are_aware_and_valid_wherever_they_are_kept(
    tmp_path: Path, manager: StateManager
) -> None:
    workflow_id = (await manager.create_workflow(tasks(1))).workflow_id
    await manager.update_task(workflow_id, "T0", status=TaskStatus.RUNNING)
    await manager.update_task(workflow_id, "T0", status=TaskStatus.COMPLETED, result=1)
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        found = connection.execute(
            "SELECT created_at FROM workflow_states UNION ALL SELECT started_at FROM task_states "
            "UNION ALL SELECT ended_at FROM task_states "
            "UNION ALL SELECT at FROM workflow_state_history"
        ).fetchall()
    assert len(found) == 6
    for (text,) in found:
        assert datetime.fromisoformat(text).utcoffset() == timedelta(0)
