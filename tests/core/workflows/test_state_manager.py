"""The state manager over a store: creating, changing, reading at any version, restoring."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from tests.core.workflows.state_rig import START, refused, task

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.base.stores import StoreUnknown
from quarterdeck.core.workflows import state_manager as module
from quarterdeck.core.workflows.definition import OnFailure, WorkflowDefinition
from quarterdeck.core.workflows.encoding import definition_of
from quarterdeck.core.workflows.records import AddHistory, HistoryRecord
from quarterdeck.core.workflows.state_faults import StateManagerError, StateNotFoundError
from quarterdeck.core.workflows.state_manager import StateManager
from quarterdeck.core.workflows.states import WorkflowState
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore

NAIVE = datetime(2026, 3, 1)  # noqa: DTZ001  # what is refused

T = TaskStatus
W = WorkflowStatus


# ---- creating and reading --------------------------------------------------------------------


async def test_a_new_workflow_is_pending_at_version_one(manager: StateManager) -> None:
    made = await manager.create_workflow(
        [task("a"), task("b", "a")],
        workflow_id="mine",
        name="night",
        inputs={"n": 1},
        variables={"v": None},
        metadata={"m": [1, 2]},
        parent="W0/T/1",
    )
    assert made == await manager.get_workflow("mine")
    assert (made.name, made.status, made.version, made.created_at) == ("night", W.PENDING, 1, START)
    assert (made.inputs, made.variables, made.metadata) == ({"n": 1}, {"v": None}, {"m": [1, 2]})
    assert made.parent == "W0/T/1"
    assert list(made.tasks) == ["a", "b"]
    assert made.tasks["b"].dependencies == ("a",)
    assert {one.status for one in made.tasks.values()} == {T.PENDING}
    assert made.tasks["a"].retry_count == 0


async def test_the_whole_definition_is_kept(manager: StateManager) -> None:
    definition = WorkflowDefinition(
        "all of it",
        (
            task("a", metadata={"k": [1]}, deadline=START, timeout=1.5, group="g", final=True),
            task("b", "a", retry_policy=RetryPolicy(7, jitter=0.5), slotless=True),
        ),
        on_failure=OnFailure.DRAIN,
        limit=3,
        groups={"g": 2},
        retry_policy=RetryPolicy(2),
        metadata={"m": "x"},
    )
    made = await manager.create_workflow(definition)
    record = await manager.store.workflow(made.workflow_id)
    assert record is not None
    assert definition_of(record.definition) == definition
    assert made.name == "all of it"


async def test_ids_are_taken_once(manager: StateManager, three: str) -> None:
    before = await manager.get_workflow(three)
    fault = await refused(manager.create_workflow([task("z")], workflow_id=three))
    assert fault.code == "workflow_exists"
    assert await manager.get_workflow(three) == before
    twice = await refused(manager.create_workflow([task("a"), task("a")]))
    assert (twice.code, twice.details["task_id"]) == ("task_exists", "a")


async def test_tasks_can_be_added(manager: StateManager, three: str) -> None:
    added = await asyncio.gather(
        *(manager.create_task(three, task(f"n{n}", "c")) for n in range(20))
    )
    assert {one.dependencies for one in added} == {("c",)}
    state = await manager.get_workflow(three)
    assert list(state.tasks) == ["a", "b", "c", *(f"n{n}" for n in range(20))]
    assert state.version == 21
    fault = await refused(manager.create_task(three, task("a")))
    assert fault.code == "task_exists"
    assert (await manager.get_workflow(three)).version == 21


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda m: m.get_workflow("no"), "workflow_unknown"),
        (lambda m: m.get_task("no", "a"), "workflow_unknown"),
        (lambda m: m.get_history("no"), "workflow_unknown"),
        (lambda m: m.update_workflow("no", error="x"), "workflow_unknown"),
        (lambda m: m.update_task("no", "a", error="x"), "workflow_unknown"),
        (lambda m: m.create_task("no", task("a")), "workflow_unknown"),
        (lambda m: m.rollback_workflow("no", 1), "workflow_unknown"),
        (lambda m: m.delete_workflow("no"), "workflow_unknown"),
        (lambda m: m.get_task("three", "no"), "task_unknown"),
        (lambda m: m.update_task("three", "no", error="x"), "task_unknown"),
        (lambda m: m.get_workflow("three", 0), "version_unknown"),
        (lambda m: m.rollback_workflow("three", 2), "version_unknown"),
        (lambda m: m.get_difference("three", 1, 9), "version_unknown"),
    ],
)
async def test_what_is_not_there_is_named(
    manager: StateManager, call: Callable[[StateManager], Awaitable[Any]], code: str
) -> None:
    await manager.create_workflow([task("a")], workflow_id="three")
    fault = await refused(call(manager))
    assert isinstance(fault, StateNotFoundError)
    assert isinstance(fault, StateManagerError)
    assert fault.code == code


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.update_task("w", "a", result=object()),
        lambda m: m.update_task("w", "a", result=float("nan")),
        lambda m: m.update_task("w", "a", started_at=NAIVE),
        lambda m: m.update_task("w", "a", status="asleep"),
        lambda m: m.update_workflow("w", variables={"x": {1, 2}}),
        lambda m: m.update_workflow("w", status="asleep"),
        lambda m: m.list_workflows(since=NAIVE),
        lambda m: m.list_workflows("asleep"),
        lambda m: m.create_workflow([task("a", metadata={"f": print})]),
        lambda m: m.create_workflow([task("a", deadline=NAIVE)]),
    ],
)
async def test_what_can_not_be_kept_is_refused(
    manager: StateManager, call: Callable[[StateManager], Awaitable[Any]]
) -> None:
    await manager.create_workflow([task("a")], workflow_id="w")
    assert (await refused(call(manager))).code == "state_invalid"
    assert (await manager.get_workflow("w")).version == 1


# ---- changing ----------------------------------------------------------------------------------


async def test_stamps_follow_from_a_tasks_status(
    manager: StateManager, three: str, clock: ManualClock
) -> None:
    clock.advance(1)
    await manager.update_task(three, "a", status=T.RUNNING)
    clock.advance(2.5)
    await manager.update_task(three, "a", status=T.FAILED, error="no", error_type="timeout")
    done = (await manager.get_workflow(three)).tasks["a"]
    assert (done.status, done.error, done.error_type) == (T.FAILED, "no", "timeout")
    assert (done.started_at, done.execution_time) == (START + timedelta(seconds=1), 2.5)
    await manager.update_task(three, "a", status=T.RETRYING, retry_count=1, error=None,
                              next_attempt_at=START + timedelta(9))  # fmt: skip
    await manager.update_task(three, "a", status=T.RUNNING)
    again = await manager.get_task(three, "a")
    assert (again.retry_count, again.completed_at, again.error) == (1, None, None)
    assert again.next_attempt_at is None
    assert again.execution_time is None


async def test_what_is_not_given_stays(manager: StateManager, three: str) -> None:
    await manager.update_task(three, "a", status=T.COMPLETED, result={"x": 1}, log="l")
    before = await manager.get_task(three, "a")
    await manager.update_task(three, "a", error="late")
    after = await manager.get_task(three, "a")
    changed = [
        one.name for one in fields(after) if getattr(before, one.name) != getattr(after, one.name)
    ]
    assert changed == ["error"]


async def test_a_workflows_status_sets_its_stamps(
    manager: StateManager, three: str, clock: ManualClock
) -> None:
    assert await manager.update_workflow(three, status=W.RUNNING) == 2
    clock.advance(5)
    assert await manager.update_workflow(three, status=W.FAILED, error="a failed") == 3
    state = await manager.get_workflow(three)
    assert (state.started_at, state.completed_at) == (START, START + timedelta(seconds=5))
    assert state.error == "a failed"
    await manager.update_workflow(three, status=W.RUNNING, error=None)
    again = await manager.get_workflow(three)
    assert (again.started_at, again.completed_at, again.error) == (START, None, None)


async def test_variables_and_metadata_are_replaced(manager: StateManager, three: str) -> None:
    await manager.update_workflow(three, variables={"a": 1}, metadata={"b": 2})
    await manager.update_workflow(three, variables={"c": 3})
    state = await manager.get_workflow(three)
    assert (state.variables, state.metadata) == ({"c": 3}, {"b": 2})
    assert (await manager.get_workflow(three, 2)).variables == {"a": 1}


async def test_two_managers_on_one_store_lose_nothing(manager: StateManager, three: str) -> None:
    other = StateManager(store=manager.store)

    async def work(mine: StateManager, name: str) -> None:
        for n in range(25):
            await mine.update_task(three, name, retry_count=n)

    await asyncio.gather(work(manager, "a"), work(other, "b"), work(manager, "c"))
    state = await manager.get_workflow(three)
    assert state.version == 76
    assert [one.retry_count for one in state.tasks.values()] == [24, 24, 24]


async def test_others_who_are_always_quicker_are_reported(
    manager: StateManager, three: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = manager.store
    real = store.version

    async def late(workflow_id: str) -> int:
        return await real(workflow_id) - 1

    monkeypatch.setattr(store, "version", late)
    await manager.store.commit(
        [AddHistory(HistoryRecord(three, 2, START, "status", '{"status":"pending"}'))]
    )
    assert (await refused(manager.update_task(three, "a", error="x"))).code == "state_conflict"


async def test_a_failed_change_fails_alone(clock: ManualClock, memory: MemoryStore) -> None:
    await memory.open()
    manager = StateManager(store=memory, clock=clock)
    three = (await manager.create_workflow([task("a"), task("b")])).workflow_id
    memory.fail_next(StoreFull("The disk is full."))
    outcomes = await asyncio.gather(
        manager.update_task(three, "a", error="lost"),
        manager.update_task(three, "b", error="kept"),
        manager.update_task(three, "a", log="kept"),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], StateManagerError)
    assert (outcomes[0].code, outcomes[0].details["cause"]) == ("state_not_kept", "store_full")
    state = await manager.get_workflow(three)
    assert (state.tasks["a"].error, state.tasks["a"].log) == (None, "kept")
    assert state.tasks["b"].error == "kept"
    assert state.version == 3


async def test_a_guard_that_lost_its_lease_is_refused_as_that(
    manager: StateManager, three: str, clock: ManualClock
) -> None:
    until = START + timedelta(seconds=5)
    lease = await manager.store.take(three, "E1", until=until, now=START)
    await manager.update_task(three, "a", status=T.RUNNING, guard=lease)
    clock.advance(9)
    await manager.store.take(three, "E2", until=START + timedelta(99), now=clock.now())
    assert (await refused(manager.update_task(three, "a", log="x", guard=lease))).code == (
        "lease_lost"
    )
    assert (await refused(manager.update_workflow(three, error="x", guard=lease))).code == (
        "lease_lost"
    )


# ---- lists, history, differences -----------------------------------------------------------------


async def test_lists_say_what_a_dashboard_needs(
    manager: StateManager, three: str, clock: ManualClock
) -> None:
    clock.advance(60)
    late = (await manager.create_workflow([task("x")], name="late")).workflow_id
    await manager.update_task(three, "b", status=T.RUNNING)
    await manager.update_workflow(three, status=W.RUNNING)
    await manager.store.take(three, "E1", until=clock.now() + timedelta(9), now=clock.now())
    newest, oldest = await manager.list_workflows()
    assert (newest.workflow_id, newest.name, newest.tasks) == (late, "late", {T.PENDING: 1})
    assert (oldest.workflow_id, oldest.engine_id, oldest.version) == (three, "E1", 3)
    assert oldest.tasks == {T.PENDING: 2, T.RUNNING: 1}
    assert [one.workflow_id for one in await manager.list_workflows(W.RUNNING)] == [three]
    assert [one.workflow_id for one in await manager.list_workflows(limit=1)] == [late]
    since = START + timedelta(seconds=30)
    assert [one.workflow_id for one in await manager.list_workflows(since=since)] == [late]
    assert await manager.list_workflows([W.FAILED, W.CANCELLED]) == []
    counts = await manager.count_workflows()
    assert counts == dict.fromkeys(W, 0) | {W.PENDING: 1, W.RUNNING: 1}


async def test_history_has_one_line_for_each_change(
    manager: StateManager, three: str, clock: ManualClock
) -> None:
    clock.advance(1)
    await manager.update_task(three, "a", status=T.RUNNING)
    await manager.update_workflow(three, status=W.RUNNING)
    lines = await manager.get_history(three)
    assert [(one.version, one.kind, one.task_id, one.status) for one in lines] == [
        (1, "created", None, "pending"),
        (2, "task", "a", "running"),
        (3, "status", None, "running"),
    ]
    assert lines[1].at == START + timedelta(seconds=1)
    assert [one.version for one in await manager.get_history(three, after=1, limit=1)] == [2]
    assert await manager.get_history(three, after=3) == []


async def test_every_version_can_be_read(manager: StateManager, three: str) -> None:
    seen = [await manager.get_workflow(three)]
    steps: list[Callable[[], Awaitable[Any]]] = [
        lambda: manager.update_workflow(three, status=W.RUNNING),
        lambda: manager.update_task(three, "a", status=T.RUNNING),
        lambda: manager.update_task(three, "a", status=T.COMPLETED, result=[0]),
        lambda: manager.update_workflow(three, variables={"x": 1}),
        lambda: manager.update_task(three, "b", status=T.FAILED, error="no"),
        lambda: manager.rollback_workflow(three, 3 + 1),
        lambda: manager.update_task(three, "c", status=T.SKIPPED),
    ]
    for step in steps:
        await step()
        seen.append(await manager.get_workflow(three))
    assert [state.version for state in seen] == list(range(1, 9))
    for state in seen:
        assert await manager.get_workflow(three, state.version) == state


async def test_differences_name_what_changed(manager: StateManager, three: str) -> None:
    await manager.update_workflow(three, status=W.RUNNING)
    await manager.update_task(three, "a", result=1)
    await manager.update_task(three, "a", result=True)
    await manager.create_task(three, task("d"))
    found = await manager.get_difference(three, 1, 5)
    assert found.workflow["status"] == (W.PENDING, W.RUNNING)
    assert found.tasks == {"a": {"result": (None, True), "has_result": (False, True)}}
    assert (found.added, found.removed) == (("d",), ())
    back = await manager.get_difference(three, 5, 3)
    assert back.removed == ("d",)
    assert back.tasks == {"a": {"result": (True, 1)}}
    same = await manager.get_difference(three, 4, 4)
    assert (same.workflow, same.tasks) == ({}, {})


async def test_states_are_json_with_valid_stamps(manager: StateManager, three: str) -> None:
    await manager.update_task(three, "a", status=T.COMPLETED, result={"x": None})
    plain = (await manager.get_workflow(three)).to_dict()
    stamp = datetime.fromisoformat(plain["tasks"]["a"]["completed_at"])
    assert stamp.tzinfo is not None
    assert plain["tasks"]["a"]["result"] == {"x": None}
    assert (plain["status"], plain["tasks"]["b"]["dependencies"]) == ("pending", ["a"])


# ---- stores ---------------------------------------------------------------------------------------


async def test_the_store_is_found_by_the_urls_scheme(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/state.db"
    async with StateManager(url) as manager:
        three = (await manager.create_workflow([task("a")])).workflow_id
    again = StateManager(url)
    await again.initialize()
    await again.initialize()
    assert isinstance(await again.get_workflow(three), WorkflowState)
    await again.close()
    await again.close()
    assert (await refused(again.get_workflow(three))).code == "state_not_kept"
    async with StateManager("memory://") as manager:
        assert await manager.list_workflows() == []


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(StoreUnknown, match=r"mysql://x.*memory, .*sqlite") as caught:
        StateManager("mysql://x")
    assert caught.value.code == "unknown_store"


async def test_without_a_url_the_file_lies_in_the_users_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    wanted = Path(platformdirs.user_state_path("quarterdeck")) / "workflows.db"
    assert module.default_url() == f"sqlite://{wanted}"
    async with StateManager() as manager:
        await manager.create_workflow([task("a")])
        assert wanted.is_file()


async def test_a_store_that_can_not_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fault = await refused(StateManager(f"sqlite://{tmp_path}/file/s.db").initialize())
    assert isinstance(fault, StateManagerError)
    assert (fault.code, fault.details["cause"]) == ("state_not_kept", "store_directory")


async def test_a_borrowed_store_is_neither_opened_nor_closed(
    clock: ManualClock, memory: MemoryStore
) -> None:
    manager = StateManager(store=memory, clock=clock)
    await manager.initialize()
    assert (await refused(manager.list_workflows())).code == "state_not_kept"
    await memory.open()
    await manager.close()
    assert await manager.list_workflows() == []
