"""The example of safety and budgets against a real engine, with practice agents in processes of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.machine import PATIENCE, PROGRAM, Machine, eventually

EXAMPLE = Path(__file__).parents[2] / "examples" / "safety"


@pytest.fixture
def example(machine: Machine) -> Machine:
    """The machine, with the example's files where it works."""
    for file in EXAMPLE.iterdir():
        shutil.copy(file, machine.work)
    return machine


def asked(machine: Machine, *words: str) -> dict[str, Any]:
    done = machine.run(*words, "--json")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def begin(machine: Machine, file: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, "run", file, "--json", "--state-dir", str(machine.state_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=machine.work,
        env=machine.environment,
    )


def limits(machine: Machine) -> list[dict[str, Any]]:
    items = asked(machine, "attention", "list")["items"]
    return [item for item in items if item["kind"] == "limit"]


@pytest.mark.timeout(200)
def test_a_budget_breach_pauses_and_asks_survives_a_kill_and_goes_on_when_granted(
    example: Machine,
) -> None:
    example.serve()
    run = begin(example, "purse.yaml")
    (item,) = eventually(lambda: limits(example))
    (account,) = asked(example, "budget", "list", "--asked")["budgets"]
    assert account["name"] == "purse"
    assert account["spent"] > 0
    assert account["reserved"] == 0
    (flow,) = asked(example, "workflow", "list")["workflows"]
    shown = asked(example, "workflow", "show", flow["id"])["whole"]["tasks"]
    assert [task["status"] for task in shown] == ["completed", "ready", "pending"]
    assert "purse" in shown[1]["reason"]

    example.kill_engine()
    example.serve()
    (again,) = eventually(lambda: limits(example))
    assert again["item_id"] == item["item_id"], "the question stands again, once"
    assert example.run("attention", "answer", item["item_id"], "double").code == 0
    run.communicate(timeout=PATIENCE)
    eventually(lambda: asked(example, "workflow", "list")["workflows"][0]["status"] == "completed")
    (account,) = asked(example, "budget", "list")["budgets"]
    assert account["limit"] == pytest.approx(0.3)
    assert (account["reserved"], account["asked"], limits(example)) == (0, False, [])


@pytest.mark.timeout(200)
def test_a_breaker_opens_on_a_crashing_agent_and_closes_again(example: Machine) -> None:
    example.serve()
    run = begin(example, "flaky.yaml")
    eventually(lambda: _breaker(example)["state"] == "open", what="an open breaker")
    out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out
    assert (example.work / "flaky.tally").read_text() == "3"
    found = _breaker(example)
    assert (found["state"], found["failures"]) == ("closed", 0)
    told = example.run("events", "--topic", "breaker.*", "--json").out.splitlines()
    states = [json.loads(line)["payload"]["breaker"]["state"] for line in told]
    assert states.index("open") < states.index("half_open") < len(states) - 1
    assert states[-1] == "closed"


def _breaker(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = asked(machine, "safety")["safety"]["breakers"][0]
    return found


@pytest.mark.timeout(200)
def test_a_session_says_what_it_spends_and_a_critical_rule_halts(example: Machine) -> None:
    example.serve()
    assert example.run("session", "new", "probe", "--agent", "practice-worker").code == 0
    assert example.run("session", "wait", "probe", "--until", "idle").code == 0
    refused = example.run("session", "prompt", "probe", "git push --force")
    assert "no_force_push" in refused.err
    assert asked(example, "safety")["safety"]["halt"]["rule"] == "no_force_push"
    assert "halted" in example.run("session", "prompt", "probe", "hello").err
    assert example.run("safety", "reset").code == 0
    assert example.run("session", "prompt", "probe", "hello").code == 0
    turns = eventually(lambda: _spent(example, "turns"), what="a counted turn")
    assert turns == 1


def _spent(machine: Machine, name: str) -> float:
    found = asked(machine, "budget", "list")["budgets"]
    return float(next((one["spent"] for one in found if one["name"] == name), 0))
