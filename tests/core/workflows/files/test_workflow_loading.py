"""Files as definitions, and how they run."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.workflows import (
    ConditionFalse,
    FanOut,
    OnFailure,
    StateManager,
    TaskDefinition,
    TaskExecutionContext,
    TaskStatus,
    WorkflowDefinition,
    WorkflowOrchestrator,
    WorkflowStatus,
)
from quarterdeck.core.workflows.encoding import definition_of, definition_text
from quarterdeck.core.workflows.files import (
    FanOutTooLarge,
    InputsInvalid,
    Scope,
    TemplateFailed,
    command_of,
    fan_out,
    load_workflow,
    render,
    rendered,
    scope_of,
    wanted,
)
from quarterdeck.core.workflows.handoff import Context, HandoffContext, Source, Target
from quarterdeck.core.workflows.plan import compile_plan

if TYPE_CHECKING:
    from tests.core.workflows.files.conftest import Load, Write

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"


def by_name(definition: WorkflowDefinition) -> dict[str, TaskDefinition]:
    return {task.task_id: task for task in definition.tasks}


def test_the_rules_of_a_workflow(load: Load) -> None:
    found = load("""
        name: x
        description: Does it.
        on_failure: drain
        limit: 4
        concurrency: {net: 2}
        retry: {attempts: 5, initial: 2s, max: 1m, base: 3, jitter: 0.5}
        schedule: {cron: "0 3 * * *", zone: Europe/Vienna, catch_up: all}
        tasks: {a: {run: [x]}}
    """)
    assert (found.name, found.on_failure, found.limit, found.groups) == (
        "x",
        OnFailure.DRAIN,
        4,
        {"net": 2},
    )
    assert found.retry_policy == RetryPolicy(5, 2.0, 60.0, 3.0, 0.5)
    assert found.metadata["description"] == "Does it."
    assert found.metadata["schedule"] == {
        "cron": "0 3 * * *",
        "zone": "Europe/Vienna",
        "catch_up": "all",
    }


def test_the_rules_of_a_task(write: Write) -> None:
    path = write("""
        name: x
        concurrency: {net: 2}
        tasks:
          a: {run: [x]}
          b:
            run: [x]
            needs: a
            timeout: 1m30s
            retry: 2
            allow_failure: true
            priority: critical
            group: net
            deadline: 1h
          c: {run: [x], deadline: "2026-06-01T12:00:00+02:00"}
        finally:
          d: {run: [x]}
    """)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    tasks = by_name(load_workflow(path, clock=ManualClock(start)))
    b = tasks["b"]
    assert (b.dependencies, b.timeout, b.allow_failure, b.priority, b.group) == (
        ("a",), 90.0, True, Priority.CRITICAL, "net",
    )  # fmt: skip
    assert b.retry_policy == RetryPolicy(2)
    assert b.deadline == datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert tasks["c"].deadline == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert [task.final for task in tasks.values()] == [False, False, False, True]
    assert tasks["a"].retry_policy is None


def test_what_executors_are_told(load: Load, tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(
        "name: i\ninputs: {v: {default: 1, type: integer}}\ntasks: {a: {run: [x]}}"
    )
    tasks = by_name(
        load(
            """
            name: x
            inputs: {who: string}
            env: {A: 1, B: }
            cwd: base
            tasks:
              agent: {agent: "{{ inputs.who }}", prompt: "{{ inputs.who }}", env: {A: 2}}
              run: {run: [ls, 3], cwd: own, outputs: {stdout: json, files: {f: p}, schema: {type: object}}}
              line: {run: ls, shell: true}
              python: {python: "m:f", with: {a: [1]}, trusted: true}
              ask: {approve: 'Go?'}
              pick: {approve: {question: Q, choices: [one, two]}}
              wait: {wait_for: "e-{{ inputs.who }}"}
              keyed: {wait_for: {event: e, key: k}}
              nested: {workflow: inner, inputs: {v: 2}}
            """,
            who="claude",
        )
    )
    told = {
        name: {key: value for key, value in task.metadata.items() if key != "workflow"}
        for name, task in tasks.items()
    }
    common = {"env": {"A": "1", "B": None}, "cwd": "base", "outputs": {"files": {}}}
    text = {**common, "outputs": {"files": {}, "stdout": "text"}}
    assert told == {
        "agent": {
            **common, "agent": "claude", "prompt": "{{ inputs.who }}", "mode": "session",
            "keep": False,
            "env": {"A": "2", "B": None},
        },
        "run": {
            **common, "command": ["ls", "3"], "shell": False, "cwd": "own",
            "outputs": {"files": {"f": "p"}, "stdout": "json", "schema": {"type": "object"}},
        },
        "line": {**text, "command": "ls", "shell": True},
        "python": {**common, "function": "m:f", "trusted": True, "with": {"a": [1]}},
        "ask": {"question": "Go?", "choices": {"approve": "approve", "reject": "reject"}},
        "pick": {"question": "Q", "choices": {"one": "one", "two": "two"}},
        "wait": {"signal": "e-claude"},
        "keyed": {"signal": "e:k"},
        "nested": {"file": str(tmp_path / "inner.yaml"), "inputs": {"v": 2}},
    }  # fmt: skip
    assert tasks["agent"].agent_id == "claude"
    assert {name for name, task in tasks.items() if task.slotless} == {
        "ask", "pick", "wait", "keyed", "nested",
    }  # fmt: skip
    assert tasks["ask"].metadata["workflow"] == {
        "name": "x", "file": str(tmp_path / "flow.yaml"), "directory": str(Path.cwd()),
    }  # fmt: skip


def test_a_task_that_emits_is_told_where(load: Load) -> None:
    found = by_name(load("""
        name: x
        tasks:
          a: {run: [make]}
          b:
            needs: a
            emit: {pipeline: p, event: built, data: {log: "{{ tasks.a.result }}"}, priority: high}
            retry: 3
          c:
            foreach: [1, 2]
            emit: {pipeline: p, event: "part{{ item }}"}
    """))  # fmt: skip
    tell = found["b"]
    assert (tell.agent_type, tell.agent_id, tell.slotless) == ("emit", "emit", False)
    assert tuple(tell.dependencies) == ("a",)
    kept = {key: tell.metadata[key] for key in ("pipeline", "event", "data", "priority")}
    assert kept == {
        "pipeline": "p",
        "event": "built",
        "data": {"log": "{{ tasks.a.result }}"},
        "priority": "high",
    }
    children = fan_out(found["c"], Scope()).children
    assert [one.metadata["priority"] for one in children] == [None, None]
    assert [
        render(one.metadata["event"], Scope(loop=one.metadata["loop"])) for one in children
    ] == ["part1", "part2"]


def test_what_a_template_speaks_of_is_needed_directly(load: Load) -> None:
    found = load("""
        name: x
        tasks:
          a: {run: [x]}
          b: {run: [x], needs: a}
          c: {run: ["{{ tasks.a.result }}"], needs: b}
        finally:
          d: {run: ["{{ tasks.c.status }}"]}
    """)
    tasks = by_name(found)
    assert tasks["c"].dependencies == ("b", "a")
    assert tasks["d"].dependencies == ("c",)
    compile_plan(found)


def test_inputs_end_in_the_metadata(write: Write) -> None:
    path = write(
        "name: x\ninputs: {n: integer, k: {default: v, secret: true}}\ntasks: {a: {run: [x]}}"
    )
    found = load_workflow(path, ["n=3"])
    assert found.metadata["inputs"] == {"n": 3, "k": "v"}
    assert found.metadata["secrets"] == ["k"]
    assert found.tasks[0].metadata["secrets"] == ["k"]
    with pytest.raises(InputsInvalid, match="n: It is missing"):
        load_workflow(path)


def test_a_definition_is_kept_and_read_again(load: Load) -> None:
    found = load("""
        name: x
        tasks:
          a: {run: [x], foreach: [1, 2], deadline: 2h, retry: 3}
          b: {approve: 'Go?', needs: a}
    """)
    assert definition_text(definition_of(definition_text(found))) == definition_text(found)


# ---- what an attempt sees ------------------------------------------------------------------


def context(task: TaskDefinition, **more: Any) -> TaskExecutionContext:
    return TaskExecutionContext(task, "W1", **more)


def test_the_scope_of_an_attempt(load: Load) -> None:
    task = by_name(
        load(
            """
            name: x
            inputs: {n: integer, k: {default: hush-hush, secret: true}}
            env: {A: "n{{ inputs.n }}", TOKEN: }
            tasks:
              a: {run: [x], allow_failure: true}
              b: {run: [x]}
              c: {run: [x], needs: [a, b]}
            """,
            n=3,
        )
    )["c"]
    previous = [{"task_id": "b", "agent_id": "run", "result": {"data": 0}}]
    scope = scope_of(
        context(task, inputs={"n": 3, "k": "hush-hush"}, previous_results=previous),
        statuses={"a": "failed"},
        outputs={"b": {"log": "/tmp/log"}},
        environment={"TOKEN": "tok-tok", "OTHER": "no"},
    )
    assert scope.env == {"A": "n3", "TOKEN": "tok-tok"}
    assert scope.secrets == {"hush-hush", "tok-tok"}
    assert scope.tasks == {
        "a": {"result": None, "status": "failed", "outputs": {}},
        "b": {"result": 0, "status": "completed", "outputs": {"log": "/tmp/log"}},
    }
    assert scope.workflow["id"] == "W1"
    assert scope.workflow["name"] == "x"
    with pytest.raises(TemplateFailed, match="no TOKEN"):
        scope_of(context(task, inputs={"n": 3}), environment={})


def test_the_scope_has_the_handoff(load: Load) -> None:
    task = load("name: x\ntasks: {a: {run: ['{{ handoff }}']}}").tasks[0]
    given = HandoffContext(
        "H", Source("a", "b"), Target("c", "d"), Context("build it"), "2026-01-01T00:00:00Z"
    )
    scope = scope_of(context(task, workflow_context=given))
    assert "build it" in command_of(task, scope)[0]


def test_inputs_are_taken_from_the_definition_of_a_context_made_by_hand() -> None:
    task = TaskDefinition(
        "a", "a", "run", metadata={"inputs": {"n": 1}, "command": "{{ inputs.n }}"}
    )
    assert command_of(task, scope_of(context(task))) == "1"


def test_commands_are_words() -> None:
    task = TaskDefinition(
        "a", "a", "run", metadata={"command": ["x", "{{ inputs.n }}", "{{ inputs.l }}"]}
    )
    assert command_of(task, Scope(inputs={"n": 3, "l": [1]})) == ["x", "3", "[1]"]
    assert rendered(task, Scope(inputs={"n": 3, "l": [1]}), "command", "cwd") == {
        "command": ["x", 3, [1]]
    }


# ---- fan-outs ------------------------------------------------------------------------------

EACH = """
name: x
inputs: {files: list}
tasks:
  a: {run: [x]}
  each:
    needs: a
    foreach: {items: "{{ inputs.files }}", max: 3, at_once: 2}
    agent: "worker-{{ item }}"
    prompt: "{{ index }}: {{ item }}"
    when: item != 'skip'
    timeout: 5s
    allow_failure: true
"""


def test_a_fan_out_makes_a_child_for_each_item(load: Load) -> None:
    parent = by_name(load(EACH, files=["p", "skip"]))["each"]
    assert (parent.agent_type, parent.slotless, parent.timeout) == ("foreach", True, None)
    assert (parent.allow_failure, parent.retry_policy, parent.group) == (True, RetryPolicy(1), None)
    scope = Scope(inputs={"files": ["p", "skip"]})
    assert wanted(parent, scope)
    found = fan_out(parent, scope)
    assert found.groups == {"each": 2}
    assert [child.task_id for child in found.children] == ["each[0]", "each[1]"]
    first, second = found.children
    assert (first.agent_id, first.agent_type, first.timeout, first.group) == (
        "worker-p",
        "agent",
        5.0,
        "each",
    )
    assert (first.allow_failure, first.dependencies) == (False, ())
    inner = scope_of(context(first))
    assert rendered(first, inner, "prompt") == {"prompt": "0: p"}
    assert wanted(first, inner)
    assert not wanted(second, scope_of(context(second)))
    assert inner.tasks["a"]["status"] == "failed"


def test_a_condition_without_an_item_is_the_parents(load: Load) -> None:
    parent = load("name: x\ntasks: {a: {run: [x], foreach: [1], when: 1 > 2}}").tasks[0]
    assert not wanted(parent, Scope())
    assert "when" not in parent.metadata["each"]["metadata"]


@pytest.mark.parametrize(
    ("files", "told"),
    [("text", "gives a str, not a list"), ([1, 2, 3, 4], "gives 4 items, and its max is 3")],
)
def test_a_fan_out_of_too_much(load: Load, files: Any, told: str) -> None:
    parent = by_name(load(EACH, files=[]))["each"]
    assert fan_out(parent, Scope(inputs={"files": []})).children == []
    with pytest.raises(FanOutTooLarge, match=told):
        fan_out(parent, Scope(inputs={"files": files}))


# ---- the whole, over the orchestrator ------------------------------------------------------


async def run_command(given: TaskExecutionContext) -> Any:
    """As small an executor of ``run`` as serves."""
    task, scope = given.task_def, scope_of(given)
    if not wanted(task, scope):
        raise ConditionFalse
    command = command_of(task, scope)
    words = [command] if isinstance(command, str) else command
    if words[0] == "python3":
        words[0] = sys.executable
    done = await asyncio.to_thread(
        subprocess.run, words, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    form = task.metadata["outputs"]["stdout"]
    return json.loads(done.stdout) if form == "json" else done.stdout.removesuffix("\n")


async def spread(given: TaskExecutionContext) -> FanOut:
    return fan_out(given.task_def, scope_of(given))


@pytest.fixture
def engine(engine: WorkflowOrchestrator) -> WorkflowOrchestrator:
    engine.register_executor("run", run_command)
    engine.register_executor("foreach", spread)
    return engine


async def execute(
    engine: WorkflowOrchestrator, states: StateManager, definition: WorkflowDefinition
) -> dict[str, Any]:
    workflow = await engine.create_workflow(definition, inputs=definition.metadata["inputs"])
    state = await engine.execute_workflow(workflow)
    assert state.status is WorkflowStatus.COMPLETED
    return {
        name: task.result
        for name, task in state.tasks.items()
        if task.status is TaskStatus.COMPLETED
    }


async def test_the_parallel_example_runs(
    engine: WorkflowOrchestrator, states: StateManager
) -> None:
    found = await execute(engine, states, load_workflow(EXAMPLES / "parallel.yaml"))
    assert found["merge"] == "ABC"


async def test_the_ml_example_runs(engine: WorkflowOrchestrator, states: StateManager) -> None:
    found = await execute(
        engine, states, load_workflow(EXAMPLES / "ml-pipeline.yaml", ["rows=20", "model=last"])
    )
    assert found["evaluate"]["error"] > 0
    assert len(found["split"]["train"]) == 16


async def test_the_document_example_runs(
    engine: WorkflowOrchestrator, states: StateManager, tmp_path: Path
) -> None:
    document, target = tmp_path / "a.md", tmp_path / "out.json"
    document.write_text("# A  title\n\nsome *words*\n")
    inputs = {"document": str(document), "target": str(target)}
    await execute(engine, states, load_workflow(EXAMPLES / "document-processing.yaml", inputs))
    assert json.loads(target.read_text()) == {"compressed": "A title some words"}


async def test_children_see_what_their_parent_needed_and_others_see_their_results(
    engine: WorkflowOrchestrator, states: StateManager, load: Load
) -> None:
    words = [shlex.quote(word) for word in ("a", "b")]
    definition = load(
        """
        name: x
        inputs: {words: list}
        tasks:
          base: {run: [echo, "<"]}
          each:
            needs: base
            foreach: "{{ inputs.words }}"
            run: [echo, "{{ tasks.base.result }}{{ item }}{{ index }}"]
          all: {run: [echo, "{{ tasks.each.result | join('+') }}"], needs: each}
        """,
        words=words,
    )
    found = await execute(engine, states, definition)
    assert found["all"] == "<a0+<b1"


def test_an_agent_s_task_is_placed_by_what_is_said_of_it(load: Load) -> None:
    found = load("""
        name: x
        inputs: {who: {default: any}}
        tasks:
          one: {agent: claude, prompt: hi}
          any: {agent: "{{ inputs.who }}", prompt: hi}
          able:
            agent: {capabilities: gpu, any_of: [a, b], affinity: b}
            prompt: hi
            foreach: [1, 2]
          run: {run: [x]}
    """)
    one, any_, able, run = found.tasks
    assert (one.placed, one.agent_id, "place" in one.metadata) == (True, "claude", False)
    assert (any_.placed, any_.agent_id) == (True, "any")
    each = able.metadata["each"]
    assert (able.placed, each["placed"], run.placed) == (False, True, False)
    assert each["metadata"]["agent"] == "any"
    assert each["metadata"]["place"] == {
        "any_of": ["a", "b"],
        "capabilities": ["gpu"],
        "affinity": "b",
    }
