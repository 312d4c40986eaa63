"""Faults that the simulator found: crashes and cancels at bad moments (SPEC, section 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from tests.core.workflows.crash_rig import (
    DEADLINE,
    Each,
    Kept,
    Questions,
    SlowToRead,
    old_engine,
    taken_up,
)
from tests.core.workflows.orchestrator_bench import Context, Gate, S, W, echo, reached, task

from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.workflows import (
    OnFailure,
    RetryPolicy,
    StateManager,
    TaskDefinition,
    WorkflowDefinition,
    WorkflowOrchestrator,
)
from quarterdeck.core.workflows.executors.approve import ApproveExecutor
from quarterdeck.core.workflows.executors.attempt import Attempt
from quarterdeck.core.workflows.executors.desk import Desk
from quarterdeck.core.workflows.executors.nested import NestedExecutor
from quarterdeck.core.workflows.executors.surroundings import Surroundings

# ---- what is being ended goes on being ended after a crash -----------------------------------


async def test_a_cancel_is_not_forgotten_by_a_crash(states: StateManager) -> None:
    kept = Kept()
    old = old_engine(states, x=kept)
    workflow_id = await old.create_workflow([task("a"), task("b", "a")])
    await old.start_workflow(workflow_id)
    await kept.arrived.wait()
    await old.cancel_workflow(workflow_id, wait=False)
    again = Kept()
    again.yields.set()
    async with taken_up(states, old, x=again) as new:
        await asyncio.wait_for(new.wait(workflow_id), DEADLINE)
        kept.yields.set()
    state = await states.get_workflow(workflow_id)
    assert (state.status, state.tasks["a"].status) == (W.CANCELLED, S.CANCELLED)
    assert (again.begun, again.ended) == ([], [f"{workflow_id}/a/1"])


async def test_a_failure_that_cancels_the_rest_is_not_forgotten_by_a_crash(
    states: StateManager,
) -> None:
    kept = Kept()

    async def bad(_: Context) -> None:
        await kept.arrived.wait()
        raise ResourceFault("Broken.")

    old = old_engine(states, x=kept, bad=bad)
    tasks = (task("a"), task("bad", kind="bad"))
    workflow_id = await old.create_workflow(
        WorkflowDefinition("w", tasks, on_failure=OnFailure.CANCEL)
    )
    await old.start_workflow(workflow_id)
    await reached(states, workflow_id, "bad", S.FAILED)
    again = Kept()
    again.yields.set()
    async with taken_up(states, old, x=again, bad=bad) as new:
        await asyncio.wait_for(new.wait(workflow_id), DEADLINE)
        kept.yields.set()
    state = await states.get_workflow(workflow_id)
    assert (state.status, state.tasks["a"].status) == (W.FAILED, S.CANCELLED)


async def test_a_cancel_right_after_a_crash_ends_the_child_that_lives(states: StateManager) -> None:
    kept = Kept()
    old = old_engine(states, x=kept)
    workflow_id = await old.create_workflow([task("a")])
    await old.start_workflow(workflow_id)
    await kept.arrived.wait()
    kept.yields.set()
    again = Kept()
    again.yields.set()
    async with taken_up(states, old, x=again) as new:
        await asyncio.wait_for(new.cancel_workflow(workflow_id), DEADLINE)
        assert again.ended == [f"{workflow_id}/a/1"]


async def test_an_attempt_that_was_asked_to_end_ends_its_child_though_the_engine_closes(
    states: StateManager,
) -> None:
    kept = Kept()
    engine = old_engine(states, x=kept)
    workflow_id = await engine.create_workflow([task("a")])
    await engine.start_workflow(workflow_id)
    await kept.arrived.wait()
    await engine.cancel_workflow(workflow_id, wait=False)
    closing = asyncio.create_task(engine.close())
    await asyncio.sleep(0)
    kept.yields.set()
    await closing
    assert kept.ended == [f"{workflow_id}/a/1"]


async def test_a_question_of_a_former_engine_is_withdrawn_when_its_attempt_is_cancelled_at_once(
    states: StateManager, store: SlowToRead, tmp_path: Path
) -> None:
    questions = Questions()
    old, new = (_asking(WorkflowOrchestrator(states, engine_id=one), questions, tmp_path)
                for one in ("old", "new"))  # fmt: skip
    metadata = {"question": "Go on?", "choices": {"approve": "Yes", "reject": "No"}}
    workflow_id = await old.create_workflow(
        [task("a", kind="approve", slotless=True, metadata=metadata)]
    )
    await old.start_workflow(workflow_id)
    await questions.asked.wait()
    await new.recover(former=["old"])
    store.asked.clear()
    await store.asked.wait()  # the adopted attempt reads, before it asks again
    await asyncio.wait_for(new.cancel_workflow(workflow_id), DEADLINE)
    assert questions.standing == set()
    await old._leases.renew()
    await old.close()
    await new.close()


def _asking(
    engine: WorkflowOrchestrator, questions: Questions, folder: Path
) -> WorkflowOrchestrator:
    desk = Desk(engine, Surroundings(folder, cast("Any", None), questions))
    engine.register_executor("approve", ApproveExecutor(desk))
    return engine


# ---- whose child it is -----------------------------------------------------------------------


async def test_an_attempt_does_not_adopt_the_child_of_the_one_before_it(
    states: StateManager,
) -> None:
    arrived = asyncio.Event()

    class Second(Kept):
        async def execute(self, context: Context) -> str:
            if context.attempt == 1:
                await context.keep_child(context.idempotency_key)
                raise ResourceFault("Once more.")
            arrived.set()
            await asyncio.Event().wait()  # crashed before its own child was known
            raise AssertionError

    old = old_engine(states, x=Second())
    again = RetryPolicy(max_attempts=3, initial_delay=0.0)
    workflow_id = await old.create_workflow([task("a", retry_policy=again)])
    await old.start_workflow(workflow_id)
    await arrived.wait()
    kept = Kept()
    kept.open.set()
    async with taken_up(states, old, x=kept) as new:
        await asyncio.wait_for(new.wait(workflow_id), DEADLINE)
    assert (kept.adopted, kept.begun) == ([], [f"{workflow_id}/a/3"])


async def test_nothing_is_begun_whose_child_could_not_be_made_known(
    engine: WorkflowOrchestrator, store: SlowToRead
) -> None:
    begun: list[str] = []

    async def work(context: Context) -> None:
        store.fail_next(ResourceFault("The disk is full."))
        await context.keep_child("place")
        begun.append(context.idempotency_key)

    engine.register_executor("x", work)
    workflow_id = await engine.create_workflow([task("a")])
    await engine.start_workflow(workflow_id)
    with pytest.raises(ResourceFault, match="full"):
        await engine.wait(workflow_id)
    assert begun == []


async def test_what_is_paused_with_attempts_under_way_is_followed_after_a_crash(
    states: StateManager,
) -> None:
    kept = Kept()
    old = old_engine(states, x=kept)
    workflow_id = await old.create_workflow([task("a"), task("b", "a")])
    await old.start_workflow(workflow_id)
    await kept.arrived.wait()
    await old.pause_workflow(workflow_id)
    kept.yields.set()
    again = Kept()
    again.open.set()
    async with taken_up(states, old, x=again) as new:
        await asyncio.wait_for(reached(states, workflow_id, "a", S.COMPLETED), DEADLINE)
        assert (await new.get_workflow_status(workflow_id)).status is W.PAUSED
        await new.resume_workflow(workflow_id)
        await asyncio.wait_for(new.wait(workflow_id), DEADLINE)
    assert (again.adopted, again.begun) == ([f"{workflow_id}/a/1"], [f"{workflow_id}/b/1"])


async def test_parts_of_a_final_fan_out_go_on_in_a_cancelled_workflow(states: StateManager) -> None:
    first, items = Gate(), Gate()
    final = task("each", kind="each", slotless=True, final=True)
    after = task("after", "each", kind="y", final=True)
    old = old_engine(states, first=first, x=items, y=echo, each=Each(2))
    workflow_id = await old.create_workflow([task("a", kind="first"), final, after])
    await old.start_workflow(workflow_id)
    await first.arrived.wait()
    await old.cancel_workflow(workflow_id, wait=False)
    await items.arrived.wait()
    async with taken_up(states, old, x=echo, y=echo, each=Each()) as new:
        await asyncio.wait_for(new.wait(workflow_id), DEADLINE)
    state = await states.get_workflow(workflow_id)
    assert state.status is W.CANCELLED
    assert {state.tasks[one].status for one in ("each[0]", "each[1]", "each", "after")} == {
        S.COMPLETED
    }


# ---- nested ones -----------------------------------------------------------------------------


class Inner(NestedExecutor):
    """Nested workflows whose files are made up here."""

    def __init__(self, desk: Desk, tasks: Sequence[TaskDefinition]) -> None:
        super().__init__(desk)
        self._tasks = tasks
        self.ids: list[str] = []
        self.creating = asyncio.Event()

    async def _create(self, attempt: Attempt, workflow_id: str) -> None:
        self.ids.append(workflow_id)
        self.creating.set()
        await asyncio.sleep(0)
        await self._desk.orchestrator.create_workflow(self._tasks, workflow_id=workflow_id)


async def test_a_cancel_while_a_nested_workflow_is_created_leaves_none_pending(
    engine: WorkflowOrchestrator, tmp_path: Path
) -> None:
    engine.register_executor("x", echo)
    nested = Inner(_desk(engine, tmp_path), [task("a")])
    engine.register_executor("workflow", nested)
    workflow_id = await engine.create_workflow([task("n", kind="workflow", slotless=True)])
    await engine.start_workflow(workflow_id)
    await nested.creating.wait()
    await asyncio.wait_for(engine.cancel_workflow(workflow_id), DEADLINE)
    state = await engine.get_workflow_status(nested.ids[0])
    assert state.status is W.CANCELLED


async def test_a_nested_workflow_that_is_rolled_back_is_seen_to_its_end_all_the_same(
    engine: WorkflowOrchestrator, tmp_path: Path
) -> None:
    gate = Gate()
    engine.register_executor("x", gate)
    nested = Inner(_desk(engine, tmp_path), [task("a")])
    engine.register_executor("workflow", nested)
    workflow_id = await engine.create_workflow([task("n", kind="workflow", slotless=True)])
    running = asyncio.create_task(engine.execute_workflow(workflow_id))
    await gate.arrived.wait()
    await engine.pause_workflow(nested.ids[0], interrupt=True)
    await reached(engine.state_manager, nested.ids[0], "a", S.READY)
    version = (await engine.get_workflow_status(nested.ids[0])).version
    await engine.rollback_workflow(nested.ids[0], version)
    gate.open.set()
    await engine.resume_workflow(nested.ids[0])
    state = await asyncio.wait_for(running, DEADLINE)
    assert state.tasks["n"].result == {"a": "through"}


def _desk(engine: WorkflowOrchestrator, folder: Path) -> Desk:
    return Desk(engine, Surroundings(folder, cast("Any", None), Questions()))
