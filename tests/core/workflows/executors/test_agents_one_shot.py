"""Agents that give one answer as a process, and how what they print is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.core.workflows.executors.stage import Stage

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.sessions.agents.loader import AgentCatalog, load_agents
from quarterdeck.core.sessions.practice.once import make_turn
from quarterdeck.core.workflows.backends.ports import LeafEnded
from quarterdeck.core.workflows.executors.answers import answer_of, events_of, usage_of
from quarterdeck.core.workflows.executors.faults import (
    AgentCrashed,
    AgentFailed,
    AgentLimited,
    AgentRefused,
)
from quarterdeck.core.workflows.executors.process import Finished
from quarterdeck.core.workflows.executors.results import Collected

CATALOG = load_agents()


def finished(stdout: str, code: int | None = 0, stderr: str = "") -> Finished:
    out, err = Collected(), Collected()
    out.add(0, stdout.encode())
    err.add(0, stderr.encode())
    return Finished(LeafEnded(datetime.now(UTC), code, None if code is not None else 15), out, err)


def lines(*events: Any) -> str:
    return "warning: no JSON\n" + "".join(json.dumps(event) + "\n" for event in events)


def read(agent: str, stdout: str, code: int | None = 0, stderr: str = "") -> Any:
    definition = CATALOG.definitions[agent]
    assert definition.oneshot is not None
    return answer_of(definition, definition.oneshot, finished(stdout, code, stderr))


CLAUDE = {"type": "result", "subtype": "success", "is_error": False, "result": "four",
          "permission_denials": []}  # fmt: skip
CODEX = [
    {"type": "thread.started", "thread_id": "t"},
    {"type": "item.completed", "item": {"type": "reasoning", "text": "hm"}},
    {"type": "item.completed", "item": {"type": "agent_message", "text": "first"}},
    {"type": "item.completed", "item": {"type": "agent_message", "text": "four"}},
    {"type": "turn.completed", "usage": {}},
]
OPENCODE = [
    {"type": "text", "part": {"text": "four"}},
    {"type": "step_finish", "part": {"reason": "stop"}},
]


@pytest.mark.parametrize(
    ("agent", "stdout"),
    [
        ("claude", json.dumps(CLAUDE)),
        ("codex", lines(*CODEX)),
        ("gemini", "Loaded cached credentials.\n" + json.dumps({"response": "four", "stats": {}}, indent=2)),
        ("opencode", lines(*OPENCODE)),
        ("practice-worker", json.dumps({"ok": True, "answer": "four", "refused": []})),
    ],
)  # fmt: skip
def test_answers_are_read_from_what_agents_print(agent: str, stdout: str) -> None:
    assert read(agent, stdout) == "four"


@pytest.mark.parametrize(
    ("agent", "stdout", "code", "stderr", "error", "told"),
    [
        ("claude", "", 0, "", AgentFailed, "did not say that it succeeded"),
        ("claude", json.dumps(CLAUDE), 1, "", AgentCrashed, "exited with code 1"),
        ("claude", json.dumps({**CLAUDE, "is_error": True, "result": "API Error: 500"}), 1, "",
         AgentFailed, "failed: API Error: 500"),
        ("claude", json.dumps({**CLAUDE, "is_error": True, "result": "You've hit your usage limit"}),
         1, "", AgentLimited, "usage limit"),
        ("claude", json.dumps({**CLAUDE, "is_error": True, "subtype": "error_max_turns", "result": ""}),
         1, "", AgentFailed, "error_max_turns"),
        ("claude", json.dumps({**CLAUDE, "permission_denials": [{"tool_name": "Bash"}]}), 0, "",
         AgentRefused, '"tool_name": "Bash"'),
        ("claude", json.dumps({**CLAUDE, "result": ""}), 0, "", AgentFailed, "gave no answer"),
        ("codex", lines(*CODEX[:-1]), 0, "", AgentFailed, "did not say that it succeeded"),
        ("codex", lines({"type": "turn.failed", "error": {"message": "429 Too Many Requests"}}), 1,
         "", AgentLimited, "429"),
        ("codex", "", 1, "Missing environment variable", AgentCrashed, "Missing environment"),
        ("gemini", json.dumps({"error": {"message": "API key not valid"}}), 41, "", AgentFailed,
         "API key not valid"),
        ("opencode", lines({"type": "error", "error": {"data": {"message": "rejected"}}}), 0, "",
         AgentFailed, "rejected"),
        ("practice-approver", json.dumps({"ok": True, "answer": "x", "refused": ["rm -r x"]}), 0, "",
         AgentRefused, "rm -r x"),
        ("practice-worker", json.dumps({"ok": 1, "answer": "x"}), 0, "", AgentFailed, "did not say"),
        ("practice-worker", json.dumps({"ok": True, "answer": "x"}), None, "", AgentCrashed,
         "ended by signal 15"),
    ],
)  # fmt: skip
def test_an_exit_code_of_0_alone_is_no_success(
    agent: str, stdout: str, code: int | None, stderr: str, error: type[QuarterdeckError], told: str
) -> None:
    with pytest.raises(error) as caught:
        read(agent, stdout, code, stderr)
    assert type(caught.value) is error
    assert told in caught.value.message


@pytest.mark.parametrize("text", ["", "[", "nonsense {", '{"a": 1} {"b": 2}', "[1, 2]", "null"])
def test_what_is_no_json_is_passed_over(text: str) -> None:
    assert list(events_of(text, "json")) == []
    assert list(events_of(f"{text}\n{{}}", "lines")) == [{}]


def test_every_shipped_agent_says_how_or_why_not() -> None:
    for name, definition in CATALOG.definitions.items():
        if name != "shell":
            assert definition.oneshot is not None, name
    assert CATALOG.definitions["aider"].oneshot is not None
    assert "no structured answer" in CATALOG.definitions["aider"].oneshot.none


def configured(table: dict[str, Any]) -> AgentCatalog:
    return load_agents(config={"mine": {"command": "mine", "oneshot": table}})


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"args": ["x"]}, "what counts as success"),
        ({"success": {}, "answer": {}}, "what counts as success"),
        ({"success": {}, "answer": {"read": "a"}, "args": ["{prompt}"]}, "one of args holds {prompt}"),
        ({"success": {}, "answer": {"read": "a"}, "prompt": "argument"}, "one of args holds {prompt}"),
        ({"none": "x", "sucess": {}}, "did you mean success"),
    ],
)  # fmt: skip
def test_wrong_one_shots_are_faults_of_the_configuration(table: dict[str, Any], told: str) -> None:
    (fault,) = configured(table).faults
    assert told in fault.message
    assert "oneshot" in fault.message


def test_one_shots_can_be_configured_key_by_key() -> None:
    assert not configured({"success": {"where": {"ok": True}}, "answer": {"read": "a"}}).faults
    catalog = load_agents(config={"claude": {"oneshot": {"refusals": []}}})
    claude = catalog.definitions["claude"].oneshot
    assert claude is not None
    assert (claude.refusals, claude.args[0]) == ((), "-p")


def test_the_crew_answers_the_same_for_the_same_prompt() -> None:
    first = make_turn("worker", 1, "do it")
    assert first == make_turn("worker", 1, "do it")
    assert first != make_turn("worker", 2, "do it")
    assert make_turn("crasher", 1, "do it") is None
    refusing = make_turn("asker", 1, "do it")
    assert refusing is not None
    assert refusing["refused"]


async def test_one_shots_run_and_hand_over(stage: Stage) -> None:
    state = await stage.run(
        """
        tasks:
          plan: {agent: practice-worker, mode: one-shot, prompt: plan it}
          note: {needs: plan, run: [echo, noted]}
          build: {agent: "{{ inputs.who }}", mode: one-shot, needs: [plan, note],
                  prompt: "build {{ tasks.plan.result }}"}
        inputs: {who: {default: practice-worker}}
        """
    )
    assert str(state.tasks["plan"].result).startswith("Done.")
    chain = await stage.store.handoffs(state.workflow_id)
    assert [(one.source_task, one.target_task, one.status) for one in chain] == [
        ("plan", "build", "completed"), ("build", None, "completed"),
    ]  # fmt: skip
    message = json.loads(chain[0].body)
    assert message["source"]["agent_id"] == "practice-worker"
    assert (
        message["context"]["previous_results"][-1]["result"]["data"] == state.tasks["plan"].result
    )
    given = stage.folder / "artifacts" / state.workflow_id / "build" / "1" / "handoffs.json"
    assert json.loads(given.read_text())[0]["handoff_id"] == chain[0].id


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("practice-approver", "AgentRefused: Practice approver was refused"),
        ("practice-crasher", "AgentCrashed: Practice crasher exited with code 3"),
        ("practice-limited", "AgentLimited: Practice limited failed: Usage limit reached"),
    ],
)
async def test_one_shots_that_fail_say_why(stage: Stage, agent: str, told: str) -> None:
    error = await stage.error(f"tasks: {{it: {{agent: {agent}, mode: one-shot, prompt: do}}}}")
    assert error.startswith(told)


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("agent: practice-worker", "wants a session (mode: session), and there are none here"),
        ("agent: aider, mode: one-shot", "can't do it as one-shot: it prints no structured answer"),
        ("agent: shell, mode: one-shot", "its definition has no [oneshot]"),
        ("agent: practice-workr, mode: one-shot", "Did you mean practice-worker?"),
    ],
)
async def test_what_no_agent_can_do_is_refused_at_creation(
    stage: Stage, task: str, told: str
) -> None:
    with pytest.raises(QuarterdeckError) as caught:
        await stage.create(f"tasks: {{it: {{{task}, prompt: do}}}}")
    assert told in caught.value.message
    with pytest.raises(QuarterdeckError) as caught:
        await stage.create(f"tasks: {{it: {{{task}, prompt: do, foreach: [1]}}}}")
    assert told in caught.value.message


async def test_an_answer_that_is_to_be_a_value_is_read_as_one(stage: Stage) -> None:
    error = await stage.error(
        "tasks: {it: {agent: practice-worker, mode: one-shot, prompt: do, "
        "outputs: {schema: {type: object}}}}"
    )
    assert "does not fit outputs.schema" in error


@pytest.mark.parametrize(
    ("agent", "stdout", "cost", "tokens"),
    [
        ("claude", json.dumps({**CLAUDE, "total_cost_usd": 0.25, "num_turns": 3, "usage": {
            "input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100,
            "service_tier": "standard"}}), 0.25, 115),
        ("codex", lines(*CODEX[:-1], *(
            {"type": "turn.completed", "usage": {"input_tokens": 7, "cached_input_tokens": 5, "output_tokens": 1}}
            for _ in range(2))), 0, 16),
        ("gemini", json.dumps({"response": "four", "stats": {"models": {
            "flash": {"tokens": {"total": 30}}, "pro": {"tokens": {"total": 12}}}}}), 0, 42),
        ("opencode", lines({"type": "step_finish", "part": {"reason": "stop", "cost": 0.5, "tokens": {
            "input": 1, "output": 2, "reasoning": 4, "cache": {"read": 8}}}}), 0.5, 7),
        ("practice-worker", json.dumps(make_turn("worker", 0, "x")), 0.0647, 6470),
        ("claude", json.dumps({**CLAUDE, "total_cost_usd": "much", "usage": {"input_tokens": -4}}), 0, 0),
    ],
)  # fmt: skip
def test_what_agents_say_that_they_spent(
    agent: str, stdout: str, cost: float, tokens: float
) -> None:
    oneshot = CATALOG.definitions[agent].oneshot
    assert oneshot is not None
    found = usage_of(oneshot, finished(stdout).stdout)
    assert found is not None
    assert (found.cost, found.tokens) == pytest.approx((cost, tokens), rel=0.2)


def test_who_says_nothing_is_not_counted() -> None:
    oneshot = CATALOG.definitions["codex"].oneshot
    assert oneshot is not None
    assert usage_of(oneshot, finished("no JSON").stdout) is None
    assert usage_of(oneshot.model_copy(update={"usage": None}), finished("{}").stdout) is None
