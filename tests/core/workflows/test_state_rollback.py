"""Rolling back and removing workflows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.core.workflows.state_rig import START, refused, task

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.workflows.rollback import NOT_UNDONE
from quarterdeck.core.workflows.state_manager import StateManager
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus

T = TaskStatus
W = WorkflowStatus


async def test_a_rollback_is_a_new_version(manager: StateManager, three: str) -> None:
    await manager.update_task(three, "a", status=T.COMPLETED, result=1)
    await manager.update_task(three, "b", status=T.FAILED, error="no")
    await manager.update_workflow(three, status=W.FAILED, error="b failed")
    state = await manager.rollback_workflow(three, version=2)
    assert (state.version, state.restored_from, state.status) == (5, 2, W.PENDING)
    assert [one.status for one in state.tasks.values()] == [T.COMPLETED, T.PENDING, T.PENDING]
    assert (state.error, state.tasks["b"].error, state.tasks["a"].result) == (None, None, 1)
    assert (await manager.get_workflow(three, 4)).error == "b failed"
    last = (await manager.get_history(three))[-1]
    assert (last.kind, last.restored_from) == ("rollback", 2)
    assert await manager.update_task(three, "b", status=T.RUNNING) == 6


async def test_what_ran_then_is_ready_and_nothing_runs_by_itself(
    manager: StateManager, three: str
) -> None:
    await manager.update_workflow(three, status=W.RUNNING)
    await manager.update_task(three, "a", status=T.RUNNING)
    await manager.update_task(three, "a", status=T.COMPLETED, result=1)
    await manager.update_task(three, "b", status=T.RETRYING, retry_count=1)
    await manager.update_workflow(three, status=W.CANCELLED)
    state = await manager.rollback_workflow(three, 3)
    assert state.status is W.PAUSED
    assert (state.tasks["a"].status, state.tasks["a"].has_result) == (T.READY, False)
    state = await manager.rollback_workflow(three, 5)
    assert (state.tasks["b"].status, state.tasks["a"].result) == (T.READY, 1)


async def test_attempts_are_never_counted_back(manager: StateManager, three: str) -> None:
    await manager.update_task(three, "a", status=T.FAILED, retry_count=4)
    state = await manager.rollback_workflow(three, 1)
    assert (state.tasks["a"].status, state.tasks["a"].attempt) == (T.PENDING, 5)


async def test_tasks_that_were_not_there_then_go(manager: StateManager, three: str) -> None:
    await manager.create_task(three, task("d"))
    state = await manager.rollback_workflow(three, 1)
    assert list(state.tasks) == ["a", "b", "c"]
    assert "d" in (await manager.get_workflow(three, 2)).tasks
    assert "d" in (await manager.rollback_workflow(three, 2)).tasks


async def test_nothing_is_rolled_back_or_removed_while_tasks_run(
    manager: StateManager, three: str
) -> None:
    await manager.update_task(three, "b", status=T.RUNNING)
    for wanted in (manager.rollback_workflow(three, 1), manager.delete_workflow(three)):
        fault = await refused(wanted)
        assert (fault.code, fault.details["tasks"]) == ("tasks_running", ["b"])
        assert NOT_UNDONE in fault.message
    assert (await manager.get_workflow(three)).version == 2


async def test_what_an_engine_drives_is_left_to_it(
    manager: StateManager, three: str, clock: ManualClock
) -> None:
    until = START + timedelta(seconds=5)
    lease = await manager.store.take(three, "E1", until=until, now=START)
    for wanted in (manager.rollback_workflow(three, 1), manager.delete_workflow(three)):
        fault = await refused(wanted)
        assert (fault.code, fault.details["engine_id"]) == ("workflow_held", "E1")
    assert (await manager.rollback_workflow(three, 1, guard=lease)).version == 2
    clock.advance(6)
    assert (await manager.rollback_workflow(three, 1)).version == 3
    await manager.delete_workflow(three)


async def test_a_rollback_yields_to_a_change_that_was_quicker(
    manager: StateManager, three: str
) -> None:
    await manager.update_task(three, "a", error="x")
    rolled, made = await asyncio.gather(
        manager.rollback_workflow(three, 1), manager.update_task(three, "b", error="y")
    )
    assert {rolled.version, made} >= {4} or {rolled.version, made} == {3, 4}
    assert (await manager.get_workflow(three)).version == 4
    assert [one.version for one in await manager.get_history(three)] == [1, 2, 3, 4]


async def test_a_removed_workflow_is_gone_for_whoever_knew_it(
    manager: StateManager, three: str
) -> None:
    other = StateManager(store=manager.store)
    await other.update_task(three, "a", error="x")
    await manager.delete_workflow(three)
    assert (await refused(other.update_task(three, "a", error="y"))).code == "workflow_unknown"
    assert await manager.list_workflows() == []
