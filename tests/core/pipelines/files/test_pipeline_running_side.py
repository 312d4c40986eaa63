"""What runs handlers is given: tasks with values bound, conditions, what follows, votes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.pipelines.definition import HandlerDefinition, PipelineDefinition
from quarterdeck.core.pipelines.files import PayloadDataInvalid, load_pipeline
from quarterdeck.core.pipelines.files.executing import (
    MOST_EMITTED,
    Emission,
    Names,
    ballots,
    bind,
    check_data,
    emissions,
    question_of,
    result_of,
    vote_result,
    wanted,
)
from quarterdeck.core.pipelines.files.values import rate_of
from quarterdeck.core.pipelines.files.votes import CHOICES, ballot_of
from quarterdeck.core.workflows.context import TaskExecutionContext
from quarterdeck.core.workflows.encoding import task_of, task_values
from quarterdeck.core.workflows.files import (
    FanOutTooLarge,
    InputsInvalid,
    TemplateFailed,
    command_of,
    fan_out,
    rendered,
    scope_of,
)

FILE = """
name: shop
description: orders
inputs:
  crew: {type: list, default: [ann, ben]}
  folder: {type: path, default: inbox}
  key: {default: s3cret, secret: true}
env: {LANG: C}
groups: {disk: 1}
limit: 3
max_hops: 7
events:
  ordered:
    description: An order.
    priority: high
    deadline: 2m
    schema: {type: object, required: [item]}
    handlers:
      pack:
        run: [pack, "{{ data.item }}", "{{ env.N }}", "{{ causes[0].event }}", "{{ inputs.key }}"]
        env: {N: "{{ payload.id }}"}
        when: data.item != 'air' and payload.hops < 3
        retry: {attempts: 3, initial: 2s}
        timeout: 5m
        limit: 2
        rate: 30/m
        group: disk
        priority: low
        emits:
          - {event: packed, each: true, data: "{{ result.boxes }}", priority: critical}
          - {event: done, when: result.boxes | length == 0}
      ask:
        agents: "{{ inputs.crew }}"
        mode: one-shot
        prompt: "{{ agent }} of {{ pipeline.name }}: {{ data.item }}?"
        timeout: 1m
  packed:
    handlers:
      judge:
        agents: [ann, ben, cleo]
        prompt: Look at {{ data }}.
        vote: {question: "Send {{ data }}?", threshold: 0.7, people: true, deadline: 1h}
      flow: {workflow: other, inputs: {box: "{{ data }}"}}
      one: {agent: "{{ inputs.crew | last }}", prompt: hi}
      call: {python: builtins:len, with: {obj: "{{ data }}"}}
  done:
triggers:
  - {watch: "{{ inputs.folder }}", event: done}
"""


@pytest.fixture
def pipeline(write: Callable[[str], Path], tmp_path: Path) -> PipelineDefinition:
    (tmp_path / "other.yaml").write_text(
        "name: o\ninputs: {box: {type: object}}\ntasks: {a: {run: [x]}}"
    )
    return load_pipeline(write(FILE))


def named(pipeline: PipelineDefinition, name: str) -> HandlerDefinition:
    return next(one for one in pipeline.handlers() if one.name == name)


def names(pipeline: PipelineDefinition, data: Any, **payload: Any) -> Names:
    known = {"id": "P1", "hops": 0, **payload}
    return Names(pipeline, "ordered", data, known, [{"id": "P0", "event": "asked", "data": 1}])


def test_the_definition_says_what_the_file_says(
    pipeline: PipelineDefinition, tmp_path: Path
) -> None:
    assert (pipeline.name, pipeline.limit, pipeline.max_hops) == ("shop", 3, 7)
    assert (dict(pipeline.groups), pipeline.secrets) == ({"disk": 1}, ("key",))
    assert pipeline.directory == str(tmp_path)
    assert pipeline.inputs["folder"] == str(tmp_path / "inbox")
    assert pipeline.triggers[0].options["folder"] == str(tmp_path / "inbox")
    ordered, packed, done = pipeline.events
    assert (ordered.priority, ordered.deadline, done.handlers) == (Priority.HIGH, 120.0, ())
    assert [one.name for one in packed.handlers] == ["judge", "flow", "one", "call"]
    pack = named(pipeline, "pack")
    assert (pack.rate, pack.limit, pack.group, pack.timeout) == (0.5, 2, "disk", 300.0)
    assert (pack.retry.max_attempts, pack.retry.initial_delay) == (3, 2.0)
    assert (pack.task.retry_policy, pack.task.timeout) == (named(pipeline, "ask").retry, 300.0)
    assert pack.priority is Priority.LOW
    assert named(pipeline, "ask").task.metadata["agents"] == ["ann", "ben"]
    assert named(pipeline, "one").task.metadata["agent"] == "ben"
    vote = named(pipeline, "judge").vote
    assert vote is not None
    assert (vote.voters, vote.threshold, vote.people, vote.deadline) == (
        ("ann", "ben", "cleo"), 0.7, True, 3600.0,
    )  # fmt: skip


def test_a_bound_task_is_what_executors_take(pipeline: PipelineDefinition) -> None:
    values = names(pipeline, {"item": "a book"})
    task = task_of(json.loads(json.dumps(task_values(bind(named(pipeline, "pack"), values)))))
    scope = scope_of(TaskExecutionContext(task, "W", inputs=dict(pipeline.inputs)))
    assert command_of(task, scope) == ["pack", "a book", "P1", "asked", "s3cret"]
    assert scope.secrets == {"s3cret"}
    assert "names" not in named(pipeline, "pack").task.metadata


def test_several_agents_are_told_the_same(pipeline: PipelineDefinition) -> None:
    ask = named(pipeline, "ask")
    task = bind(ask, names(pipeline, {"item": "tea"}))
    scope = scope_of(TaskExecutionContext(task, "W", inputs=dict(pipeline.inputs)))
    children = fan_out(task, scope).children
    told = []
    for child in children:
        inner = scope_of(TaskExecutionContext(child, "W", inputs=dict(pipeline.inputs)))
        told.append(rendered(child, inner, "prompt")["prompt"])
    assert told == ["ann of shop: tea?", "ben of shop: tea?"]
    assert [(one.agent_id, one.metadata["agent"], one.timeout) for one in children] == [
        ("ann", "ann", 60.0), ("ben", "ben", 60.0),
    ]  # fmt: skip
    assert result_of(ask, ["yes", None]) == [
        {"agent": "ann", "result": "yes"}, {"agent": "ben", "result": None},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "hops", "holds"), [("book", 0, True), ("air", 0, False), ("book", 3, False)]
)
def test_a_condition_asks_the_payload(
    pipeline: PipelineDefinition, item: str, hops: int, holds: bool
) -> None:
    assert wanted(named(pipeline, "pack"), names(pipeline, {"item": item}, hops=hops)) is holds
    assert wanted(named(pipeline, "ask"), names(pipeline, {}))


def test_what_follows(pipeline: PipelineDefinition) -> None:
    pack, values = named(pipeline, "pack"), names(pipeline, {"item": "book"})
    assert emissions(pack, values, {"boxes": [1, {"two": 2}]}) == [
        Emission("packed", 1, Priority.CRITICAL),
        Emission("packed", {"two": 2}, Priority.CRITICAL),
    ]
    assert emissions(pack, values, {"boxes": []}) == [Emission("done", {"boxes": []})]
    with pytest.raises(TemplateFailed, match=r"emits.packed of pack.*boxes"):
        emissions(pack, values, {})
    with pytest.raises(FanOutTooLarge, match="each takes a list, not a str"):
        emissions(pack, values, {"boxes": "many"})
    with pytest.raises(FanOutTooLarge, match="are the most"):
        emissions(pack, values, {"boxes": list(range(MOST_EMITTED + 1))})
    assert emissions(named(pipeline, "ask"), values, "x") == []


def test_data_must_fit(pipeline: PipelineDefinition) -> None:
    ordered, packed, _ = pipeline.events
    check_data(ordered, {"item": 1})
    check_data(packed, None)
    with pytest.raises(PayloadDataInvalid, match=r"ordered: data: 'item' is a required"):
        check_data(ordered, {})


def test_agents_that_inputs_give_are_names(write: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("name: o\ninputs: {box: {}}\ntasks: {a: {run: [x]}}")
    path = write(FILE)
    assert load_pipeline(path, ["crew=claude,codex"]).events[0].handlers[1].task.metadata[
        "agents"
    ] == ["claude", "codex"]
    for crew, told in (([], "no list of names"), (["a", "a"], "a is among them twice")):
        with pytest.raises(InputsInvalid, match=told):
            load_pipeline(path, {"crew": crew})
    with pytest.raises(InputsInvalid, match="no such input"):
        load_pipeline(path, {"crw": []})


# ---- votes -----------------------------------------------------------------------------------


def test_voters_are_told_how(pipeline: PipelineDefinition) -> None:
    judge = named(pipeline, "judge")
    each = task_of(judge.task.metadata["each"])
    assert each.allow_failure
    prompt = each.metadata["prompt"]
    assert prompt.startswith(
        "Look at {{ data }}.\n\nVote: Send {{ data }}?\n\nAnswer with one JSON"
    )
    assert question_of(judge, names(pipeline, "it")) == "Send it?"
    assert question_of(named(pipeline, "pack"), names(pipeline, {})) == ""


@pytest.mark.parametrize(
    ("answer", "choice", "reason"),
    [
        ({"vote": "approve", "reason": "good"}, "approve", "good"),
        ('{"vote": "Reject", "reason": "bad"}', "reject", "bad"),
        ('I think:\n```json\n{"vote": "approve", "reason": "a\nb"}\n```\nBye.', "approve", "a\nb"),
        ('first {"vote": "reject"} then {"vote": "approve"}', "approve", ""),
        ('{"vote": "reject", "reason": "no {braces}"}', "reject", "no {braces}"),
        ("Approve. It is fine.", "approve", "Approve. It is fine."),
        ("**reject**", "reject", "**reject**"),
        ("I approve", "abstain", "I approve"),
        ('{"vote": "maybe"}', "abstain", ""),
        ({"voted": 1}, "abstain", ""),
        ("", "abstain", ""),
    ],
)
def test_what_answers_mean(answer: Any, choice: str, reason: str) -> None:
    ballot = ballot_of("ann", answer)
    assert (ballot.voter, ballot.choice, ballot.reason) == ("ann", choice, reason)


@given(answers=st.lists(st.none() | st.text(max_size=20) | st.sampled_from(CHOICES), max_size=6))
@settings(max_examples=60)
def test_every_answer_is_one_vote(answers: list[str | None]) -> None:
    given_ = [{"agent": f"a{at}", "result": one} for at, one in enumerate(answers)]
    cast = ballots(given_)
    result = vote_result("Go?", cast, "achieved")
    assert result["approve"] + result["reject"] + result["abstain"] == len(result["votes"])
    assert len(cast) == sum(one is not None for one in answers)
    assert {one["voter"] for one in result["votes"]} <= {one["agent"] for one in given_}


@pytest.mark.parametrize(
    ("text", "rate"),
    [("5/s", 5.0), ("30/m", 0.5), ("36/h", 0.01), (" 1 / d ", 1 / 86_400), (2, 2.0), (0.5, 0.5)],
)
def test_rates(text: object, rate: float) -> None:
    assert rate_of(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "5", "5/y", "0/s", "-1/s", 0, -1, True, None, [1]])
def test_what_is_no_rate(text: object) -> None:
    assert rate_of(text) is None
