"""The durable orchestrator, over a store in memory."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from tests.core.workflows.orchestrator_bench import Context, Gate, S, W, echo, reached, task

from quarterdeck.core.base.machine import IllegalTransition
from quarterdeck.core.workflows import (
    AttemptLost,
    ConditionFalse,
    DependencyError,
    OrchestrationError,
    PermanentFailure,
    RetryPolicy,
    StateManager,
    TaskDefinition,
    TaskStatus,
    WorkflowOrchestrator,
)
from quarterdeck.core.workflows.faults import ExecutorMissing
from quarterdeck.core.workflows.machine.control import NothingFailed
from quarterdeck.core.workflows.state_faults import (
    StateNotFoundError,
    TasksRunning,
    WorkflowUnknown,
)

PLENTY = 400


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


async def test_one_is_carried_on_as_it_stands(
    engine: WorkflowOrchestrator, states: StateManager
) -> None:
    """Whatever became of it since it was looked at: whoever wants it done need not know."""
    gate = Gate()
    engine.register_executor("x", gate)
    with pytest.raises(WorkflowUnknown):
        await engine.carry_on("nobody")
    workflow_id = await engine.create_workflow([task("a"), task("b", "a")])
    await engine.carry_on(workflow_id)
    await gate.arrived.wait()
    await engine.carry_on(workflow_id)
    await engine.pause_workflow(workflow_id)
    gate.open.set()
    await reached(states, workflow_id, "a", S.COMPLETED)
    await engine.carry_on(workflow_id)
    assert (await engine.get_workflow_status(workflow_id)).status is W.PAUSED
    await engine.resume_workflow(workflow_id)
    await engine.wait(workflow_id)
    await engine.carry_on(workflow_id)
    await engine.wait(workflow_id)
    assert not engine.drives(workflow_id)
    assert (await engine.get_workflow_status(workflow_id)).status is W.COMPLETED
    assert gate.begun == ["a", "b"]


async def test_what_execute_returns_is_what_is_kept(tmp_path: Path) -> None:
    """Without a reading; unless somebody else has changed the instance meanwhile."""

    async def meddle(context: Context) -> Any:
        if context.task_def.task_id == "b":
            await states.update_workflow(context.workflow_id, variables={"v": 2})
        if context.task_def.task_id == "c":
            raise ConditionFalse
        return {"data": [1, None, "\u00e9"]}

    async with (
        StateManager(f"sqlite://{tmp_path / 'w.db'}") as states,
        WorkflowOrchestrator(states) as engine,
    ):
        engine.register_executor("x", meddle)
        for tasks in ([task("a"), task("c", "a")], [task("a"), task("b", "a"), task("d", "b")]):
            workflow_id = await engine.create_workflow(tasks, inputs={"i": 1})
            state = await engine.execute_workflow(workflow_id)
            assert state == await engine.get_workflow_status(workflow_id)
        assert state.variables == {"v": 2}


async def test_what_was_given_is_kept_as_it_was_given(engine: WorkflowOrchestrator) -> None:
    """Whatever the caller does to it between creating and starting the instance."""
    seen: list[Any] = []

    async def look(context: Context) -> None:
        seen.append(context.task_def.metadata)
        context.task_def.metadata.clear()  # type: ignore[attr-defined]  # a fault of the executor's

    engine.register_executor("x", look)
    metadata = {"a": [1, (2, 3)]}
    one = TaskDefinition("a", "agent", "x", metadata=metadata)
    first = await engine.create_workflow([one])
    second = await engine.create_workflow([one])
    metadata["a"].append("late")
    await engine.execute_workflow(first)
    assert seen == [{}]
    seen.clear()
    engine.register_executor("x", lambda context: seen.append(dict(context.task_def.metadata)))
    await engine.execute_workflow(second)
    assert seen == [{"a": [1, [2, 3]]}]


async def test_what_was_changed_before_the_start_is_in_force(
    engine: WorkflowOrchestrator, states: StateManager
) -> None:
    """What is remembered of an instance's making holds only while nobody has changed it."""
    seen: list[Any] = []

    async def look(context: Context) -> None:
        seen.append((context.variables, context.inputs))

    engine.register_executor("x", look)
    as_made, changed, removed = [
        await engine.create_workflow([task("a")], variables={"v": 1}, inputs={"i": 1})
        for _ in range(3)
    ]
    await states.update_workflow(changed, variables={"v": 2})
    await states.delete_workflow(removed)
    for workflow_id in (as_made, changed):
        state = await engine.execute_workflow(workflow_id)
        assert state == await engine.get_workflow_status(workflow_id)
    assert seen == [({"v": 1}, {"i": 1}), ({"v": 2}, {"i": 1})]
    with pytest.raises(StateNotFoundError):
        await engine.execute_workflow(removed)


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
    many = [task(f"a{number}", kind="yz"[number % 2]) for number in range(1000)]
    with pytest.raises(
        ExecutorMissing, match=r"'y' \(tasks a0, a2.* a14 and 492 more\), 'z' .*\.$"
    ):
        await engine.create_workflow(many)
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


async def test_many_attempts_begun_at_once_are_not_begun_one_inside_the_other(
    states: StateManager,
) -> None:
    """The dashboard's loop begins tasks within ``create_task``; most of these ended in RecursionError."""
    if (eager := getattr(asyncio, "eager_task_factory", None)) is None:
        pytest.skip("this Python has no eager tasks")
    asyncio.get_running_loop().set_task_factory(eager)
    depths: list[int] = []
    all_here = asyncio.Event()

    async def look(_context: Context) -> int:
        frame: FrameType | None = sys._getframe()  # the depth of the stack
        depth = 0
        while frame is not None:
            frame, depth = frame.f_back, depth + 1
        depths.append(depth)
        if len(depths) == PLENTY:
            all_here.set()
        await all_here.wait()
        return depth

    async with WorkflowOrchestrator(states, max_parallel_tasks=PLENTY) as engine:
        engine.register_executor("x", look)
        workflow_id = await engine.create_workflow([task(f"t{number}") for number in range(PLENTY)])
        async with asyncio.timeout(60):
            await engine.execute_workflow(workflow_id)
    assert max(depths) < min(depths) + 20
