"""The snippets of the first document, each run as it stands (see README.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.documents.snippets import run

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.workflows import (
    RetryPolicy,
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    TaskStatus,
    WorkflowOrchestrator,
    WorkflowStatus,
)
from quarterdeck.state.memory import MemoryStore


@pytest.fixture
async def states() -> AsyncIterator[StateManager]:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    yield StateManager(store=store)
    await store.close()


@pytest.fixture
async def engine(states: StateManager) -> AsyncIterator[WorkflowOrchestrator]:
    async with WorkflowOrchestrator(states) as engine:
        for kind in ("type1", "type2", "type3", "parser", "analyzer"):
            engine.register_executor(kind, ok)
        yield engine


async def ok(context: TaskExecutionContext) -> dict[str, str]:
    return {"result": context.task_def.task_id}


@pytest.fixture(autouse=True)
def default_place(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``StateManager()`` keeps its file where the test may."""
    place = f"sqlite://{tmp_path}/workflows.db"
    monkeypatch.setattr("quarterdeck.core.workflows.state_manager.default_url", lambda: place)


async def test_1_quick_start(capsys: pytest.CaptureFixture[str]) -> None:
    left = await run("001", 1)
    assert left["result"].status == "completed"
    assert left["result"].tasks["task2"].result == {"result": "success"}
    assert capsys.readouterr().out == f"Workflow completed: {left['workflow_id']}\n"
    await left["orchestrator"].close()
    await left["state_manager"].close()


async def test_2_orchestrator(states: StateManager) -> None:
    tasks = [
        TaskDefinition("a", "agent", "parser"),
        TaskDefinition("b", "agent", "analyzer", ["a"]),
    ]
    left = await run(
        "001", 2, WorkflowOrchestrator=WorkflowOrchestrator, state_manager=states,
        parser_executor=ok, analyzer_executor=ok, tasks=tasks,
    )  # fmt: skip
    assert left["result"].status is WorkflowStatus.COMPLETED
    await left["orchestrator"].close()


async def test_3_state_manager(states: StateManager) -> None:
    state = await states.create_workflow([TaskDefinition("t", "agent", "type1")])
    urls = []

    def manager(connection_string: str) -> StateManager:
        urls.append(connection_string)
        return states

    await run(
        "001", 3, StateManager=manager, TaskStatus=TaskStatus, workflow_id=state.workflow_id,
        task_id="t",
    )  # fmt: skip
    assert urls == ["postgresql://localhost/mycelium_registry"]
    history = await states.get_history(state.workflow_id)
    assert [(one.version, one.kind, one.restored_from) for one in history] == [
        (1, "created", None), (2, "task", None), (3, "rollback", 1),
    ]  # fmt: skip


async def test_4_handoff_protocol() -> None:
    left = await run("001", 4)
    assert left["restored"] == left["message"]


@pytest.mark.parametrize(
    ("number", "begun"), [(5, ["A", "B", "C"]), (6, ["A", "B", "C"]), (7, ["A", "B", "C", "D"])]
)
async def test_5_to_7_patterns(engine: WorkflowOrchestrator, number: int, begun: list[str]) -> None:
    left = await run("001", number, TaskDefinition=TaskDefinition)
    order: list[str] = []

    async def note(context: TaskExecutionContext) -> None:
        order.append(context.task_def.task_id)

    for kind in ("type1", "type2", "type3"):
        engine.register_executor(kind, note)
    state = await engine.execute_workflow(await engine.create_workflow(left["tasks"]))
    assert state.status is WorkflowStatus.COMPLETED
    assert order == begun


async def test_8_to_10_configuration(engine: WorkflowOrchestrator) -> None:
    retry = (await run("001", 8, TaskDefinition=TaskDefinition))["task"]
    timeout = (await run("001", 9, TaskDefinition=TaskDefinition))["task"]
    allowed = (await run("001", 10, TaskDefinition=TaskDefinition))["task"]
    assert retry.retry_policy == RetryPolicy(5, 2.0, 30.0, 2.0)
    assert (timeout.timeout, allowed.allow_failure) == (30.0, True)
    for task in (retry, timeout, allowed):
        await engine.execute_workflow(await engine.create_workflow([task]))


async def test_11_executor(engine: WorkflowOrchestrator) -> None:
    async def do_work() -> str:
        return "worked"

    left = await run("001", 11, do_work=do_work, Dict=dict, Any=Any)
    engine.register_executor("mine", left["my_executor"])
    tasks = [TaskDefinition("a", "agent", "type1"), TaskDefinition("b", "agent", "mine", ["a"])]
    state = await engine.execute_workflow(await engine.create_workflow(tasks))
    assert state.tasks["b"].result == {"output": "worked"}


async def test_12_failures(
    engine: WorkflowOrchestrator, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(context: TaskExecutionContext) -> None:
        msg = "no such file"
        raise ValueError(msg)

    engine.register_executor("bad", fail)
    workflow_id = await engine.create_workflow([TaskDefinition("t", "agent", "bad")])
    await run("001", 12, orchestrator=engine, workflow_id=workflow_id, TaskStatus=TaskStatus)
    told = capsys.readouterr().out
    assert "Workflow failed: Critical tasks failed: t" in told
    assert "Task t failed: ValueError: no such file" in told
