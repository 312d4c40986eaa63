"""What can be wrong with a file: each fault with line, column, key, message and the nearest word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.core.workflows.files import (
    Fault,
    WorkflowFileInvalid,
    WorkflowFileUnreadable,
    check,
    load_workflow,
)
from quarterdeck.core.workflows.files.faults import SHOWN
from quarterdeck.core.workflows.files.loading import read_file
from quarterdeck.core.workflows.files.schema import workflow_schema
from quarterdeck.core.workflows.files.shapes import known_keys
from quarterdeck.core.workflows.files.values import SPAN_HELP

if TYPE_CHECKING:
    from tests.core.workflows.files.conftest import Faults, Write

HEAD = "name: x\n"


def task(text: str) -> str:
    """A file of one task; what is given begins in line 4, column 5."""
    return f"{HEAD}tasks:\n  a:\n" + "".join(f"    {line}\n" for line in text.splitlines())


# ---- shapes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: A workflow's file is a mapping with a name and tasks."),
        ("- a", "1:1: A workflow's file is a mapping with a name and tasks."),
        ("tasks: {a: {run: [x]}}", "1:1: name: It is missing."),
        (HEAD, "1:1: tasks: It is missing."),
        (f"{HEAD}tasks: {{}}", "2:1: tasks: It is empty."),
        (f"{HEAD}tasks: [a]", "2:1: tasks: This is a mapping, not ['a']."),
        (task("runn: [x]\nrun: [y]"), "4:5: tasks.a.runn: There is no such key. Did you mean run?"),
        (task("run: [y]\nxyzzy: 1"), "5:5: tasks.a.xyzzy: There is no such key. Known here: description, agent, prompt"),
        (task("run: []"), "4:5: tasks.a.run: [] is no command."),
        (task("run: [{a: b}]"), "4:5: tasks.a.run: [{'a': 'b'}] is no command."),
        (task("run: [x]\nneeds: [3]"), "5:13: tasks.a.needs[0]: This is text, not 3."),
        (task("run: [x]\ntimeout: 5 min"), "5:5: tasks.a.timeout: 5 min is no time. Write a number of seconds"),
        (task("run: [x]\ntimeout: 0"), "5:5: tasks.a.timeout: This is longer than nothing."),
        (task("run: [x]\ntimeout: -3"), "5:5: tasks.a.timeout: -3 is no time."),
        (task("run: [x]\ntimeout: true"), "5:5: tasks.a.timeout: True is no time."),
        (task("run: [x]\nretry: 0"), "5:5: tasks.a.retry: This should be greater than or equal to 1"),
        (task("run: [x]\nretry: {initial: x}"), "5:13: tasks.a.retry.initial: x is no time."),
        (task("run: [x]\nretry: {atempts: 3}"), "5:13: tasks.a.retry.atempts: There is no such key. Did you mean attempts?"),
        (task("run: [x]\nallow_failure: maybe"), "5:5: tasks.a.allow_failure: This is true or false, not maybe."),
        (task("run: [x]\npriority: hihg"), "5:5: tasks.a.priority: This is critical or high or normal or low or background, not hihg. Did you mean high?"),
        (task("run: [x]\npriority: HIGH"), "5:5: tasks.a.priority: This is critical"),
        (task("run: [x]\ndeadline: tomorrow"), "5:5: tasks.a.deadline: tomorrow is no point in time."),
        (task("run: [x]\ndeadline: 2026-01-31T12:00:00"), "5:5: tasks.a.deadline: 2026-01-31T12:00:00 is no point in time."),
        (task("run: [x]\nenv: {A=B: c}"), "5:5: tasks.a.env: A=B is no variable's name."),
        (task("run: [x]\nenv: {A: true}"), "5:5: tasks.a.env: The value of A is text, or nothing to pass it through."),
        (task("run: [x]\nenv: [A]"), "5:5: tasks.a.env: This is a mapping of names to values."),
        (task("agent: x\nprompt: y\nmode: oneshot"), "6:5: tasks.a.mode: This is session or one-shot, not oneshot. Did you mean one-shot?"),
        (task("approve: {}"), "4:5: tasks.a.approve.question: It is missing."),
        (task("approve: {question: q, choices: [1]}"), "4:28: tasks.a.approve.choices: [1] are no choices."),
        (task("approve: {question: q, choices: {}}"), "4:28: tasks.a.approve.choices: There is nothing to choose."),
        (task("run: [x]\nforeach: {max: 3}"), "5:5: tasks.a.foreach.items: It is missing."),
        (task("run: [x]\nforeach: {items: [1], max: 0}"), "5:27: tasks.a.foreach.max: This should be greater than or equal to 1"),
        (task("run: [x]\noutputs: {stdout: jsn}"), "5:15: tasks.a.outputs.stdout: This is text, json or lines, not jsn. Did you mean json?"),
        (f"{HEAD}on_failure: stop\n" + task("run: [x]").removeprefix(HEAD), "2:1: on_failure: This is continue, drain or cancel, not stop."),
        (f"{HEAD}limit: 2.5\n" + task("run: [x]").removeprefix(HEAD), "2:1: limit: This is a whole number, not 2.5."),
        (f"{HEAD}concurrency: {{a: 0}}\n" + task("run: [x]").removeprefix(HEAD), "2:15: concurrency.a: This should be greater than or equal to 1"),
        (f"{HEAD}schedule: {{cron: 61 * * * *}}\n" + task("run: [x]").removeprefix(HEAD), "2:12: schedule.cron: 61 * * * * is no cron expression: bad minute."),
        (f"{HEAD}schedule: {{cron: '* * * * *', zone: Mars}}\n" + task("run: [x]").removeprefix(HEAD), "2:31: schedule.zone: Mars is no time zone."),
        (f"{HEAD}schedule: {{cron: '* * * * *', zone: ../x}}\n" + task("run: [x]").removeprefix(HEAD), "2:31: schedule.zone: ../x is no time zone."),
        (f"{HEAD}schedule: {{cron: '* * * * *', catch_up: al}}\n" + task("run: [x]").removeprefix(HEAD), "2:31: schedule.catch_up: This is none, one or all, not al. Did you mean all?"),
    ],
)  # fmt: skip
def test_a_wrong_shape(faults: Faults, text: str, told: str) -> None:
    (found,) = faults(text)
    assert found.startswith(told)


def test_all_faults_at_once_by_place(faults: Faults) -> None:
    found = faults("""
        name: x
        limt: 3
        tasks:
          a:
            run: [x]
            timeout: soon
            retry: {attempts: many, intial: 3s}
          b:
            needs: [aa, b]
            agent: claude
          c:
            approve: Go?
            run: [x]
            when: inputs.nothing
    """)
    assert found == [
        "2:1: limt: There is no such key. Did you mean limit?",
        f"6:5: tasks.a.timeout: soon is no time. Write {SPAN_HELP}.",
        "7:13: tasks.a.retry.attempts: This is a whole number, not many.",
        "7:29: tasks.a.retry.intial: There is no such key. Did you mean initial?",
        "9:13: tasks.b.needs[0]: There is no task aa. Did you mean a?",
        "9:17: tasks.b.needs[1]: b needs itself.",
        "10:5: tasks.b.agent: The agent is told nothing. Add a prompt.",
        "11:3: tasks.c: It is run and approve at once. Make two tasks of it.",
        "14:11: tasks.c.when: There is no inputs.nothing.",
    ]


def test_a_wrong_value_brings_no_fault_that_follows_from_it(faults: Faults) -> None:
    (found,) = faults(task("run: {}"))
    assert found.startswith("4:5: tasks.a.run: {} is no command. Write a list of the program")
    assert len(faults(task("agent: x\nprompt: 3"))) == 1
    assert len(faults(f"{HEAD}concurrency: 3\ntasks: {{a: {{run: [x], group: g}}}}")) == 1
    assert len(faults(f"{HEAD}inputs: {{n: {{type: nmber}}}}\ntasks: {{a: {{run: ['{{{{ inputs.n }}}}']}}}}")) == 1  # fmt: skip


# ---- what keys mean together ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (task("needs: []"), "3:3: tasks.a: Nothing says what it does. Give it one of agent, run, python"),
        (task("run: [x]\nagent: y\nprompt: z"), "3:3: tasks.a: It is agent and run at once."),
        (task("emit: {pipeline: p}"), "4:5: tasks.a.emit.event: It is missing."),
        (task("emit: p"), "4:5: tasks.a.emit: This is a mapping, not p."),
        (task("emit: {pipeline: p, event: e, data: '{{ tasks.b }}'}"), "4:41: tasks.a.emit.data: There is no task b."),
        (task("emit: {pipeline: p, event: e}\ncwd: x"), "5:5: tasks.a.cwd: It means nothing beside emit."),
        (task("run: [x]\nprompt: y"), "5:5: tasks.a.prompt: It means nothing beside run. It belongs to agent."),
        (task("python: m:f\nshell: true"), "5:5: tasks.a.shell: It means nothing beside python. It belongs to run."),
        (task("approve: q\nwith: {a: 1}"), "5:5: tasks.a.with: It means nothing beside approve. It belongs to python."),
        (task("approve: q\nretry: 3"), "5:5: tasks.a.retry: It means nothing beside approve."),
        (task("run: make all"), "4:5: tasks.a.run: One line is for the shell. Write [program, argument, ...], or add shell: true."),
        (task("run: [make]\nshell: true"), "5:5: tasks.a.shell: The shell takes one line, not a list."),
        (task("python: module.function"), "4:5: tasks.a.python: This is no function. Write module:function."),
        (task("run: [x]\nneeds: b"), "5:5: tasks.a.needs: There is no task b."),
        (task("run: [x]\ngroup: g"), "5:5: tasks.a.group: There is no group g. Add concurrency: {g: 1} at the top."),
        (task("run: [x]\nforeach: files"), "5:5: tasks.a.foreach: This is no list."),
        (task("run: [x]\nforeach: {items: [1, 2], max: 1}"), "5:5: tasks.a.foreach: These are 2 items, and max is 1."),
        (task("python: m:f\noutputs: {stdout: json}"), "5:15: tasks.a.outputs.stdout: Only a command has an output of its own."),
        (task("run: [x]\noutputs: {schema: {type: nope}}"), "5:15: tasks.a.outputs.schema: This is no JSON schema: type:"),
        (f"{HEAD}tasks: {{'a b': {{run: [x]}}}}", "2:9: tasks.a b: This is no name."),
        (f"{HEAD}inputs: {{n: choice}}\ntasks: {{a: {{run: [x]}}}}", "2:10: inputs.n: A choice needs choices."),
        (f"{HEAD}inputs: {{n: {{choices: [a]}}}}\ntasks: {{a: {{run: [x]}}}}", "2:14: inputs.n.choices: A string has no choices."),
        (f"{HEAD}inputs: {{n: {{must_exist: true}}}}\ntasks: {{a: {{run: [x]}}}}", "2:14: inputs.n.must_exist: A string is no path."),
        (f"{HEAD}inputs: {{n: {{type: integer, default: x}}}}\ntasks: {{a: {{run: [x]}}}}", "2:29: inputs.n.default: This is a whole number, not x."),
        (f"{HEAD}inputs: {{1n: string}}\ntasks: {{a: {{run: [x]}}}}", "2:10: inputs.1n: This is no name."),
        (f"{HEAD}tasks: {{a: {{run: [x]}}}}\nfinally: {{a: {{run: [x]}}}}", "3:11: finally.a: There is a task a already."),
        (f"{HEAD}tasks: {{a: {{run: [x], needs: z}}}}\nfinally: {{z: {{run: [x]}}}}", "2:23: tasks.a.needs: z runs when all others have ended, a among them."),
    ],
)  # fmt: skip
def test_keys_that_do_not_fit_together(faults: Faults, text: str, told: str) -> None:
    (found,) = faults(text)
    assert found.startswith(told)


def test_a_group_beside_at_once(faults: Faults) -> None:
    text = task("run: [x]\ngroup: g\nforeach: {items: [1], at_once: 2}") + "concurrency: {g: 1}\n"
    assert faults(text) == [
        "6:27: tasks.a.foreach.at_once: A group and at_once bound the same. Leave one of them out."
    ]


def test_cycles_are_told_with_their_tasks(faults: Faults) -> None:
    assert faults("""
        name: x
        tasks:
          a: {run: [x], needs: [c]}
          b: {run: [x], needs: [a]}
          c: {run: [x], needs: [b]}
          d: {run: [x], needs: [c]}
        finally:
          e: {run: [x], needs: [f]}
          f: {run: [x], needs: [e]}
    """) == [
        "3:17: tasks.a.needs: Tasks wait for each other: a -> b -> c -> a. Remove one of these needs.",
        "8:17: finally.e.needs: Tasks wait for each other: e -> f -> e. Remove one of these needs.",
    ]


def test_agents_are_judged_where_they_are_known(faults: Faults) -> None:
    text = task("agent: cluade\nprompt: hi")
    assert faults(text) == []
    assert faults(text, agents=["claude", "codex"]) == [
        "4:5: tasks.a.agent: There is no agent cluade. Did you mean claude?"
    ]
    assert (
        faults(task('agent: "{{ inputs.x }}"\nprompt: hi') + "inputs: {x: string}\n", agents=[])
        == []
    )


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("any", None),
        ("{}", None),
        ("{capabilities: [tests, gpu], affinity: codex}", None),
        ("{any_of: claude}", None),
        ("{name: claude}", None),
        ("{name: claude, any_of: [codex]}", "4:5: tasks.a.agent: claude is one agent; there is nothing to choose. Leave its name out, or any_of, capabilities and affinity."),
        ("{any_of: [claude, coedx]}", "4:30: tasks.a.agent.any_of[1]: There is no agent coedx. Did you mean codex?"),
        ("{affinity: claud}", "4:13: tasks.a.agent.affinity: There is no agent claud. Did you mean claude?"),
        ("{any_of: [claude], affinity: codex}", "4:31: tasks.a.agent.affinity: codex is none of any_of."),
        ("{any-of: [claude]}", "4:13: tasks.a.agent.any-of: There is no such key. Did you mean any_of?"),
        ("{capabilities: 3}", "4:13: tasks.a.agent.capabilities: This is a list, not 3."),
        ("3", "4:5: tasks.a.agent: This is text, not 3."),
    ],
)  # fmt: skip
def test_an_agent_that_is_chosen(faults: Faults, agent: str, told: str | None) -> None:
    found = faults(task(f"agent: {agent}\nprompt: hi"), agents=["claude", "codex"])
    assert found == ([] if told is None else [told])


def test_a_capability_that_nobody_has_is_noted_and_no_fault(write: Write) -> None:
    file = write(task("agent: {capabilities: [code, tset]}\nprompt: hi"))
    found = read_file(file, capabilities=["code", "test"])
    assert found.faults == ()
    (note,) = found.notes
    assert str(note).rpartition("/")[2] == (
        f"{file.name}:4:34: tasks.a.agent.capabilities[1]: No agent has the capability tset: "
        "the task would wait for one that has. Did you mean test?"
    )
    assert read_file(file).notes == ()


# ---- templates -----------------------------------------------------------------------------

PAIR = """
name: x
inputs: {n: string}
env: {HOME_: x}
tasks:
  a: {run: [x]}
  b: {run: [x], needs: a}
  c:
    needs: b
    KEY
"""


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("run: ['{{ tasks.a.result }}', '{{ tasks.b.outputs.f }}']", ""),
        ("run: ['{{ inputs.n }}{{ env.HOME_ }}{{ workflow.id }}{{ handoff.context }}']", ""),
        ("run: ['{% for i in range(3) %}{{ i }}{% endfor %}']", ""),
        ("run: ['{% set t = tasks.a.result %}{{ t.x }}']", ""),
        ("run: ['{{ tasks[\"a\"].result }}']", ""),
        ("run: ['{{ inputs.m }}']", "9:11: tasks.c.run[0]: There is no inputs.m."),
        ("run: ['{{ input.n }}']", "9:11: tasks.c.run[0]: There is nothing called input. Did you mean inputs?"),
        ("run: ['{{ xyzzy }}']", "9:11: tasks.c.run[0]: There is nothing called xyzzy. Known: inputs, tasks"),
        ("run: ['{{ env.HOM_ }}']", "9:11: tasks.c.run[0]: There is no env.HOM_. Did you mean HOME_?"),
        ("run: ['{{ workflow.nam }}']", "9:11: tasks.c.run[0]: There is no workflow.nam. Did you mean name?"),
        ("run: ['{{ tasks.bb.result }}']", "9:11: tasks.c.run[0]: There is no task bb. Did you mean b?"),
        ("run: ['{{ tasks.c.result }}']", "9:11: tasks.c.run[0]: A task does not know its own result."),
        ("run: ['{{ tasks.b.reslt }}']", "9:11: tasks.c.run[0]: A task has result, status, outputs, not reslt. Did you mean result?"),
        ("run: ['{{ tasks | length }}']", "9:11: tasks.c.run[0]: The task is not named."),
        ("run: ['{{ tasks[inputs.n].result }}']", "9:11: tasks.c.run[0]: The task is not named."),
        ("run: ['{{ item }}']", "9:11: tasks.c.run[0]: There is no item here. It is for the task of a foreach."),
        ("run: ['{{ inputs.n | uper }}']", "9:11: tasks.c.run[0]: There is no filter uper. Did you mean upper?"),
        ("run: ['{{ inputs.n is definde }}']", "9:11: tasks.c.run[0]: There is no test definde. Did you mean defined?"),
        ("run: ['{{ inputs.n']", "9:11: tasks.c.run[0]: This is no template: unexpected end of template"),
        ("run: ['{% macro f() %}{% endmacro %}']", "9:11: tasks.c.run[0]: macro is not for templates of workflows."),
        ("run: ['{% include \"x\" %}']", "9:11: tasks.c.run[0]: include is not for templates of workflows."),
        ("run: ['{% for i in [] recursive %}{% endfor %}']", "9:11: tasks.c.run[0]: A loop is not recursive here."),
        ("run: ls {{ inputs.n }}\n    shell: true", "9:10: tasks.c.run: In a line for the shell every value goes through quote."),
        ("run: ls {{ inputs.n | quote }}\n    shell: true", ""),
        ("agent: '{{ tasks.a.result }}'\n    prompt: x", "9:12: tasks.c.agent: tasks is not known yet where this is needed."),
        ("wait_for: '{{ tasks.a.result }}'", "9:15: tasks.c.wait_for.event: tasks is not known yet where this is needed."),
        ("run: [x]\n    when: tasks.a.result and", "10:11: tasks.c.when: This is no template"),
        ("run: [x]\n    when: tasks.z.result", "10:11: tasks.c.when: There is no task z."),
        ("run: [x]\n    foreach: '{{ item }}'", "10:14: tasks.c.foreach.items: There is no item here."),
        ("run: ['{{ item }}{{ index }}']\n    foreach: [1]", ""),
        ("run: [x]\n    env: {A: '{{ env.A }}'}", ""),
        ("run: |\n      one\n      {{ inputs.zz | quote }}\n    shell: true", "11:1: tasks.c.run: There is no inputs.zz."),
    ],
)  # fmt: skip
def test_templates_are_judged_at_load(faults: Faults, key: str, told: str) -> None:
    found = faults(PAIR.lstrip().replace("KEY", key))
    assert len(found) == bool(told)
    assert "".join(found).startswith(told)


def test_a_task_that_is_not_upstream_is_not_spoken_of(faults: Faults) -> None:
    assert faults("""
        name: x
        tasks:
          a: {run: [x]}
          b:
            run: [x, "{{ tasks.a.result }}"]
        finally:
          end:
            run: [x, "{{ tasks.a.status }}{{ tasks.b.status }}"]
          late:
            run: [x, "{{ tasks.end.result }}"]
    """) == [
        "5:14: tasks.b.run[1]: a need not have ended when b begins. Add it to the needs of b.",
        "10:14: finally.late.run[1]: end need not have ended when late begins. "  # noqa: ISC004  # one line
        "Add it to the needs of late.",
    ]


def test_the_files_own_environment_speaks_of_inputs_only(faults: Faults) -> None:
    (found,) = faults(f'{HEAD}env: {{A: "{{{{ tasks.a.result }}}}"}}\ntasks: {{a: {{run: [x]}}}}')
    assert found.startswith("2:10: env.A: tasks is not known yet where this is needed.")


# ---- files that name others ----------------------------------------------------------------


def test_a_nested_file_is_checked_along(write: Write, faults: Faults) -> None:
    inner = write(
        "name: inner\ninputs: {v: integer, w: {default: x}}\ntasks: {a: {run: [x]}}", "inner.yaml"
    )
    assert faults(task("workflow: inner\ninputs: {v: 3}")) == []
    assert faults(task("workflow: ./inner.yaml\ninputs: {v: '{{ workflow.name }}'}")) == []
    assert faults(task("workflow: inner\ninputs: {v: x, u: 1}")) == [
        "5:14: tasks.a.inputs.v: This is a whole number, not x.",
        "5:20: tasks.a.inputs.u: That workflow has no such input.",
    ]
    assert faults(task("workflow: inner")) == ["4:5: tasks.a.workflow: The input v is missing."]
    inner.write_text("name: inner\ntasks: {a: {rn: [x]}}")
    first, second, third = faults(task("workflow: inner"))
    assert first == "4:5: tasks.a.workflow: inner.yaml has 2 faults."
    assert second.startswith("inner.yaml:2:9: tasks.a: Nothing says")
    assert third.startswith("inner.yaml:2:13: tasks.a.rn: There is no such key.")


def test_a_nested_file_that_is_not_there(write: Write, faults: Faults) -> None:
    write("name: inner\ntasks: {a: {run: [x]}}", "inner.yaml")
    (found,) = faults(task("workflow: iner"))
    assert found.startswith("4:5: tasks.a.workflow: ")
    assert found.endswith("can't be read: No such file or directory. Did you mean inner.yaml?")
    (found,) = faults(task("workflow: nowhere/at/all"))
    assert found.endswith("No such file or directory.")


def test_a_workflow_that_would_start_itself(write: Write, faults: Faults) -> None:
    assert faults(task("workflow: flow")) == [
        "4:5: tasks.a.workflow: flow.yaml would start itself, again and again."
    ]
    write(task("workflow: flow"), "other.yaml")
    found = faults(task("workflow: other"))
    assert (
        "other.yaml:4:5: tasks.a.workflow: flow.yaml would start itself, again and again." in found
    )


# ---- the whole -----------------------------------------------------------------------------


def test_loading_refuses_with_all_faults(write: Write) -> None:
    with pytest.raises(WorkflowFileInvalid) as caught:
        load_workflow(write(task("runn: [x]\ntimeout: x")))
    assert len(caught.value.faults) == 3
    assert caught.value.message.count("\n") == 2
    assert caught.value.info().code == "workflow_file_invalid"
    with pytest.raises(WorkflowFileUnreadable):
        load_workflow(Path("/nowhere/flow.yaml"))


def test_a_message_of_very_many_faults_stays_readable() -> None:
    error = WorkflowFileInvalid(Fault("f", line, 1, "k", "m") for line in range(SHOWN + 5))
    assert error.message.endswith("... and 5 more")


def test_json_files_are_judged_alike(faults: Faults) -> None:
    text = json.dumps({"name": "x", "tasks": {"a": {"run": ["x"], "tmeout": 3}}}, indent="\t")
    assert faults(text, "flow.json") == [
        "8:4: tasks.a.tmeout: There is no such key. Did you mean timeout?"
    ]


def test_known_keys_follow_the_schema() -> None:
    assert "on_failure" in known_keys(())
    assert "attempts" in known_keys(("tasks", "a", "retry"))
    assert known_keys(("tasks", "a", "with", "deep", "er")) == []
    assert set(known_keys(("tasks", "a"))) == set(
        workflow_schema()["$defs"]["TaskEntry"]["properties"]
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["x", "{{ y }}", "{{", "a", "5m"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["run", "needs", "agent", "items", "type", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
properties = workflow_schema()["$defs"]["TaskEntry"]["properties"]


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(st.sampled_from(sorted(properties)), values, max_size=5),
    st.dictionaries(st.sampled_from(sorted(workflow_schema()["properties"])), values, max_size=3),
)
def test_nothing_that_can_be_written_breaks_the_check(
    tmp_path: Path, entry: dict[str, Any], top: dict[str, Any]
) -> None:
    path = tmp_path / "flow.json"
    path.write_text(json.dumps({"name": "x", "tasks": {"a": entry, "b": {"run": ["x"]}}, **top}))
    found = check(path)
    assert all(fault.line >= 1 and fault.message.endswith(".") for fault in found)
    if not found:
        inputs = dict.fromkeys(top.get("inputs") or {}, "1")
        assert load_workflow(path, inputs).tasks or inputs
