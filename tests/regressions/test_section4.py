"""Faults that workflow engines of the second document's kind are known for (SPEC, section 4)."""

from __future__ import annotations

import asyncio
import logging
from itertools import permutations
from typing import Any

import pytest

from quarterdeck.core.workflows import EngineEvent, Task, TaskStatus, Workflow, WorkflowEngine

Config = dict[str, Any]


def workflow(needs: dict[str, list[str]]) -> Workflow:
    return Workflow(
        "w", "w", {name: Task(name, name, "t", {}, given) for name, given in needs.items()}
    )


async def test_a_log_line_marks_no_successful_task_as_failed() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            msg = "the log is full"
            raise OSError(msg)

    def listener(event: EngineEvent) -> None:
        msg = f"can't print {event}"
        raise UnicodeError(msg)

    async def handler(config: Config, workflow: Workflow) -> dict[str, str]:
        return {"%s": "%d {curly}"}

    engine = WorkflowEngine(listener=listener)
    engine.register_handler("t", handler)
    broken, ours = Broken(), logging.getLogger("quarterdeck")
    ours.addHandler(broken)
    try:
        result = await engine.execute_workflow(workflow({"a": [], "b": ["a"]}))
    finally:
        ours.removeHandler(broken)
    assert {task.status for task in result.tasks.values()} == {TaskStatus.COMPLETED}


@pytest.mark.parametrize("limit", [1, 3])
async def test_max_concurrent_is_not_ignored(limit: int) -> None:
    at_work = most = 0
    full = asyncio.Event()

    async def handler(config: Config, workflow: Workflow) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        if at_work == limit:
            full.set()
        await full.wait()  # nobody goes on before the limit is reached
        await asyncio.sleep(0)
        at_work -= 1

    engine = WorkflowEngine(max_concurrent=limit)
    engine.register_handler("t", handler)
    await engine.execute_workflow(workflow({f"t{at}": [] for at in range(9)}))
    assert most == limit


def test_levels_do_not_depend_on_dict_order() -> None:
    needs = {"a": [], "b": ["a"], "c": ["b", "a"], "d": ["c"]}
    for names in permutations(needs):
        levels = workflow({name: needs[name] for name in names}).get_task_levels()
        assert levels == {"a": 0, "b": 1, "c": 2, "d": 3}


async def test_a_failed_task_raises_nothing_and_skips_only_its_dependents() -> None:
    async def handler(config: Config, workflow: Workflow) -> None:
        if workflow.tasks["bad"].status is TaskStatus.RUNNING:
            msg = "no"
            raise ValueError(msg)

    engine = WorkflowEngine()
    engine.register_handler("t", handler)
    result = await engine.execute_workflow(workflow({"bad": [], "after": ["bad"], "other": []}))
    assert result.status == "failed"
    assert result.tasks["bad"].error == "ValueError: no"
    assert result.tasks["after"].status is TaskStatus.SKIPPED
    assert result.tasks["other"].status is TaskStatus.COMPLETED


async def test_a_sync_handler_does_not_block_the_loop() -> None:
    import threading  # noqa: PLC0415  # this test alone

    free = threading.Event()

    def handler(config: Config, workflow: Workflow) -> None:
        assert free.wait(10)

    engine = WorkflowEngine()
    engine.register_handler("t", handler)
    call = asyncio.create_task(engine.execute_workflow(workflow({"a": []})))
    await asyncio.sleep(0)
    free.set()  # the loop came here while the handler waits
    assert (await call).status == "completed"
