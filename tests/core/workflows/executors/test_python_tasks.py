"""Functions of workflow files, in processes of their own and in the engine's."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.core.workflows.executors.stage import Stage, until

from quarterdeck.core.workflows.executors import function_process

MODULE = """
import asyncio, os, sys, time

def add(a, b=1):
    print("noise on stdout")
    os.write(1, b"more noise")
    return {"sum": a + b}

async def later(text):
    await asyncio.sleep(0)
    return text.upper()

def bad(secret=""):
    raise KeyError(f"no such thing {secret}")

def leave():
    sys.exit(0)

def die():
    os._exit(4)

def strange():
    return object()

def slow():
    open("begun", "w").close()
    time.sleep(300)
"""


@pytest.fixture
def module(stage: Stage) -> Path:
    """A module where tasks work."""
    path = stage.folder / "own_tasks.py"
    path.write_text(MODULE)
    return path


@pytest.mark.usefixtures("module")
async def test_functions_give_results_whatever_they_print(stage: Stage) -> None:
    state = await stage.run(
        """
        tasks:
          add: {python: "own_tasks:add", with: {a: 2, b: 40}}
          later: {python: "own_tasks:later", with: {text: "{{ inputs.t }}"}}
          leave: {python: "own_tasks:leave"}
        inputs: {t: {default: abc}}
        """
    )
    found = {name: task.result for name, task in state.tasks.items()}
    assert found == {"add": {"sum": 42}, "later": "ABC", "leave": None}
    log = await stage.log(state.workflow_id, "add")
    assert sorted(log.splitlines()) in (
        ["more noisenoise on stdout"],
        ["more noise", "noise on stdout"],
    )


@pytest.mark.usefixtures("module")
async def test_an_error_is_told_and_its_traceback_is_in_the_log(stage: Stage) -> None:
    state = await stage.run(
        """
        inputs: {s: {default: pass-word-1, secret: true}}
        tasks: {bad: {python: "own_tasks:bad", with: {secret: "{{ inputs.s }}"}}}
        """
    )
    assert state.tasks["bad"].error == (
        "FunctionFailed: own_tasks:bad raised KeyError: 'no such thing [redacted]'"
    )
    log = await stage.log(state.workflow_id, "bad")
    assert "own_tasks.py" in log
    assert "pass-word-1" not in log
    assert "function_process" not in log


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("own_tasks:die", "exited with code 4"),
        ("own_tasks:strange", "raised TypeError: Object of type object is not JSON serializable"),
        ("own_tasks:nothing", "raised AttributeError"),
        ("no_such_module_x:f", "raised ModuleNotFoundError"),
    ],
)
async def test_whatever_goes_wrong_is_told(stage: Stage, function: str, told: str) -> None:
    assert told in await stage.error(f"tasks: {{bad: {{python: '{function}'}}}}")


@pytest.mark.usefixtures("module")
async def test_a_function_is_ended_with_its_process(stage: Stage) -> None:
    workflow_id = await stage.begin("tasks: {slow: {python: 'own_tasks:slow'}}")
    await until((stage.folder / "begun").exists)
    state = await stage.orchestrator.cancel_workflow(workflow_id)
    assert state.status == "cancelled"


async def test_trusted_functions_run_here(stage: Stage) -> None:
    found = await stage.results(
        """
        tasks:
          sync: {python: "statistics:mean", with: {data: [6, 8]}, trusted: true}
          async: {python: "tests.core.workflows.executors.test_python_tasks:ahead",
                  with: {number: 1}, trusted: true}
        """
    )
    assert found == {"sync": 7, "async": 2}


async def ahead(number: int) -> int:
    """One more."""
    return number + 1


async def test_what_a_trusted_function_raises_is_told(stage: Stage) -> None:
    state = await stage.run(
        "tasks: {bad: {python: 'statistics:mean', with: {data: []}, trusted: true}}"
    )
    assert "statistics:mean raised StatisticsError" in str(state.tasks["bad"].error)
    assert "statistics.py" in await stage.log(state.workflow_id, "bad")


@pytest.mark.parametrize(
    ("order", "code", "answer"),
    [
        ({"function": "math:sqrt", "with": {}}, 1, "TypeError"),
        ({"function": "math:pi", "with": {}}, 1, "math:pi is no function"),
        ({"function": "sys:exit", "with": {}}, 0, '{"result": null}'),
        ({"function": "datetime:date.fromisoformat", "with": {}}, 1, "TypeError"),
        ({"function": "statistics:mean", "with": {"data": [1, 3]}}, 0, '{"result": 2}'),
    ],
)
def test_orders_are_carried_out(order: dict[str, Any], code: int, answer: str) -> None:
    found, text = function_process.carry_out(order)
    assert found == code
    assert answer in text


def test_the_program_answers_on_standard_output_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    order = {"function": "statistics:mean", "with": {"data": [2, 4]}}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(order)))
    monkeypatch.setattr(sys, "path", ["elsewhere", *sys.path[1:]])
    monkeypatch.setattr(os, "dup", lambda _: -1)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(os, "fdopen", lambda *_, **__: said.open("w"))
    assert function_process.main() == 0
    assert json.loads(said.read_text()) == {"result": 3}
