"""The light engine: what handlers see, what callers get."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import pytest

from quarterdeck.core.base.errors import ValidationFault
from quarterdeck.core.workflows import (
    EngineEvent,
    FanOut,
    Task,
    TaskStatus,
    Workflow,
    WorkflowEngine,
)
from quarterdeck.core.workflows.faults import WorkflowInvalid

Config = dict[str, Any]


def workflow(needs: dict[str, list[str]], **config: Any) -> Workflow:
    return Workflow(
        "w",
        "A workflow",
        {name: Task(name, name, "t", dict(config), list(given)) for name, given in needs.items()},
    )


def engine_with(handler: Any, limit: int = 1, **more: Any) -> WorkflowEngine:
    engine = WorkflowEngine(limit, **more)
    engine.register_handler("t", handler)
    return engine


async def nothing(config: Config, workflow: Workflow) -> None:
    return None


async def test_results_so_far_are_seen_by_later_handlers() -> None:
    async def handler(config: Config, workflow: Workflow) -> list[Any]:
        return [
            task.result for task in workflow.tasks.values() if task.status is TaskStatus.COMPLETED
        ]

    result = await engine_with(handler).execute_workflow(workflow({"a": [], "b": ["a"]}))
    assert result.results == {"a": [], "b": [[]]}


async def test_sync_handlers_run_in_a_thread() -> None:
    def handler(config: Config, workflow: Workflow) -> str:
        return threading.current_thread().name

    result = await engine_with(handler).execute_workflow(workflow({"a": []}))
    assert result.results["a"] != threading.current_thread().name


@pytest.mark.parametrize("kind", ["partial", "object", "lambda"])
async def test_every_kind_of_callable_counts_as_what_it_is(kind: str) -> None:
    async def plain(extra: int, config: Config, workflow: Workflow) -> int:
        return extra

    class Callable:
        async def __call__(self, config: Config, workflow: Workflow) -> int:
            return 1

    handlers = {
        "partial": functools.partial(functools.partial(plain, 1)),
        "object": Callable(),
        "lambda": lambda config, workflow: plain(1, config, workflow),
    }
    result = await engine_with(handlers[kind]).execute_workflow(workflow({"a": []}))
    assert result.results == {"a": 1}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, StopIteration, RecursionError])
@pytest.mark.parametrize("asynchronous", [True, False])
async def test_whatever_a_handler_raises_is_its_failure(
    error: type[BaseException], asynchronous: bool
) -> None:
    async def slow(config: Config, workflow: Workflow) -> None:
        raise error("x")

    def quick(config: Config, workflow: Workflow) -> None:
        raise error("x")

    engine = engine_with(slow if asynchronous else quick)
    result = await engine.execute_workflow(workflow({"a": [], "b": ["a"], "c": []}))
    assert result.tasks["a"].status is TaskStatus.FAILED
    assert result.tasks["b"].status is TaskStatus.SKIPPED
    again = await engine.execute_workflow(workflow({"a": []}))
    assert again.status == "failed"


async def test_a_handlers_own_cancelled_error_is_its_failure() -> None:
    async def handler(config: Config, workflow: Workflow) -> None:
        raise asyncio.CancelledError

    result = await engine_with(handler).execute_workflow(workflow({"a": [], "b": []}))
    assert {task.status for task in result.tasks.values()} == {TaskStatus.FAILED}


async def test_config_is_copied_for_each_run() -> None:
    async def handler(config: Config, workflow: Workflow) -> int:
        config["list"].append(1)
        config["new"] = 1
        return len(config["list"])

    engine = engine_with(handler)
    given = workflow({"a": [], "b": []}, list=[])
    for _ in range(2):
        result = await engine.execute_workflow(given)
        assert result.results == {"a": 1, "b": 1}
    assert given.tasks["a"].config == {"list": []}


async def test_one_workflow_runs_twice_at_the_same_time() -> None:
    gate = asyncio.Event()
    begun = 0

    async def handler(config: Config, workflow: Workflow) -> int:
        nonlocal begun
        begun += 1
        mine = begun
        if begun == 2:
            gate.set()
        await gate.wait()
        return mine

    engine = engine_with(handler, 2)
    given = workflow({"a": []})
    first, second = await asyncio.gather(
        engine.execute_workflow(given), engine.execute_workflow(given)
    )
    assert {first.results["a"], second.results["a"]} == {1, 2}
    assert first.run_id != second.run_id
    assert given.tasks["a"].result in {1, 2}


async def test_the_callers_tasks_show_the_latest_run() -> None:
    given = workflow({"a": [], "b": ["a"]})
    task = given.tasks["a"]
    assert (task.status, task.start_time, task.get_duration()) == (TaskStatus.PENDING, None, None)
    await engine_with(nothing).execute_workflow(given)
    assert task.status is TaskStatus.COMPLETED
    assert task.start_time is not None
    assert task.end_time is not None
    assert task.start_time.tzinfo is not None
    duration = task.get_duration()
    assert duration is not None
    assert duration >= 0


async def test_cancelling_the_call_cancels_the_run_and_leaves_terminal_states() -> None:
    begun, cleaned = asyncio.Event(), []

    async def handler(config: Config, workflow: Workflow) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(1)

    given = workflow({"a": [], "b": ["a"]})
    call = asyncio.create_task(engine_with(handler).execute_workflow(given))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert cleaned == [1]
    assert {task.status for task in given.tasks.values()} == {TaskStatus.CANCELLED}


async def test_a_worker_goes_on_after_a_cancelled_attempt() -> None:
    engine = engine_with(nothing, 1)
    waiting = asyncio.Event()

    async def forever(config: Config, workflow: Workflow) -> None:
        waiting.set()
        await asyncio.Event().wait()

    engine.register_handler("forever", forever)
    stuck = asyncio.create_task(
        engine.execute_workflow(Workflow("s", "s", {"a": Task("a", "a", "forever")}))
    )
    await waiting.wait()
    other = asyncio.create_task(engine.execute_workflow(workflow({"x": [], "y": ["x"]})))
    await asyncio.sleep(0)
    stuck.cancel()
    result = await other
    assert result.status == "completed"


async def test_events_are_told_in_order_and_a_raising_listener_disturbs_nothing() -> None:
    told: list[str] = []

    def listener(event: EngineEvent) -> None:
        told.append(f"{event.name} {event.task_id or ''}".strip())
        raise ValueError

    async def handler(config: Config, workflow: Workflow) -> None:
        raise ValueError("no")

    engine = engine_with(handler, listener=listener)
    result = await engine.execute_workflow(workflow({"a": [], "b": ["a"]}))
    assert result.status == "failed"
    assert told == [
        "workflow.started", "task.started a", "task.failed a", "task.skipped b", "workflow.failed",
    ]  # fmt: skip


async def test_a_fan_out_is_refused_by_the_light_engine() -> None:
    async def handler(config: Config, workflow: Workflow) -> FanOut:
        return FanOut([])

    result = await engine_with(handler).execute_workflow(workflow({"a": []}))
    assert "no fan-outs" in result.errors["a"]


def test_an_engine_serves_one_loop_after_the_other() -> None:
    engine = engine_with(nothing)
    for _ in range(2):
        result = asyncio.run(engine.execute_workflow(workflow({"a": []})))
        assert result.success


def test_max_concurrent_is_at_least_one() -> None:
    with pytest.raises(ValidationFault, match="at least 1"):
        WorkflowEngine(0)


def test_validation_tells_all_that_is_wrong() -> None:
    assert Workflow("w", "w").validate() == (False, "The workflow has no tasks.")
    ok, message = workflow({"a": ["x"], "b": ["c"], "c": ["b"]}).validate()
    assert not ok
    assert message == (
        "Task 'a' depends on 'x', which is no task of the workflow. "
        "Tasks wait for each other: b -> c -> b."
    )
    assert workflow({"a": [], "b": ["a"]}).validate() == (True, None)
    wrong = Workflow("w", "w", {"a": Task("b", "b", "t")})
    assert wrong.validate() == (False, "Task 'b' stands under the name 'a'.")


async def test_missing_handlers_are_named_and_nothing_is_begun() -> None:
    engine = WorkflowEngine()
    given = workflow({"a": []})
    ok, message = engine.validate(given)
    assert not ok
    assert message is not None
    assert "'a'" in message
    assert "'t'" in message
    with pytest.raises(WorkflowInvalid, match="no handler"):
        await engine.execute_workflow(given)
    for bad in (
        workflow({"a": ["a"]}),
        workflow({}),
        Workflow("w", "w", {"a": Task("b", "b", "t")}),
    ):
        with pytest.raises(WorkflowInvalid):
            await engine_with(nothing).execute_workflow(bad)


def test_order_is_stable_and_levels_are_longest_chains() -> None:
    given = workflow({"c": ["b"], "x": [], "a": [], "b": ["a"], "d": ["a", "c"]})
    assert given.get_execution_order() == ["x", "a", "b", "c", "d"]
    assert given.get_task_levels() == {"c": 2, "x": 0, "a": 0, "b": 1, "d": 3}
    with pytest.raises(WorkflowInvalid):
        workflow({"a": ["a"]}).get_task_levels()


async def test_metrics_have_eight_names_and_no_durations_when_nothing_ran() -> None:
    engine = engine_with(nothing)
    metrics = engine.get_task_metrics(
        await engine.execute_workflow(workflow({"a": [], "b": ["a"]}))
    )
    assert sorted(metrics) == [
        "avg_task_duration", "completed_tasks", "failed_tasks", "max_task_duration",
        "min_task_duration", "skipped_tasks", "total_duration", "total_tasks",
    ]  # fmt: skip
    assert (metrics["total_tasks"], metrics["completed_tasks"]) == (2, 2)
    assert (
        metrics["min_task_duration"] <= metrics["avg_task_duration"] <= metrics["max_task_duration"]
    )
    result = await engine.execute_workflow(workflow({"a": []}))
    for task in result.tasks.values():
        task.status = TaskStatus.SKIPPED
    assert len(engine.get_task_metrics(result)) == 5


async def test_the_result_as_plain_values() -> None:
    result = await engine_with(nothing).execute_workflow(workflow({"a": []}))
    plain = result.to_dict()
    assert plain["status"] == "completed"
    assert plain["tasks"]["a"]["status"] == "completed"
    assert plain["metrics"]["total_tasks"] == 1
    assert plain["start_time"].endswith("+00:00")


async def test_fifty_workflows_of_a_hundred_at_once() -> None:
    at_work = most = 0

    async def handler(config: Config, workflow: Workflow) -> int:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1
        return 1

    engine = engine_with(handler, 8)
    needs = {f"t{at}": [f"t{at // 2}"] if at else [] for at in range(100)}
    needs["t1"] = ["t0"]
    results = await asyncio.gather(*(engine.execute_workflow(workflow(needs)) for _ in range(50)))
    assert all(len(result.results) == 100 for result in results)
    assert most == 8


async def test_ten_thousand_tasks_in_one_workflow() -> None:
    needs = {f"t{at}": [f"t{at - 1}"] if at % 100 else [] for at in range(10_000)}
    result = await engine_with(nothing, 4).execute_workflow(workflow(needs))
    assert len(result.results) == 10_000
