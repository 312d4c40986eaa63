"""The durable orchestrator, over a store in memory."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.base.machine import IllegalTransition
from quarterdeck.core.workflows import (
    AttemptLost,
    ConditionFalse,
    DependencyError,
    FanOut,
    OnFailure,
    OrchestrationError,
    PermanentFailure,
    RetryPolicy,
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    TaskStatus,
    WorkflowDefinition,
    WorkflowOrchestrator,
    WorkflowStatus,
)
from quarterdeck.core.workflows.faults import ExecutorMissing, WorkflowBusy
from quarterdeck.core.workflows.leases import LeaseGone
from quarterdeck.core.workflows.machine.control import NothingFailed
from quarterdeck.core.workflows.state_faults import StateNotFoundError, TasksRunning
from quarterdeck.state.memory import MemoryStore

Context = TaskExecutionContext
S, W = TaskStatus, WorkflowStatus


def task(task_id: str, *needs: str, kind: str = "x", **rules: Any) -> TaskDefinition:
    return TaskDefinition(task_id, f"agent-{task_id}", kind, needs, **rules)


class Gate:
    """An executor that waits until it is let go, and counts."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, context: Context) -> str:
        self.begun.append(context.task_def.task_id)
        self.arrived.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.append(context.task_def.task_id)
            raise
        return "through"


async def reached(states: StateManager, workflow_id: str, task_id: str, status: TaskStatus) -> None:
    """Wait until a task stands so on disk."""
    for _ in range(10_000):
        if (await states.get_workflow(workflow_id)).tasks[task_id].status is status:
            return
        await asyncio.sleep(0)
    msg = f"{task_id} was never {status}"
    raise AssertionError(msg)


async def echo(context: Context) -> dict[str, Any]:
    return {"of": context.idempotency_key}


async def test_results_of_direct_dependencies_are_handed_on(engine: WorkflowOrchestrator) -> None:
    seen: dict[str, Any] = {}

    async def look(context: Context) -> Any:
        seen[context.task_def.task_id] = (
            context.previous_results,
            context.variables,
            context.inputs,
        )
        return context.task_def.task_id

    engine.register_executor("x", look)
    workflow_id = await engine.create_workflow(
        [task("a"), task("b", "a"), task("c", "b")], variables={"v": 1}, inputs={"i": [2]}
    )
    state = await engine.execute_workflow(workflow_id)
    assert state.status is W.COMPLETED
    assert seen["c"] == (
        [{"task_id": "b", "agent_id": "agent-b", "result": {"data": "b"}}], {"v": 1}, {"i": [2]},
    )  # fmt: skip
    assert state.tasks["c"].result == "c"


async def test_a_result_that_was_changed_by_a_reader_is_whole_for_the_next(
    engine: WorkflowOrchestrator,
) -> None:
    async def grow(context: Context) -> Any:
        found = [one["result"]["data"] for one in context.previous_results]
        for one in found:
            one.append(1)
        return found[0] if found else []

    engine.register_executor("x", grow)
    state = await engine.execute_workflow(
        await engine.create_workflow([task("a"), task("b", "a"), task("c", "a")])
    )
    assert [state.tasks[name].result for name in "abc"] == [[], [1], [1]]


async def test_failing_tasks_raise_with_their_names_after_independent_branches(
    engine: WorkflowOrchestrator,
) -> None:
    async def maybe(context: Context) -> str:
        if context.task_def.task_id == "bad":
            raise ValueError("no such file")
        return "ok"

    engine.register_executor("x", maybe)
    workflow_id = await engine.create_workflow(
        [task("bad"), task("after", "bad"), task("x"), task("y", "x")]
    )
    with pytest.raises(OrchestrationError, match=r"bad \(ValueError: no such file\)"):
        await engine.execute_workflow(workflow_id)
    state = await engine.get_workflow_status(workflow_id)
    assert {name: str(one.status) for name, one in state.tasks.items()} == {
        "bad": "failed", "after": "skipped", "x": "completed", "y": "completed",
    }  # fmt: skip
    assert state.tasks["bad"].error_type == "ValueError"
    with pytest.raises(OrchestrationError, match="retry it"):
        await engine.execute_workflow(workflow_id)


@pytest.mark.parametrize(
    ("error", "status", "after", "attempts"),
    [
        (ConditionFalse(), S.SKIPPED, S.COMPLETED, 1),
        (PermanentFailure("never"), S.FAILED, S.SKIPPED, 1),
        (ValueError("again"), S.FAILED, S.SKIPPED, 3),
        (AttemptLost("gone"), S.FAILED, S.SKIPPED, 4),
    ],
)
async def test_what_an_executor_raises_says_what_becomes_of_the_task(
    engine: WorkflowOrchestrator,
    error: Exception,
    status: TaskStatus,
    after: TaskStatus,
    attempts: int,
) -> None:
    async def raising(context: Context) -> None:
        raise error

    engine.register_executor("x", raising)
    engine.register_executor("y", echo)
    workflow_id = await engine.create_workflow(
        [task("a", retry_policy=RetryPolicy(3, 0.0)), task("b", "a", kind="y")]
    )
    await engine.start_workflow(workflow_id)
    await engine.wait(workflow_id)
    state = await engine.get_workflow_status(workflow_id)
    found = state.tasks["a"]
    assert (found.status, state.tasks["b"].status, found.attempt) == (status, after, attempts)


async def test_a_result_that_is_no_json_is_a_failure_without_retry(
    engine: WorkflowOrchestrator,
) -> None:
    engine.register_executor("x", lambda _: {1, 2})
    workflow_id = await engine.create_workflow([task("a", retry_policy=RetryPolicy(3, 0.0))])
    with pytest.raises(OrchestrationError, match="no JSON"):
        await engine.execute_workflow(workflow_id)
    assert (await engine.get_workflow_status(workflow_id)).tasks["a"].attempt == 1


async def test_the_default_retry_policy_is_kept_with_the_workflow(states: StateManager) -> None:
    tries = []

    async def third_time(context: Context) -> int:
        tries.append(context.attempt)
        if len(tries) < 3:
            raise ValueError
        return len(tries)

    async with WorkflowOrchestrator(states, default_retry_policy=RetryPolicy(3, 0.0)) as engine:
        engine.register_executor("x", third_time)
        state = await engine.execute_workflow(await engine.create_workflow([task("a")]))
    assert tries == [1, 2, 3]
    assert state.tasks["a"].retry_count == 2


async def test_what_can_not_be_run_is_refused_at_creation(engine: WorkflowOrchestrator) -> None:
    engine.register_executor("x", echo)
    with pytest.raises(DependencyError, match="a -> b -> a"):
        await engine.create_workflow([task("a", "b"), task("b", "a")])
    with pytest.raises(DependencyError, match="'gone'"):
        await engine.create_workflow([task("a", "gone")])
    with pytest.raises(ExecutorMissing, match="'y'"):
        await engine.create_workflow([task("a", kind="y")])
    with pytest.raises(StateNotFoundError):
        await engine.execute_workflow("none")
    with pytest.raises(TypeError, match="no executor"):
        engine.register_executor("z", 3)


async def test_pause_and_resume_do_not_run_anything_twice(
    engine: WorkflowOrchestrator, states: StateManager
) -> None:
    gate = Gate()
    engine.register_executor("x", gate)
    workflow_id = await engine.create_workflow([task("a"), task("b", "a")])
    await engine.start_workflow(workflow_id)
    await gate.arrived.wait()
    assert (await engine.pause_workflow(workflow_id)).status is W.PAUSED
    gate.open.set()
    await reached(states, workflow_id, "a", S.COMPLETED)
    assert gate.begun == ["a"]
    await engine.resume_workflow(workflow_id)
    await engine.wait(workflow_id)
    assert gate.begun == ["a", "b"]
    with pytest.raises(IllegalTransition):
        await engine.resume_workflow(workflow_id)


async def test_an_interrupting_pause_and_a_resume_in_another_engine(states: StateManager) -> None:
    gate = Gate()
    async with WorkflowOrchestrator(states) as first:
        first.register_executor("x", gate)
        workflow_id = await first.create_workflow([task("a")])
        await first.start_workflow(workflow_id)
        await gate.arrived.wait()
        await first.pause_workflow(workflow_id, interrupt=True)
        await reached(states, workflow_id, "a", S.READY)
        assert gate.cancelled == ["a"]
    async with WorkflowOrchestrator(states) as second:
        second.register_executor("x", echo)
        await second.resume_workflow(workflow_id)
        await second.wait(workflow_id)
    state = await states.get_workflow(workflow_id)
    assert (state.status, state.tasks["a"].attempt) == (W.COMPLETED, 2)


async def test_cancel_ends_a_foreground_run(engine: WorkflowOrchestrator) -> None:
    gate = Gate()
    engine.register_executor("x", gate)
    workflow_id = await engine.create_workflow([task("a"), task("b", "a")])
    call = asyncio.create_task(engine.execute_workflow(workflow_id))
    await gate.arrived.wait()
    assert (await engine.cancel_workflow(workflow_id)).status is W.CANCELLED
    state = await call
    assert {one.status for one in state.tasks.values()} == {S.CANCELLED}


async def test_cancelling_the_call_cancels_the_workflow(engine: WorkflowOrchestrator) -> None:
    gate = Gate()
    engine.register_executor("x", gate)
    workflow_id = await engine.create_workflow([task("a")])
    call = asyncio.create_task(engine.execute_workflow(workflow_id))
    await gate.arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await engine.get_workflow_status(workflow_id)).status is W.CANCELLED


async def test_an_attempt_that_does_not_end_is_given_up(engine: WorkflowOrchestrator) -> None:
    begun, free = asyncio.Event(), asyncio.Event()

    async def stubborn(context: Context) -> None:
        begun.set()
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    engine.register_executor("x", stubborn)
    workflow_id = await engine.create_workflow([task("a")])
    await engine.start_workflow(workflow_id)
    await begun.wait()
    state = await engine.cancel_workflow(workflow_id)
    assert state.tasks["a"].status is S.CANCELLED
    free.set()


async def test_a_timeout_is_told_as_one(engine: WorkflowOrchestrator) -> None:
    engine.register_executor("x", Gate())
    workflow_id = await engine.create_workflow([task("a", timeout=0.01)])
    with pytest.raises(OrchestrationError, match=r"0\.01 s"):
        await engine.execute_workflow(workflow_id)
    assert (await engine.get_workflow_status(workflow_id)).tasks["a"].error_type == "timeout"


async def test_retry_and_rerun_run_what_they_say(engine: WorkflowOrchestrator) -> None:
    ran: list[str] = []
    failing = {"b"}

    async def maybe(context: Context) -> int:
        ran.append(context.task_def.task_id)
        if context.task_def.task_id in failing:
            raise ValueError
        return len(ran)

    engine.register_executor("x", maybe)
    workflow_id = await engine.create_workflow([task("a"), task("b", "a"), task("c", "b")])
    with pytest.raises(OrchestrationError):
        await engine.execute_workflow(workflow_id)
    failing.clear()
    await engine.retry_workflow(workflow_id)
    await engine.wait(workflow_id)
    assert ran == ["a", "b", "b", "c"]
    await engine.rerun_workflow(workflow_id, "b")
    await engine.wait(workflow_id)
    assert ran[4:] == ["b", "c"]
    state = await engine.get_workflow_status(workflow_id)
    assert (state.status, state.tasks["b"].attempt) == (W.COMPLETED, 3)
    with pytest.raises(OrchestrationError, match="'zz'"):
        await engine.rerun_workflow(workflow_id, "zz")
    with pytest.raises(NothingFailed):
        await engine.retry_workflow(workflow_id)


async def test_rollback_is_refused_while_tasks_run_and_resumed_from_after(
    engine: WorkflowOrchestrator, states: StateManager
) -> None:
    gate = Gate()
    engine.register_executor("x", gate)
    engine.register_executor("y", echo)
    workflow_id = await engine.create_workflow([task("a", kind="y"), task("b", "a")])
    await engine.start_workflow(workflow_id)
    await gate.arrived.wait()
    with pytest.raises(TasksRunning):
        await engine.rollback_workflow(workflow_id, 1)
    gate.open.set()
    await engine.wait(workflow_id)
    history = await states.get_history(workflow_id)
    before_b = next(one.version for one in history if one.task_id == "b")
    state = await engine.rollback_workflow(workflow_id, before_b - 1)
    assert (state.version, state.restored_from) == (history[-1].version + 1, before_b - 1)
    await engine.resume_workflow(workflow_id)
    await engine.wait(workflow_id)
    state = await engine.get_workflow_status(workflow_id)
    assert (state.status, state.tasks["b"].attempt) == (W.COMPLETED, 2)
    assert gate.begun == ["b", "b"]
    versions = [one.version for one in await states.get_history(workflow_id)]
    assert versions == list(range(1, len(versions) + 1))


async def test_two_engines_do_not_drive_one_workflow(states: StateManager) -> None:
    gate = Gate()
    async with WorkflowOrchestrator(states) as first, WorkflowOrchestrator(states) as second:
        first.register_executor("x", gate)
        workflow_id = await first.create_workflow([task("a")])
        await first.start_workflow(workflow_id)
        await gate.arrived.wait()
        with pytest.raises(WorkflowBusy):
            await second.cancel_workflow(workflow_id)
        gate.open.set()
        await first.wait(workflow_id)


async def test_what_a_lost_lease_held_is_dropped_and_told(
    states: StateManager, store: MemoryStore
) -> None:
    gate = Gate()
    async with WorkflowOrchestrator(states, engine_id="old") as old:
        old.register_executor("x", gate)
        workflow_id = await old.create_workflow([task("a")])
        await old.start_workflow(workflow_id)
        await gate.arrived.wait()
        waiting = asyncio.create_task(old.wait(workflow_id))
        async with WorkflowOrchestrator(states, engine_id="new") as new:
            new.register_executor("x", echo)
            assert await new.recover(former=["old"]) == [workflow_id]
            await new.wait(workflow_id)
        await old._leases.renew()
        with pytest.raises(LeaseGone):
            await waiting
    assert gate.cancelled == ["a"]
    state = await states.get_workflow(workflow_id)
    assert (state.status, state.tasks["a"].attempt, state.tasks["a"].losses) == (W.COMPLETED, 2, 1)


async def test_a_store_that_fails_ends_the_drive_and_loses_nothing_on_disk(
    engine: WorkflowOrchestrator, store: MemoryStore
) -> None:
    gate = Gate()
    engine.register_executor("x", gate)
    workflow_id = await engine.create_workflow([task("a"), task("b", "a")])
    await engine.start_workflow(workflow_id)
    await gate.arrived.wait()
    waiting = asyncio.create_task(engine.wait(workflow_id))
    await asyncio.sleep(0)
    store.fail_next(ResourceFault("The disk is full."))
    gate.open.set()
    with pytest.raises(ResourceFault, match="full"):
        await waiting
    assert (await engine.get_workflow_status(workflow_id)).tasks["a"].status is S.RUNNING
    await engine.start_workflow(workflow_id)
    await engine.wait(workflow_id)
    assert gate.begun == ["a", "a", "b"]


async def test_changes_by_others_are_numbered_around(
    engine: WorkflowOrchestrator, states: StateManager
) -> None:
    async def with_note(context: Context) -> int:
        await states.update_workflow(context.workflow_id, variables={"n": context.attempt})
        return 1

    engine.register_executor("x", with_note)
    workflow_id = await engine.create_workflow([task(f"t{at}") for at in range(8)])
    state = await engine.execute_workflow(workflow_id)
    assert state.status is W.COMPLETED
    versions = [one.version for one in await states.get_history(workflow_id)]
    assert versions == list(range(1, len(versions) + 1))


class Adopting:
    """An executor whose attempts outlive their engine."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.adopted: list[tuple[int, str | None]] = []

    async def execute(self, context: Context) -> str:
        await context.keep_child("keeper-7")
        self.arrived.set()
        await asyncio.Event().wait()
        return ""

    async def adopt(self, context: Context) -> str:
        self.adopted.append((context.attempt, context.child))
        return "adopted"


async def test_an_attempt_whose_child_lives_is_adopted(states: StateManager) -> None:
    executor = Adopting()
    first = WorkflowOrchestrator(states, engine_id="first")
    first.register_executor("x", executor)
    workflow_id = await first.create_workflow([task("a")])
    await first.start_workflow(workflow_id)
    await executor.arrived.wait()
    async with WorkflowOrchestrator(states) as second:
        second.register_executor("x", executor)
        await second.recover(former=["first"])
        await second.wait(workflow_id)
    state = await states.get_workflow(workflow_id)
    assert (state.tasks["a"].result, state.tasks["a"].attempt) == ("adopted", 1)
    assert executor.adopted == [(1, "keeper-7")]
    await first._leases.renew()
    await first.close()


async def test_a_fan_out_survives_its_engine(states: StateManager) -> None:
    gate = Gate()

    async def each(context: Context) -> FanOut:
        children = [
            task(f"each[{at}]", kind="gate", group="each", metadata={"item": at}) for at in range(3)
        ]
        return FanOut(children, {"each": 1})

    async def item(context: Context) -> Any:
        return context.task_def.metadata["item"]

    first = WorkflowOrchestrator(states, engine_id="first")
    first.register_executor("each", each)
    first.register_executor("gate", gate)
    first.register_executor("x", echo)
    workflow_id = await first.create_workflow(
        [task("each", kind="each", slotless=True), task("z", "each")]
    )
    await first.start_workflow(workflow_id)
    await gate.arrived.wait()
    async with WorkflowOrchestrator(states) as second:
        second.register_executor("each", each)
        second.register_executor("gate", item)
        second.register_executor("x", echo)
        await second.recover(former=["first"])
        await second.wait(workflow_id)
    await first._leases.renew()
    await first.close()
    assert gate.begun == ["each[0]"]
    state = await states.get_workflow(workflow_id)
    assert state.status is W.COMPLETED
    assert state.tasks["each"].result == ["each[0]", "each[1]", "each[2]"]
    assert [state.tasks[f"each[{at}]"].result for at in range(3)] == [0, 1, 2]


async def test_signals_complete_what_waits_and_what_will(
    engine: WorkflowOrchestrator, states: StateManager, store: MemoryStore
) -> None:
    engine.register_executor("x", echo)
    waits: dict[str, Any] = {"kind": "wait_for", "slotless": True}
    workflow_id = await engine.create_workflow(
        [
            task("now", metadata={"signal": "go"}, **waits),
            task("x", "now"),
            task("later", "x", metadata={"signal": "go"}, **waits),
        ]
    )
    await engine.start_workflow(workflow_id)
    await reached(states, workflow_id, "now", S.RUNNING)
    assert await engine.signal_workflow(workflow_id, "go", key="k", value={"by": "me"})
    await engine.wait(workflow_id)
    state = await engine.get_workflow_status(workflow_id)
    assert state.tasks["now"].result == {"by": "me"}
    assert state.tasks["later"].result == {"by": "me"}
    assert [one.key for one in await store.signals(workflow_id)] == ["k"]
    assert not await engine.signal_workflow(workflow_id, "go", key="k")


async def test_closing_leaves_work_that_another_engine_takes_up(states: StateManager) -> None:
    gate = Gate()
    async with WorkflowOrchestrator(states) as first:
        first.register_executor("x", gate)
        workflow_id = await first.create_workflow([task("a"), task("b", "a")])
        await first.start_workflow(workflow_id)
        await gate.arrived.wait()
    state = await states.get_workflow(workflow_id)
    assert (state.status, state.tasks["a"].status, state.tasks["a"].losses) == (
        W.RUNNING,
        S.READY,
        0,
    )
    async with WorkflowOrchestrator(states) as second:
        second.register_executor("x", echo)
        assert await second.recover() == [workflow_id]
        await second.wait(workflow_id)
    assert (await states.get_workflow(workflow_id)).status is W.COMPLETED


async def test_back_off_is_durable(states: StateManager) -> None:
    async def bad(context: Context) -> None:
        raise ValueError

    async with WorkflowOrchestrator(states) as first:
        first.register_executor("x", bad)
        workflow_id = await first.create_workflow(
            [task("a", retry_policy=RetryPolicy(2, 3600.0, 3600.0))]
        )
        await first.start_workflow(workflow_id)
        await reached(states, workflow_id, "a", S.RETRYING)
    async with WorkflowOrchestrator(states) as second:
        second.register_executor("x", bad)
        await second.recover()
        due = second._machine.next_wake()
        assert due is not None
        assert 3500 < due - second._now() <= 3600
        state = await second.cancel_workflow(workflow_id)
    assert state.tasks["a"].status is S.CANCELLED


async def test_policies_of_failure_reach_the_machine(engine: WorkflowOrchestrator) -> None:
    async def maybe(context: Context) -> None:
        if context.task_def.task_id == "bad":
            raise ValueError
        await asyncio.Event().wait()

    engine.register_executor("x", maybe)
    workflow_id = await engine.create_workflow(
        WorkflowDefinition("w", [task("bad"), task("long")], on_failure=OnFailure.CANCEL)
    )
    with pytest.raises(OrchestrationError, match="bad"):
        await engine.execute_workflow(workflow_id)
    assert (await engine.get_workflow_status(workflow_id)).tasks["long"].status is S.CANCELLED


async def test_idempotency_keys_name_the_attempt(engine: WorkflowOrchestrator) -> None:
    engine.register_executor("x", echo)
    workflow_id = await engine.create_workflow([task("a")])
    state = await engine.execute_workflow(workflow_id)
    assert json.dumps(state.tasks["a"].result) == json.dumps({"of": f"{workflow_id}/a/1"})
