"""Faults that the simulator found: fan-outs, rollbacks and what is begun anew (SPEC, section 3)."""

from __future__ import annotations

import asyncio

import pytest
from tests.core.workflows.crash_rig import (
    DEADLINE,
    EACH,
    Each,
    SlowToRead,
    version_before,
    waits,
    with_kept,
)
from tests.core.workflows.orchestrator_bench import Context, Gate, S, W, echo, reached, task

from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.workflows import (
    FanOut,
    RetryPolicy,
    StateManager,
    WorkflowDefinition,
    WorkflowOrchestrator,
)
from quarterdeck.core.workflows.state_faults import TasksRunning, VersionUnknown

# ---- fan-outs --------------------------------------------------------------------------------


async def test_a_rollback_gives_no_part_of_a_fan_out_an_identity_it_had(
    engine: WorkflowOrchestrator,
) -> None:
    begun: list[str] = []

    async def work(context: Context) -> None:
        begun.append(context.idempotency_key)

    engine.register_executor("x", work)
    engine.register_executor("each", Each(2, 2))
    workflow_id = await engine.create_workflow([EACH])
    await engine.execute_workflow(workflow_id)
    await engine.rollback_workflow(workflow_id, 1)
    await engine.execute_workflow(workflow_id)
    assert len(set(begun)) == len(begun) == 4


@pytest.mark.parametrize("moment", ["between the parts' ends", "after the last part's"])
async def test_a_rollback_to_where_a_fan_out_waits_begins_only_what_was_open(
    engine: WorkflowOrchestrator, states: StateManager, moment: str
) -> None:
    begun: list[str] = []

    async def work(context: Context) -> None:
        begun.append(context.task_def.task_id)

    engine.register_executor("x", work)
    engine.register_executor("each", Each(2, 5))
    workflow_id = await engine.create_workflow(WorkflowDefinition("w", (EACH,), limit=1))
    await engine.execute_workflow(workflow_id)
    last, nth = ("each[1]", -1) if moment.startswith("between") else ("each", -1)
    await engine.rollback_workflow(
        workflow_id, await version_before(states, workflow_id, last, nth)
    )
    state = await asyncio.wait_for(engine.execute_workflow(workflow_id), DEADLINE)
    assert state.status is W.COMPLETED
    assert begun == ["each[0]", "each[1]"] + ["each[1]"] * (last == "each[1]")


async def test_a_rollback_into_the_middle_of_a_turn_loses_no_part_of_a_fan_out(
    engine: WorkflowOrchestrator, states: StateManager
) -> None:
    engine.register_executor("x", echo)
    engine.register_executor("each", Each(3, 3))
    workflow_id = await engine.create_workflow([EACH])
    await engine.execute_workflow(workflow_id)
    only_first_known = await version_before(states, workflow_id, "each[1]", 0)
    await engine.rollback_workflow(workflow_id, only_first_known)
    state = await engine.execute_workflow(workflow_id)
    assert [state.tasks[f"each[{at}]"].status for at in range(3)] == [S.COMPLETED] * 3


async def test_what_follows_a_fan_out_sees_only_the_parts_of_its_last_round(
    engine: WorkflowOrchestrator,
) -> None:
    seen: list[int] = []

    async def look(context: Context) -> None:
        seen.append(len(context.previous_results[0]["result"]["data"]))

    engine.register_executor("x", echo)
    engine.register_executor("look", look)
    engine.register_executor("each", Each(3, 1))
    workflow_id = await engine.create_workflow([EACH, task("look", "each", kind="look")])
    await engine.execute_workflow(workflow_id)
    await engine.rerun_workflow(workflow_id, "each")
    await engine.wait(workflow_id)
    assert seen == [3, 1]


async def test_a_fan_out_that_is_interrupted_as_it_finds_its_parts_finds_them_again(
    engine: WorkflowOrchestrator,
) -> None:
    async def each(context: Context) -> FanOut:
        if context.attempt == 1:
            engine._machine.interrupt(engine._instances[context.workflow_id].run)
        return FanOut([task("each[0]")])

    engine.register_executor("x", echo)
    engine.register_executor("each", each)
    workflow_id = await engine.create_workflow([EACH])
    state = await asyncio.wait_for(engine.execute_workflow(workflow_id), DEADLINE)
    assert state.tasks["each[0]"].status is S.COMPLETED
    assert state.tasks["each"].attempt == 2


# ---- beginning anew --------------------------------------------------------------------------


async def test_a_workflow_with_a_task_that_stayed_cancelled_is_not_called_completed(
    engine: WorkflowOrchestrator,
) -> None:
    gate = Gate()
    engine.register_executor("x", gate)
    engine.register_executor("y", echo)
    workflow_id = await engine.create_workflow([task("a"), task("b", kind="y")])
    await engine.start_workflow(workflow_id)
    await reached(engine.state_manager, workflow_id, "b", S.COMPLETED)
    await engine.cancel_workflow(workflow_id)
    await engine.rerun_workflow(workflow_id, "b")
    await engine.wait(workflow_id)
    assert (await engine.get_workflow_status(workflow_id)).status is W.CANCELLED


async def test_a_rollback_to_a_moment_of_cancelling_does_not_go_on_cancelling(
    engine: WorkflowOrchestrator, states: StateManager
) -> None:
    kept = with_kept(engine)
    workflow_id = await engine.create_workflow([task("a")])
    await engine.start_workflow(workflow_id)
    await kept.arrived.wait()
    await engine.cancel_workflow(workflow_id, wait=False)
    cancelling = (await states.get_history(workflow_id))[-1].version
    kept.yields.set()
    await engine.wait(workflow_id)
    await engine.rollback_workflow(workflow_id, cancelling)
    kept.open.set()
    state = await engine.execute_workflow(workflow_id)
    assert state.status is W.COMPLETED


async def test_a_rollback_that_is_refused_leaves_open_questions_to_be_answered(
    engine: WorkflowOrchestrator,
) -> None:
    workflow_id = await engine.create_workflow([waits("a", signal="go")])
    await engine.start_workflow(workflow_id)
    await reached(engine.state_manager, workflow_id, "a", S.RUNNING)
    await engine.pause_workflow(workflow_id)
    with pytest.raises(TasksRunning):
        await engine.rollback_workflow(workflow_id, 1)
    assert engine.drives(workflow_id)


async def test_a_rollback_that_is_refused_does_not_stop_what_waits_to_try_again(
    engine: WorkflowOrchestrator,
) -> None:
    async def once(context: Context) -> None:
        if context.attempt == 1:
            raise ResourceFault("Once more.")

    engine.register_executor("x", once)
    soon = RetryPolicy(max_attempts=2, initial_delay=0.05)
    workflow_id = await engine.create_workflow([task("a", retry_policy=soon)])
    running = asyncio.create_task(engine.execute_workflow(workflow_id))
    await reached(engine.state_manager, workflow_id, "a", S.RETRYING)
    with pytest.raises(VersionUnknown):
        await engine.rollback_workflow(workflow_id, 999)
    state = await asyncio.wait_for(running, DEADLINE)
    assert (state.status, state.tasks["a"].attempt) == (W.COMPLETED, 2)


async def test_whoever_waits_for_a_workflow_that_is_rolled_back_is_told(
    engine: WorkflowOrchestrator,
) -> None:
    gate = Gate()
    engine.register_executor("x", gate)
    workflow_id = await engine.create_workflow([task("a")])
    running = asyncio.create_task(engine.execute_workflow(workflow_id))
    await gate.arrived.wait()
    await engine.pause_workflow(workflow_id, interrupt=True)
    await reached(engine.state_manager, workflow_id, "a", S.READY)
    await engine.rollback_workflow(workflow_id, 1)
    state = await asyncio.wait_for(running, DEADLINE)
    assert state.status is W.PENDING


async def test_nobody_takes_up_an_instance_while_it_is_rolled_back(
    engine: WorkflowOrchestrator, store: SlowToRead
) -> None:
    gate = Gate()
    engine.register_executor("x", gate)
    engine.register_executor("y", echo)
    workflow_id = await engine.create_workflow([task("a", kind="y"), task("b", "a")])
    await engine.start_workflow(workflow_id)
    await gate.arrived.wait()
    await engine.pause_workflow(workflow_id, interrupt=True)
    await reached(engine.state_manager, workflow_id, "b", S.READY)
    gate.open.set()
    with store.held():
        back = asyncio.create_task(engine.rollback_workflow(workflow_id, 1))
        for _ in range(20):
            await asyncio.sleep(0)
        running = asyncio.create_task(engine.execute_workflow(workflow_id))
        for _ in range(20):
            await asyncio.sleep(0)
    await asyncio.gather(back, running)
    state = await engine.get_workflow_status(workflow_id)
    assert (state.status, state.tasks["a"].attempt) == (W.COMPLETED, 2)


async def test_a_signal_to_a_workflow_that_has_ended_does_not_hold_it(
    engine: WorkflowOrchestrator, store: SlowToRead
) -> None:
    engine.register_executor("x", echo)
    workflow_id = await engine.create_workflow([task("a")])
    await engine.execute_workflow(workflow_id)
    for _ in range(2):
        assert not await engine.signal_workflow(workflow_id, "late")
    await asyncio.wait_for(engine.wait(workflow_id), DEADLINE)
    record = await store.workflow(workflow_id)
    assert (engine.drives(workflow_id), record and record.lease) == (False, None)
