"""Faults that the simulator found: crashes, cancels and rollbacks at bad moments (SPEC, section 3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from tests.core.workflows.orchestrator_bench import Context, Gate, S, W, echo, reached, task

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.workflows import (
    FanOut,
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
from quarterdeck.core.workflows.executors.ports import Gate as Question
from quarterdeck.core.workflows.executors.ports import GateAnswer
from quarterdeck.core.workflows.executors.surroundings import Surroundings
from quarterdeck.core.workflows.records import WorkflowRecord
from quarterdeck.core.workflows.state_faults import TasksRunning, VersionUnknown
from quarterdeck.state.memory import MemoryStore

DEADLINE = 60


class SlowToRead(MemoryStore):
    """A store whose answers take a turn of the loop, as those of a disk do."""

    def __init__(self) -> None:
        super().__init__(clock=SYSTEM_CLOCK)
        self.asked = asyncio.Event()

    async def workflow(self, workflow_id: str) -> WorkflowRecord | None:
        self.asked.set()
        await asyncio.sleep(0)
        return await super().workflow(workflow_id)


@pytest.fixture
async def store() -> AsyncIterator[SlowToRead]:
    kept = SlowToRead()
    await kept.open()
    yield kept
    await kept.close()


@pytest.fixture
def states(store: SlowToRead) -> StateManager:
    return StateManager(store=store)


@pytest.fixture
async def engine(states: StateManager) -> AsyncIterator[WorkflowOrchestrator]:
    async with WorkflowOrchestrator(states) as engine:
        yield engine


class Kept:
    """Children that outlive engines; each ends when it is let go, or is asked to and ``yields``."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.adopted: list[str] = []
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()
        self.yields = asyncio.Event()
        self.engine: WorkflowOrchestrator | None = None

    async def execute(self, context: Context) -> str:
        self.begun.append(context.idempotency_key)
        await context.keep_child(context.idempotency_key)
        return await self._follow(context)

    async def adopt(self, context: Context) -> str:
        self.adopted.append(context.idempotency_key)
        assert context.child == context.idempotency_key, "that is another attempt's child"
        return await self._follow(context)

    async def _follow(self, context: Context) -> str:
        self.arrived.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            await self.yields.wait()
            assert self.engine is not None
            if self.engine.drives(context.workflow_id, context.task_def.task_id):
                self.ended.append(context.idempotency_key)
            raise
        return "through"


def old_engine(states: StateManager, **executors: Any) -> WorkflowOrchestrator:
    """An engine that will be gone."""
    return with_executors(WorkflowOrchestrator(states, engine_id="old"), executors)


def with_executors(engine: WorkflowOrchestrator, executors: dict[str, Any]) -> WorkflowOrchestrator:
    for kind, executor in executors.items():
        engine.register_executor(kind, executor)
        if isinstance(executor, Kept):
            executor.engine = engine
    return engine


@asynccontextmanager
async def taken_up(
    states: StateManager, old: WorkflowOrchestrator, **executors: Any
) -> AsyncIterator[WorkflowOrchestrator]:
    """The next engine, as if ``old`` had crashed this moment: no more of it is kept."""
    async with WorkflowOrchestrator(states) as new:
        with_executors(new, executors)
        await new.recover(former=["old"])
        yield new
    for executor in executors.values():
        if isinstance(executor, Kept):
            executor.yields.set()
    await old._leases.renew()
    await old.close()


def waits(task_id: str, *needs: str, signal: str) -> TaskDefinition:
    return task(task_id, *needs, kind="wait_for", slotless=True, metadata={"signal": signal})


class Each:
    """A fan-out that finds so many parts; another number each time."""

    def __init__(self, *counts: int, kind: str = "x") -> None:
        self._counts = list(counts)
        self._kind = kind

    async def __call__(self, context: Context) -> FanOut:
        count = self._counts.pop(0)
        return FanOut([task(f"each[{at}]", kind=self._kind) for at in range(count)])


EACH = task("each", kind="each", slotless=True)


async def version_before(states: StateManager, workflow_id: str, task_id: str, nth: int) -> int:
    """The version before the nth change of a task."""
    history = await states.get_history(workflow_id)
    return [one.version for one in history if one.task_id == task_id][nth] - 1


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


class Questions:
    """An attention queue; nobody answers."""

    def __init__(self) -> None:
        self.standing: set[str] = set()
        self.asked = asyncio.Event()

    async def ask(self, gate: Question) -> GateAnswer:
        self.standing.add(gate.key)
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def withdraw(self, gate: Question) -> None:
        self.standing.discard(gate.key)


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


def with_kept(engine: WorkflowOrchestrator) -> Kept:
    kept = Kept()
    with_executors(engine, {"x": kept})
    return kept


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
