"""What an engine answers of tasks at their end: made when looked at, as they stood, no less than what is kept."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from tests.core.workflows.orchestrator_bench import Context, Gate, S, echo, task

from quarterdeck.core.workflows import (
    FanOut,
    OnFailure,
    OrchestrationError,
    StateManager,
    TaskDefinition,
    WorkflowDefinition,
    WorkflowOrchestrator,
)
from quarterdeck.core.workflows.standing import Shown, Standing


async def test_the_answer_says_what_is_kept(states: StateManager) -> None:
    async def spread(_: Context) -> FanOut:
        return FanOut([TaskDefinition(f"c[{at}]", "agent", "x") for at in range(3)])

    async with WorkflowOrchestrator(states) as engine:
        engine.register_executor("x", echo)
        engine.register_executor("spread", spread)
        workflow_id = await engine.create_workflow(
            [task("a"), task("b", "a"), TaskDefinition("c", "agent", "spread", ("b",))]
        )
        answer = await engine.execute_workflow(workflow_id)
        kept = await states.get_workflow(workflow_id)
    assert type(answer.tasks) is Shown
    assert len(answer.tasks) == 6
    assert json.dumps(answer.to_dict()) == json.dumps(kept.to_dict())
    assert answer == kept


async def test_it_is_as_the_tasks_stood_whatever_became_of_them(states: StateManager) -> None:
    gate = Gate()
    async with WorkflowOrchestrator(states) as engine:
        engine.register_executor("x", gate)
        workflow_id = await engine.create_workflow([task("a"), task("b", "a")])
        await engine.start_workflow(workflow_id)
        await gate.arrived.wait()
        then = Shown(Standing(engine._instances[workflow_id]))
        gate.open.set()
        await engine.wait(workflow_id)
        assert [one.status for one in then.values()] == [S.RUNNING, S.PENDING]
        assert [one.attempt for one in then.values()] == [1, 0]
        assert then["a"].completed_at is None


async def test_it_can_be_copied_and_sent(states: StateManager) -> None:
    async with WorkflowOrchestrator(states) as engine:
        engine.register_executor("x", echo)
        workflow_id = await engine.create_workflow([task("a")])
        answer = await engine.execute_workflow(workflow_id)
    for copied in (copy.deepcopy(answer.tasks), pickle.loads(pickle.dumps(answer.tasks))):  # noqa: S301  # our own bytes
        assert type(copied) is dict
        assert copied == answer.tasks
    assert repr(answer.tasks).startswith("{'a': TaskState(")


async def test_errors_are_those_of_tasks_that_ended_badly(states: StateManager) -> None:
    async def broken(_: Context) -> None:
        msg = "no"
        raise RuntimeError(msg)

    async with WorkflowOrchestrator(states) as engine:
        engine.register_executor("x", broken)
        definition = WorkflowDefinition(
            "w", [task("a"), task("b", "a")], on_failure=OnFailure.CONTINUE
        )
        workflow_id = await engine.create_workflow(definition)
        await engine.start_workflow(workflow_id)
        instance = engine._instances[workflow_id]
        await engine.wait(workflow_id)
        shown = Shown(Standing(instance))
        with pytest.raises(OrchestrationError):
            await engine.execute_workflow(workflow_id)
        kept = await states.get_workflow(workflow_id)
    assert (shown["a"].error, shown["b"].status) == ("RuntimeError: no", S.SKIPPED)
    assert shown == kept.tasks
