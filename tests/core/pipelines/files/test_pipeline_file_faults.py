"""What is wrong with a pipeline's file: all at once, each at its place, with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.core.pipelines.files import (
    PipelineFileInvalid,
    PipelineFileUnreadable,
    check,
    load_pipeline,
    read_file,
)

if TYPE_CHECKING:
    from tests.core.pipelines.files.conftest import Faults

HANDLER = "name: x\nevents:\n  a:\n    handlers:\n      h:\n"


def handler(text: str) -> str:
    """A file with one handler; its lines begin in line 6, column 9."""
    return HANDLER + "".join(f"        {line}\n" for line in text.splitlines())


def test_all_faults_at_once_by_place(faults: Faults) -> None:
    found = faults("""
        name: x
        limt: 3
        inputs:
          key: {type: string, default: "", secret: true}
        events:
          a:
            priority: hihg
            deadline: soon
            handlers:
              one:
                run: [x]
                rate: 5/y
                emits: [bb, {event: b, wen: true}]
              two:
                agents: [ann, bob]
                vote: {question: Go on, threshold: 2}
                group: disk
          b:
            handlers:
              one: {run: [y], when: result.x, env: {K: "{{ payload.idd }}"}}
              3rd: {run: [y], agent: ann, prompt: "{{ nothing }}"}
        triggers:
          - {watch: src, event: c, data: "{{ trigger.due }}"}
          - {git: post-comit, event: a, data: "{{ inputs.key }}"}
          - {schedule: "60 * * * *", event: b}
    """, {"ann", "ben"})  # fmt: skip
    assert found == [
        "2:1: limt: There is no such key. Did you mean limit?",
        "7:5: events.a.priority: This is critical or high or normal or low or background, not hihg. Did you mean high?",
        "8:5: events.a.deadline: soon is no time. Write a number of seconds, or a time such as 500ms, 90s, 5m, 1h30m, 2d.",
        "12:9: events.a.handlers.one.rate: 5/y is no rate. Write one such as 5/s, 30/m or 100/h.",
        "13:17: events.a.handlers.one.emits[0]: There is no event type bb. Did you mean b?",
        "13:32: events.a.handlers.one.emits[1].wen: There is no such key. Did you mean when?",
        "15:23: events.a.handlers.two.agents[1]: There is no agent bob.",
        "16:33: events.a.handlers.two.vote.threshold: This should be less than or equal to 1.",
        "17:9: events.a.handlers.two.group: There is no group disk. Add groups: {disk: 1} at the top.",
        "20:7: events.b.handlers.one: There is a handler one already, of a. Give each a name of its own.",
        "20:29: events.b.handlers.one.when: result is not known yet where this is needed. Known here: data, event, payload, causes, inputs, pipeline.",
        "20:48: events.b.handlers.one.env.K: There is no payload.idd. Did you mean id?",
        "21:7: events.b.handlers.3rd: It is agent and run at once. Make two handlers of it.",
        "21:7: events.b.handlers.3rd: This is no name. Names begin with a letter and go on with letters, digits, _ and -, 100 at most.",
        "21:43: events.b.handlers.3rd.prompt: There is nothing called nothing. Known: data, event, payload, causes, inputs, pipeline, env.",
        "23:18: triggers[0].event: There is no event type c. Known: a, b.",
        "23:34: triggers[0].data: There is no trigger.due.",
        "24:6: triggers[1].git: post-comit is no hook of git's. Did you mean post-commit?",
        "24:39: triggers[1].data: inputs.key is secret, and a payload's data are kept and shown. Let the handler that needs it speak of it.",
        '25:6: triggers[2].schedule: 60 * * * * is no cron expression: bad minute. Write minute, hour, day, month and weekday, such as "30 2 * * mon-fri".',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (handler("when: true"), "5:7: events.a.handlers.h: Nothing says what it does. Give it one of agent, agents,"),
        (handler("run: [x]\npython: y:z"), "5:7: events.a.handlers.h: It is run and python at once. Make two handlers of it."),
        (handler("agent: y"), "6:9: events.a.handlers.h.agent: The agent is told nothing. Add a prompt."),
        (handler("agents: [y]"), "6:9: events.a.handlers.h.agents: The agents are told nothing. Add a prompt."),
        (handler("agents: y\nprompt: z"), "6:9: events.a.handlers.h.agents: This is no list. Write [y], or a template"),
        (handler("agents: [y, z, y]\nprompt: z"), "6:9: events.a.handlers.h.agents: y stands here 2 times."),
        (handler("agents: []\nprompt: z"), "6:9: events.a.handlers.h.agents: It is empty."),
        (handler("run: [x]\nvote: Go?"), "7:9: events.a.handlers.h.vote: It means nothing beside run. It belongs to agents."),
        (handler("run: [x]\nmode: session"), "7:9: events.a.handlers.h.mode: It means nothing beside run. It belongs to agent or agents."),
        (handler("agents: [y]\nvote: Go?\noutputs: {schema: {}}"), "8:19: events.a.handlers.h.outputs.schema: The answers are votes"),
        (handler("run: [x]\ngroup: dsk"), "7:9: events.a.handlers.h.group: There is no group dsk. Add groups: {dsk: 1} at the top."),
        (handler("run: [x]\nwhen: false"), "7:9: events.a.handlers.h.when: It is never done. Remove the handler, or its when."),
        (handler("run: x"), "6:9: events.a.handlers.h.run: One line is for the shell."),
        (handler("run: [x]\nemits: aa"), "7:9: events.a.handlers.h.emits: There is no event type aa. Did you mean a?"),
        (handler("run: [x]\nemits: {event: aa}"), "7:17: events.a.handlers.h.emits.event: There is no event type aa."),
        (handler("run: [x]\nemits: 3"), "7:9: events.a.handlers.h.emits"),
        (handler("run: [x]\nrate: 0/s"), "7:9: events.a.handlers.h.rate: 0/s is no rate."),
        (handler("run: [x]\nemits: {event: a, data: '{{ rsult }}'}"), "7:33: events.a.handlers.h.emits.data: There is nothing called rsult. Did you mean result?"),
        (handler("run: [x]\nwhen: result == 1"), "7:15: events.a.handlers.h.when: result is not known yet where this is needed."),
        (handler("run: [x]\nwhen: agent == 1"), "7:15: events.a.handlers.h.when: There is nothing called agent."),
        (handler("run: [x]\nwhen: env.X"), "7:15: events.a.handlers.h.when: env is not known yet"),
        (handler("run: ['{{ pipeline.nam }}']"), "6:15: events.a.handlers.h.run[0]: There is no pipeline.nam. Did you mean name?"),
        (handler("run: ['{{ tasks.a.result }}']"), "6:15: events.a.handlers.h.run[0]: There is nothing called tasks."),
        (handler("run: echo {{ data }}\nshell: true"), "6:14: events.a.handlers.h.run: In a line for the shell every value goes through quote."),
        (handler("agent: '{{ data.who }}'\nprompt: x"), "6:16: events.a.handlers.h.agent: data is not known yet where this is needed. Known here: inputs, pipeline."),
        (handler("workflow: gone"), "6:9: events.a.handlers.h.workflow: "),
        ("name: x\nevents: {a: {schema: {type: thing}}}", "2:14: events.a.schema: This is no JSON schema: type: 'thing'"),
        ("name: x\nevents: {a b: }", "2:10: events.a b: This is no name."),
        ("name: x\nevents: {a: , b: }\ntriggers: [{watch: x, git: pre-push, event: a}]", "3:12: triggers[0]: It is watch and git at once."),
        ("name: x\nevents: {a: }\ntriggers: [{event: a}]", "3:12: triggers[0]: Nothing says what it heeds. Give it one of watch, schedule, git."),
        ("name: x\nevents: {a: }\ntriggers: [{git: post-comit, event: a}]", "3:13: triggers[0].git: post-comit is no hook of git's. Did you mean post-commit?"),
        ("name: x\nevents: {a: }\ntriggers: [{schedule: '61 * * * *', event: a}]", "3:13: triggers[0].schedule: 61 * * * * is no cron expression"),
        ("name: x\nevents: {a: }\ntriggers: [{watch: {folder: x, pattern: ../*}, event: a}]", "3:32: triggers[0].watch.pattern: The pattern leads out of the folder."),
        ("name: x\nevents: {a: }\ntriggers: [{watch: x, event: a, data: '{{ trigger.due }}'}]", "3:39: triggers[0].data: There is no trigger.due."),
        ("name: x\nevents: {a: }\ntriggers: [{watch: '{{ trigger.x }}', event: a}]", "3:20: triggers[0].watch.folder: There is nothing called trigger."),
        ("name: x\nevents: {a: }\ntriggers: [{watch: x, event: b}]", "3:23: triggers[0].event: There is no event type b."),
        ("name: x\ninputs: {k: {default: '', secret: true}}\nevents: {a: }\ntriggers: [{watch: x, event: a, data: '{{ inputs }}'}]", "4:39: triggers[0].data: One of the inputs is secret"),
        ("name: x\nevents: []", "2:1: events: This is a mapping, not []."),
        ("[]", "1:1: A pipeline's file is a mapping with a name and events."),
        ("name: x", "1:1: events: It is missing."),
    ],
)  # fmt: skip
def test_each_fault_at_its_place(faults: Faults, text: str, told: str) -> None:
    found = faults(text)
    assert [one for one in found if one.startswith(told)], found
    assert len(found) == 1, found


def test_a_handler_has_its_name_alone(faults: Faults) -> None:
    (found,) = faults("""
        name: x
        events:
          a: {handlers: {h: {run: [x]}}}
          b: {handlers: {h: {run: [x]}}}
    """)
    assert found == (
        "4:18: events.b.handlers.h: There is a handler h already, of a. Give each a name of its own."
    )


def test_a_secret_is_no_part_of_a_payload(faults: Faults) -> None:
    found = faults("""
        name: x
        inputs: {key: {default: k, secret: true}, open: {default: o}}
        events:
          a:
            handlers:
              h:
                run: [x, "{{ inputs.key }}"]
                emits:
                  event: a
                  data: {one: "{{ inputs.open }}", two: "{{ inputs.key }}"}
    """)
    (told,) = found
    assert told.startswith("10:49: events.a.handlers.h.emits.data.two: inputs.key is secret")


def test_cycles_are_no_fault(faults: Faults) -> None:
    assert faults("""
        name: x
        events:
          a: {handlers: {one: {run: [x], emits: b}}}
          b: {handlers: {two: {run: [x], emits: [a, b]}}}
    """) == []  # fmt: skip


def test_the_workflows_that_it_names_are_checked(faults: Faults, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text("name: f\ninputs: {v: string}\ntasks: {a: {rn: [x]}}\n")
    found = faults(handler("workflow: flow\ninputs: {vv: 1}"))
    assert found[:1] == ["6:9: events.a.handlers.h.workflow: flow.yaml has 2 faults."]
    assert any("tasks.a.rn: There is no such key. Did you mean run?" in one for one in found)
    (tmp_path / "flow.yaml").write_text("name: f\ninputs: {v: string}\ntasks: {a: {run: [x]}}\n")
    assert faults(handler("workflow: flow\ninputs: {vv: 1}")) == [
        "7:9: events.a.handlers.h.inputs: The input v is missing.",
        "7:18: events.a.handlers.h.inputs.vv: That workflow has no such input. Did you mean v?",
    ]


def test_what_can_not_be_loaded(write: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(PipelineFileInvalid, match="There is no event type b") as found:
        load_pipeline(write(handler("run: [x]\nemits: b")))
    assert found.value.code == "pipeline_file_invalid"
    with pytest.raises(PipelineFileUnreadable, match="can't be read"):
        check(tmp_path / "gone.yaml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["a", "{{ x", "b: [", "run"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["run", "agents", "emits", "event", "when", "vote", "h", "watch", "on"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(event=VALUES, trigger=VALUES)
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nonsense_gives_faults_with_places_never_a_crash(
    tmp_path: Path, event: object, trigger: object
) -> None:
    path = tmp_path / "p.json"
    text = {"name": "x", "events": {"a": {"handlers": {"h": event}}}, "triggers": [trigger]}
    path.write_text(json.dumps(text))
    found = read_file(path)
    assert all(one.line >= 1 and one.column >= 1 and one.message for one in found.faults)
