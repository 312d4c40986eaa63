"""The snippets of the second document's workflow engine, each run as it stands (see README.md)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.documents.snippets import run

from quarterdeck.core.workflows import Task, Workflow, WorkflowEngine

NAMES = {"Workflow": Workflow, "Task": Task, "WorkflowEngine": WorkflowEngine}


async def handler(config: dict[str, Any], workflow: Workflow) -> dict[str, Any]:
    return dict(config)


def engine_for(workflow: Workflow, limit: int = 1) -> WorkflowEngine:
    engine = WorkflowEngine(limit)
    for task in workflow.tasks.values():
        engine.register_handler(task.task_type, handler)
    return engine


async def test_1_basic_example(capsys: pytest.CaptureFixture[str]) -> None:
    left = await run("002", 1)
    assert left["result"].status == "completed"
    assert left["result"].results["process_task"] == {"status": "processed"}
    assert "'status': 'completed'" in capsys.readouterr().out


async def test_2_several_stages() -> None:
    stages = ["load", "validate", "clean", "feature_eng", "split", "train", "evaluate"]
    engine = WorkflowEngine()
    for stage in stages:
        engine.register_handler(stage, handler)
    left = await run("002", 2, engine=engine, **NAMES)
    assert left["result"].status == "completed"
    assert left["workflow"].get_execution_order() == stages
    assert left["workflow"].get_task_levels() == {stage: at for at, stage in enumerate(stages)}


async def test_3_document_processing() -> None:
    text = await run("002", 3, **NAMES)
    assert text["result"].results["store"] == {"stored": True}


async def test_4_parallel_processing() -> None:
    workflow = (await run("002", 4, **NAMES))["workflow"]
    assert workflow.get_task_levels()["merge"] == 2
    result = await engine_for(workflow, 3).execute_workflow(workflow)
    assert result.success


async def test_5_integration() -> None:
    engine = WorkflowEngine()
    left = await run(
        "002",
        5,
        engine=engine,
        agent_complete=handler,
        compress=handler,
        store_file=handler,
        **NAMES,
    )
    result = await engine.execute_workflow(Workflow("w", "w", left["workflow_tasks"]))
    assert result.success


async def test_6_testing() -> None:
    left = await run("002", 6, test_handler=handler, **NAMES)
    await left["test_workflow"]()
