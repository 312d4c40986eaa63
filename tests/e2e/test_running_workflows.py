"""``quarterdeck run`` as a person and as a script use it: real processes, a real terminal."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.machine import PATIENCE, PROGRAM, Machine, eventually

CHAIN = """
name: chain
tasks:
  one: {run: [sh, -c, "echo one >> marks; echo 1"]}
  two: {needs: one, run: [sh, -c, "sleep 0.2; echo two >> marks; echo 2"]}
  three: {needs: two, run: [echo, "{{ tasks.one.result }}{{ tasks.two.result }}"]}
"""
GATED = """
name: gated
tasks:
  build: {run: [echo, built]}
  ship: {needs: build, approve: {question: "Ship it?", choices: {approve: Ship it, later: Not yet, reject: Never}}}
  tell: {needs: ship, run: [echo, "{{ tasks.ship.result }}"]}
"""
LONG = """
name: long
tasks:
  wait: {run: [sh, -c, "echo begun >> marks; sleep 30"]}
  after: {needs: wait, run: [echo, done]}
"""


def write(machine: Machine, text: str) -> str:
    path = machine.work / "flow.yaml"
    path.write_text(text)
    return path.name


def lines_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def begin(machine: Machine, *words: str) -> subprocess.Popen[str]:
    """A run without a terminal, in the background; the machine ends it at the latest."""
    process = subprocess.Popen(
        [PROGRAM, "run", *words, "--state-dir", str(machine.state_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=machine.work,
        env=machine.environment,
        start_new_session=True,
    )
    machine.engines.append(process)
    return process


def marks(machine: Machine) -> list[str]:
    path = machine.work / "marks"
    return path.read_text().split() if path.exists() else []


def items(machine: Machine) -> list[dict[str, Any]]:
    """What is open; nothing while no engine answers."""
    ended = machine.run("attention", "list", "--json")
    found: list[dict[str, Any]] = json.loads(ended.out)["items"] if ended.code == 0 else []
    return found


def test_a_script_gets_a_line_for_each_change_and_a_table(machine: Machine) -> None:
    ended = machine.run("run", write(machine, CHAIN))
    assert ended.code == 0, ended
    assert marks(machine) == ["one", "two"]
    told = [line[10:] for line in ended.out.splitlines() if line[2:3] == ":"]
    assert [line for line in told if line.endswith("completed")] == [
        "one completed", "two completed", "three completed", "chain completed",
    ]  # fmt: skip
    assert "chain completed after" in ended.out.splitlines()[-1]
    assert "\x1b" not in ended.out


def test_a_failure_is_the_exit_code_and_stands_in_the_table(machine: Machine) -> None:
    text = (
        "name: bad\ntasks:\n  no: {run: [sh, -c, 'exit 3']}\n  after: {needs: no, run: [echo, x]}\n"
    )
    ended = machine.run("run", write(machine, text))
    assert ended.code == 1
    assert "after" in ended.out
    assert "skipped" in ended.out
    assert "bad failed" in ended.out.splitlines()[-1]


def test_the_feature_example_runs_on_a_fresh_state_directory(machine: Machine) -> None:
    example = Path(__file__).parents[2] / "examples/feature.yaml"
    machine.extra["QUARTERDECK_PRACTICE_PACE"] = "fast"
    ended = machine.run("run", str(example), "--approve", "all", "--json")
    assert ended.code == 0, ended.err
    events = lines_of(ended.out)
    assert (events[0]["kind"], events[-1]["kind"]) == ("begin", "end")
    assert events[-1]["workflow"]["status"] == "completed"
    assert {task["status"] for task in events[-1]["tasks"]} == {"completed"}
    types = {event["type"] for event in events if event["kind"] == "event"}
    assert {"workflow.changed", "workflow.task"} <= types


def test_what_can_not_be_run_is_said_in_one_line(machine: Machine) -> None:
    name = write(machine, GATED)
    for words, code in (
        (("run",), "usage"),
        (("run", "nothing.yaml"), "workflow_file_unreadable"),
        (("run", name, "--approve", "shop=yes"), "approval_unknown"),
        (("run", name, "--approve", "ship=maybe"), "approval_unknown"),
        (("run", name, "--executor", "moon://x"), "unknown_executor"),
        (("run", name, "--store", "moon://x"), "unknown_store"),
        (("run", "--resume", "01ARZ3NDEK"), "workflow_unknown"),
    ):
        ended = machine.run(*words)
        assert ended.code in {1, 2}, (words, ended)
        assert ended.err.startswith(f"quarterdeck: {code}: "), (words, ended)
        assert len(ended.err.splitlines()) == 1


def test_it_runs_in_the_engine_that_runs(machine: Machine) -> None:
    machine.serve()
    ended = machine.run("run", write(machine, CHAIN), "--json")
    assert ended.code == 0, ended
    listed = machine.ask("workflow", "list")["workflows"]
    assert [(one["name"], one["status"]) for one in listed] == [("chain", "completed")]
    short = listed[0]["id"][-6:]
    shown = machine.ask("workflow", "show", short)["whole"]
    assert [task["status"] for task in shown["tasks"]] == ["completed"] * 3
    assert machine.ask("workflow", "show", short, "three")["task"]["result"] == "12"
    assert "1" in machine.run("workflow", "log", short, "one").out
    drawn = machine.run("workflow", "graph", short, "--format", "mermaid").out
    assert "three" in drawn


def test_a_person_answers_on_the_terminal(machine: Machine) -> None:
    terminal = machine.open("run", write(machine, GATED))
    terminal.wait_for("ship asks: Ship it?")
    terminal.burst("nonsense\r")
    terminal.wait_for(lambda text: text.count("ship asks") == 2)
    terminal.burst("later\r")
    text = terminal.wait_for("gated completed after")
    assert "tell" in text
    assert terminal.wait_end() == 0


def test_an_answer_from_elsewhere_takes_the_question_away(machine: Machine) -> None:
    terminal = machine.open("run", write(machine, GATED))
    terminal.wait_for("ship asks: Ship it?")
    item = items(machine)[0]
    assert (item["kind"], item["task_id"], item["session_id"]) == ("gate", "ship", "")
    assert machine.run("attention", "answer", item["item_id"], "approve").code == 0
    terminal.wait_for("answered elsewhere")
    terminal.wait_for("gated completed after")
    assert terminal.wait_end() == 0


def test_ctrl_c_pauses_and_the_workflow_is_resumed(machine: Machine) -> None:
    text = LONG.replace("sleep 30", "[ -e go ] || sleep 30")
    terminal = machine.open("run", write(machine, text))
    eventually(lambda: marks(machine), what="the task")
    terminal.press("ctrl+c")
    terminal.wait_for("[p]ause it")
    terminal.burst("p\r")
    said = terminal.wait_for("quarterdeck run --resume")
    assert terminal.wait_end() == 130
    assert not machine.living_tasks()
    workflow_id = said.split("--resume ")[1].split()[0]
    (machine.work / "go").touch()
    ended = machine.run("run", "--resume", workflow_id[:12], "--json")
    assert ended.code == 0, ended
    assert marks(machine) == ["begun", "begun"]


def test_a_second_ctrl_c_cancels(machine: Machine) -> None:
    terminal = machine.open("run", write(machine, LONG))
    eventually(lambda: marks(machine), what="the task")
    terminal.press("ctrl+c")
    terminal.wait_for("[p]ause it")
    terminal.press("ctrl+c")
    terminal.wait_for("long cancelled after")
    assert terminal.wait_end() == 1
    assert not machine.living_tasks()


def test_detached_it_runs_on_in_the_background(machine: Machine) -> None:
    text = LONG.replace("sleep 30", "until [ -e go ]; do sleep 0.05; done; echo ended >> marks")
    terminal = machine.open("run", write(machine, text))
    eventually(lambda: marks(machine), what="the task")
    terminal.press("ctrl+c")
    terminal.wait_for("[p]ause it")
    terminal.burst("d\r")
    terminal.wait_for("It runs on.")
    assert terminal.wait_end() == 0
    try:
        (machine.work / "go").touch()
        done = "completed"
        eventually(
            lambda: (
                [one["status"] for one in machine.ask("workflow", "list")["workflows"]] == [done]
            ),
            what="its end",
        )
        assert marks(machine) == ["begun", "ended"]
    finally:
        assert machine.run("shutdown").code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_terminal_a_signal_pauses_and_says_how_to_go_on(
    machine: Machine, number: signal.Signals
) -> None:
    process = begin(machine, write(machine, LONG))
    eventually(lambda: marks(machine), what="the task")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number, (out, err)
    assert "quarterdeck run --resume" in out.splitlines()[-1]
    assert not machine.living_tasks()


def test_a_gate_stands_once_after_a_crash(machine: Machine) -> None:
    process = begin(machine, write(machine, GATED))
    asked = eventually(lambda: items(machine), what="the gate")
    process.kill()
    process.communicate(timeout=PATIENCE)
    machine.serve()
    again = eventually(lambda: items(machine), what="the gate")
    assert [one["item_id"] for one in again] == [one["item_id"] for one in asked]
    time.sleep(0.2)  # a second one would have come by now
    assert len(items(machine)) == 1
    assert machine.run("attention", "answer", again[0]["item_id"][-6:], "approve").code == 0
    ended = machine.run("run", "--resume", again[0]["workflow_id"])
    assert ended.code == 0, ended
    assert not items(machine)


def test_what_is_gone_on_with_may_be_named_and_answered_ahead(machine: Machine) -> None:
    file = write(machine, GATED)
    process = begin(machine, file)
    (item,) = eventually(lambda: items(machine), what="the gate")
    process.kill()
    process.communicate(timeout=PATIENCE)
    resume = ("--resume", item["workflow_id"], "--approve", "all")
    other = machine.run("run", "other.yaml", *resume)
    assert (other.code, "leave out FILE" in other.err) == (2, True), other
    in_other_words = f"../{machine.work.name}/{file}"
    ended = machine.run("run", in_other_words, *resume)
    assert ended.code == 0, ended
    assert not machine.living_tasks()


def test_a_failed_workflow_needs_a_person_until_it_is_retried(machine: Machine) -> None:
    machine.serve()
    text = "name: bad\ntasks:\n  no: {run: [sh, -c, 'test -e go']}\n"
    assert machine.run("run", write(machine, text)).code == 1
    (item,) = eventually(lambda: items(machine), what="the item")
    assert (item["kind"], item["title"][:10]) == ("failure", "bad failed")
    (machine.work / "go").touch()
    assert machine.run("workflow", "retry", item["workflow_id"]).code == 0
    eventually(lambda: not items(machine), what="the end of the item")
    assert machine.run("run", "--resume", item["workflow_id"]).code == 0


def test_what_a_killed_run_left_goes_on_beside_the_next_one_and_both_ends_are_told(
    machine: Machine,
) -> None:
    process = begin(machine, write(machine, LONG), "--json")
    eventually(lambda: marks(machine), what="the task")
    process.kill()
    process.communicate(timeout=PATIENCE)
    (machine.work / "other.yaml").write_text(CHAIN)
    ended = machine.run("run", "other.yaml", "--json")
    assert ended.code == 0, ended
    notes = [one["text"] for one in lines_of(ended.out) if one["kind"] == "note"]
    assert [text.partition(":")[0] for text in notes] == [
        "Goes on beside it, left by an engine that is gone",
        "Not over, and left for the next engine",
    ]
    assert all("1 of 2 tasks running" in text for text in notes)
    (workflow_id,) = {re.findall(r"run --resume (\w+)", text)[0] for text in notes}
    assert machine.living_tasks(), "what ran is adopted, and goes on"
    process = begin(machine, "--resume", workflow_id, "--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["kind"] == "begin", "nothing is beside it"
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert not machine.living_tasks()
    assert marks(machine) == ["begun", "one", "two"]


FAN = """
name: fan
limit: 3
tasks:
  list: {run: [sh, -c, "echo list >> marks; printf 'a\\nb\\nc\\nd'"], outputs: {stdout: lines}}
  each:
    needs: list
    foreach: {items: "{{ tasks.list.result }}"}
    run: [sh, -c, "sleep 0.1; echo $0 >> marks; echo $0", "{{ item }}"]
  join: {needs: each, run: [echo, "{{ tasks.each.result | join }}"]}
"""


@pytest.mark.timeout(300)
def test_killed_at_any_moment_and_resumed_each_task_is_completed_once(machine: Machine) -> None:
    """Rounds by ``QD_CHAOS_ROUNDS``; the moments by ``QD_SEED``."""
    rounds = int(os.environ.get("QD_CHAOS_ROUNDS", "2"))
    chance = random.Random(os.environ.get("QD_SEED", "1"))  # noqa: S311  # no secret
    name = write(machine, FAN)
    for turn in range(rounds):
        (machine.work / "marks").unlink(missing_ok=True)
        process, workflow_id = begin(machine, name, "--json"), ""
        for _ in range(3):
            assert process.stdout is not None
            first = process.stdout.readline()
            workflow_id = workflow_id or json.loads(first)["workflow"]["id"]
            time.sleep(chance.uniform(0.0, 0.5))
            process.kill()
            process.communicate(timeout=PATIENCE)
            process = begin(machine, "--resume", workflow_id, "--json")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (turn, out, err)
        end = lines_of(out)[-1]
        assert {task["status"] for task in end["tasks"]} == {"completed"}, end
        assert not machine.living_tasks()
        judge_history(machine, workflow_id)


def judge_history(machine: Machine, workflow_id: str) -> None:
    """Each task is completed once in the journal, and all its versions are there."""
    machine.serve()
    versions = machine.ask("workflow", "history", workflow_id)["versions"]
    machine.run("shutdown")
    machine.engines[-1].wait(PATIENCE)
    numbers = [one["version"] for one in versions]
    assert numbers == list(range(1, len(numbers) + 1))
    completed = [
        one["task_id"] for one in versions if one["status"] == "completed" and one["task_id"]
    ]
    assert sorted(completed) == sorted({*completed}), completed
    assert {"list", "each", "each[0]", "each[3]", "join"} <= set(completed)
