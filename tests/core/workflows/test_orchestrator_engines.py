"""Several engines, lost leases, failing stores, fan-outs and signals."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.core.workflows.orchestrator_bench import Context, Gate, S, W, echo, reached, task

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.workflows import (
    FanOut,
    OnFailure,
    OrchestrationError,
    RetryPolicy,
    StateManager,
    WorkflowDefinition,
    WorkflowOrchestrator,
)
from quarterdeck.core.workflows.faults import WorkflowBusy
from quarterdeck.core.workflows.leases import LeaseGone
from quarterdeck.state.memory import MemoryStore


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


class Broken(MemoryStore):
    """A store with a fault that it does not know of itself."""

    broken = False

    def commit_each(self, transactions: Any) -> Any:
        if self.broken:
            raise ZeroDivisionError("the store's own")
        return super().commit_each(transactions)


async def test_a_store_that_raises_leaves_nobody_waiting(clock: ManualClock) -> None:
    store, gate = Broken(clock=clock), Gate()
    await store.open()
    async with WorkflowOrchestrator(StateManager(store=store)) as engine:
        engine.register_executor("x", gate)
        workflow_id = await engine.create_workflow([task("a"), task("b", "a")])
        await engine.start_workflow(workflow_id)
        await gate.arrived.wait()
        waiting = asyncio.create_task(engine.wait(workflow_id))
        store.broken = True
        gate.open.set()
        with pytest.raises(ZeroDivisionError):
            await waiting
        store.broken = False


async def test_who_changes_an_instance_as_a_whole_is_alone_with_it_whoever_comes_when(
    engine: WorkflowOrchestrator,
) -> None:
    inside: list[str] = []

    async def use(name: str) -> None:
        async with engine._alone_with("W"):
            inside.append(name)
            for _ in range(3):
                await asyncio.sleep(0)
            assert inside == [name]
            inside.remove(name)

    async def twice() -> None:
        await use("first")
        await use("again")  # while the one that waited is being woken

    async with asyncio.TaskGroup() as both:
        both.create_task(twice())
        both.create_task(use("other"))
    with pytest.raises(ZeroDivisionError):
        async with engine._alone_with("W"):
            raise ZeroDivisionError
    assert engine._opening == {}
