"""Gates, events, nested workflows and fan-outs: what waits without a slot."""

from __future__ import annotations

import pytest
from tests.core.workflows.executors.conftest import NewStage
from tests.core.workflows.executors.stage import MemoryGates, Stage, until

from quarterdeck.core.workflows.executors import Child, ChildKind
from quarterdeck.core.workflows.executors.approve import choice_ahead

GATE = """
limit: 1
tasks:
  gate: {approve: {question: "Ship {{ inputs.what }}?", choices: {yes: Go, later: Wait, reject: No}}}
  work: {run: [echo, done]}
  after: {needs: gate, run: [echo, "{{ tasks.gate.result }}"]}
inputs: {what: {default: it}}
"""


async def test_a_gate_waits_without_a_slot_and_gives_its_answer(
    stage: Stage, gates: MemoryGates
) -> None:
    workflow_id = await stage.begin(GATE)
    (gate,) = await until(lambda: list(gates.open.values()))
    assert gate.question == "Ship it?"
    assert list(gate.choices) == ["yes", "later", "reject"]
    assert (gate.key, gate.workflow) == (f"{workflow_id}/gate/1", "flow")
    await stage.until_task(workflow_id, "work", "status", "completed")
    await gates.answer("later")
    state = await stage.finish(workflow_id)
    assert state.tasks["after"].result == "later"
    assert await stage.log(workflow_id, "gate") == "[quarterdeck: Ship it? later (Ada)]\n"


async def test_reject_fails_the_task_for_good(stage: Stage, gates: MemoryGates) -> None:
    workflow_id = await stage.begin("retry: 3" + GATE)
    await gates.answer("reject")
    state = await stage.finish(workflow_id)
    assert state.tasks["gate"].attempt == 1
    assert "was answered with reject, Ada." in str(state.tasks["gate"].error)
    assert state.tasks["after"].status == "skipped"


async def test_cancelling_withdraws_the_question(stage: Stage, gates: MemoryGates) -> None:
    workflow_id = await stage.begin(GATE)
    await until(lambda: gates.open)
    await stage.orchestrator.cancel_workflow(workflow_id)
    assert (gates.open, gates.withdrawn) == ({}, ["gate"])


async def test_a_restart_asks_the_same_question_once(
    new_stage: NewStage, gates: MemoryGates
) -> None:
    first = await new_stage()
    workflow_id = await first.begin(GATE)
    await until(lambda: gates.open)
    for _ in range(4):  # more often than an attempt may be lost
        await first.close()
        assert not gates.withdrawn
        first = await new_stage()
        await first.orchestrator.recover()
    assert gates.asked == 1
    await gates.answer("yes")
    state = await first.finish(workflow_id)
    assert (state.tasks["gate"].result, state.tasks["gate"].attempt) == ("yes", 1)


async def test_answers_given_ahead_ask_nobody(stage: Stage, gates: MemoryGates) -> None:
    state = await stage.finish(await stage.create(GATE, metadata={"approve": {"*": "all"}}))
    assert state.tasks["gate"].result == "yes"
    assert (
        await stage.log(state.workflow_id, "gate") == "[quarterdeck: Ship it? yes (given ahead)]\n"
    )
    state = await stage.finish(
        await stage.create(GATE, metadata={"approve": {"*": "all", "gate": "none"}})
    )
    assert "was answered with reject, given ahead." in str(state.tasks["gate"].error)
    assert gates.asked == 0


@pytest.mark.parametrize(
    ("given", "task", "choice"),
    [
        ({}, "a", None),
        ({"b": "yes"}, "a", None),
        ({"a": "yes"}, "a", "yes"),
        ({"a": "yes", "*": "none"}, "a", "yes"),
        ({"*": "none"}, "a", "reject"),
        ({"*": "all"}, "a", "yes"),
        ({"a": "all"}, "a[3]", "yes"),
        ({"a": "all", "a[3]": "no"}, "a[3]", "no"),
        ({"a": "maybe"}, "a", None),
    ],
)
def test_choices_ahead(given: dict[str, str], task: str, choice: str | None) -> None:
    choices = {"reject": "never", "yes": "Yes", "no": "No"}
    assert choice_ahead(given, task, choices) == choice


async def test_events_end_waiting_also_after_a_restart(new_stage: NewStage) -> None:
    text = "tasks: {it: {wait_for: {event: built, key: '42'}}, off: {wait_for: x, when: 'false'}}"
    first = await new_stage()
    workflow_id = await first.begin(text)
    child = Child(ChildKind.EVENT, 1, "built:42").text
    await first.until_task(workflow_id, "it", "child", child)
    await first.close()
    second = await new_stage()
    await second.orchestrator.recover()
    assert await second.orchestrator.signal_workflow(workflow_id, "built:42", value={"ok": 1})
    state = await second.finish(workflow_id)
    assert (state.tasks["it"].result, state.tasks["it"].attempt) == ({"ok": 1}, 1)
    assert state.tasks["off"].status == "skipped"


INNER = """
name: inner
inputs: {n: {type: integer, default: 1}}
tasks:
  one: {run: [echo, "{{ inputs.n }}"], outputs: {stdout: json}}
  hold: {needs: one, run: "touch held; while [ ! -e go ]; do sleep 0.05; done; exit $(cat go)",
         shell: true}
"""
OUTER = """
limit: 1
tasks:
  inner: {workflow: inner, inputs: {n: "{{ 3 * 2 }}"}}
  after: {needs: inner, run: [echo, "{{ tasks.inner.result.one }}"]}
"""


async def test_a_nested_workflow_gives_its_results_and_takes_no_slot(stage: Stage) -> None:
    (stage.folder / "inner.yaml").write_text(INNER)
    (stage.folder / "go").write_text("0")
    state = await stage.run(OUTER)
    assert state.tasks["inner"].result == {"one": 6, "hold": ""}
    assert state.tasks["after"].result == "6"
    (inner,) = await stage.store.workflows(name="inner")
    assert inner.parent == f"{state.workflow_id}/inner/1"


async def test_what_fails_in_a_nested_workflow_fails_the_task(stage: Stage) -> None:
    (stage.folder / "inner.yaml").write_text(INNER)
    (stage.folder / "go").write_text("7")
    error = await stage.error(OUTER)
    assert error.startswith("NestedFailed: The workflow inner")
    assert "exited with code 7" in error


async def test_cancelling_reaches_nested_workflows(stage: Stage) -> None:
    (stage.folder / "inner.yaml").write_text(INNER)
    workflow_id = await stage.begin(OUTER)
    await until((stage.folder / "held").exists)
    await stage.orchestrator.cancel_workflow(workflow_id)
    (inner,) = await stage.store.workflows(name="inner")
    assert inner.status == "cancelled"


@pytest.mark.parametrize("paused", [False, True])
async def test_a_restart_takes_nested_workflows_up(new_stage: NewStage, paused: bool) -> None:
    first = await new_stage()
    (first.folder / "inner.yaml").write_text(INNER)
    workflow_id = await first.begin(OUTER)
    await until((first.folder / "held").exists)
    (inner,) = await first.store.workflows(name="inner")
    if paused:
        await first.orchestrator.pause_workflow(inner.id)
    await first.close()
    second = await new_stage()
    await second.orchestrator.recover()
    (second.folder / "go").write_text("0")
    if paused:
        await until(lambda: second.orchestrator.drives(inner.id))
        await second.orchestrator.resume_workflow(inner.id)
    state = await second.finish(workflow_id)
    assert (state.tasks["after"].result, state.tasks["inner"].attempt) == ("6", 1)
    assert len(await second.store.workflows(name="inner")) == 1


async def test_conditions_of_fan_outs_hold_for_items_or_the_whole(stage: Stage) -> None:
    state = await stage.run(
        """
        tasks:
          some: {foreach: [1, 2, 3], when: "item != 2", run: [echo, "{{ item }}"]}
          none: {foreach: [1, 2], when: "inputs.on", run: [echo, x]}
          after: {needs: [some, none], run: [echo, "{{ tasks.some.result | length }}"]}
        inputs: {on: {type: boolean, default: false}}
        """
    )
    statuses = {name: str(task.status) for name, task in state.tasks.items()}
    assert [statuses[f"some[{at}]"] for at in range(3)] == ["completed", "skipped", "completed"]
    assert (statuses["none"], statuses["after"]) == ("skipped", "completed")
    assert "none[0]" not in statuses
