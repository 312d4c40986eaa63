"""``quarterdeck pipeline`` with real processes: headless, over an engine that is killed, by commands."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from tests.e2e.machine import PROGRAM, Machine, eventually

PATIENCE = 90.0
EXAMPLES = Path(__file__).parents[2] / "examples"
CHAIN = """
name: chain
events:
  begun:
    handlers:
      work:
        limit: 4
        run: [sh, -c, 'echo "$0" >> marks; sleep 0.4; echo "$0"', "{{ data }}"]
        emits: {event: done, data: "{{ result }}"}
  done:
    handlers:
      end:
        run: [sh, -c, 'echo "end $0" >> marks', "{{ data }}"]
      fail:
        when: "{{ data == '3' }}"
        run: ["false"]
"""


def write(machine: Machine) -> str:
    path = machine.work / "chain.yaml"
    path.write_text(CHAIN)
    return str(path)


def payloads(machine: Machine) -> list[dict[str, Any]]:
    found = machine.run("pipeline", "payloads", "--limit", "1000", "--json")
    assert found.code == 0, found.err
    listed: list[dict[str, Any]] = json.loads(found.out)["payloads"]
    return listed


def test_a_chain_without_an_engine_runs_here_to_its_end(machine: Machine) -> None:
    file = write(machine)
    good = machine.run("pipeline", "propel", file, "begun", "--data", '"1"')
    assert good.code == 0, good.err
    assert "end completed" in good.out
    bad = machine.run("pipeline", "propel", file, "begun", "--data", '"3"', "--json")
    assert bad.code == 1
    told = [json.loads(line) for line in bad.out.splitlines()]
    assert told[-1]["kind"] == "chain"
    assert [one["payload"]["status"] for one in told[-1]["payloads"]] == ["completed", "dead"]
    assert (machine.work / "marks").read_text().split("\n")[:2] == ["1", "end 1"]


def test_nothing_is_begun_twice_over_a_killed_engine(machine: Machine) -> None:
    file, marks = write(machine), machine.work / "marks"
    machine.serve()
    assert machine.run("pipeline", "load", file).code == 0
    for number in range(6):
        assert machine.run("pipeline", "propel", "begun", "--data", str(number)).code == 0
    eventually(lambda: marks.exists() and len(marks.read_text().split()) >= 4, PATIENCE, "work")
    machine.kill_engine()
    machine.serve()
    eventually(lambda: _over(machine), PATIENCE, "the end of all payloads")
    wanted = [str(number) for number in range(6)]
    said = Counter(marks.read_text().splitlines())
    assert said == Counter([*wanted, *(f"end {one}" for one in wanted)])
    shown = json.loads(machine.run("pipeline", "show", "chain", "--json").out)["whole"]
    succeeded = {one["name"]: one["succeeded"] for one in shown["handlers"]}
    assert succeeded == {"work": 6, "end": 6, "fail": 0}
    (dead,) = [one for one in payloads(machine) if one["status"] == "dead"]
    assert machine.run("pipeline", "discard", dead["id"][-8:]).code == 0
    assert machine.items() == []


def test_an_interrupted_chain_goes_on_with_the_next_engine(machine: Machine) -> None:
    file, marks = write(machine), machine.work / "marks"
    words = ["pipeline", "propel", file, "begun", "--data", '"1"', "--state-dir"]
    process = subprocess.Popen(
        [PROGRAM, *words, str(machine.state_dir)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=machine.work,
        env=machine.environment,
    )
    eventually(marks.exists, PATIENCE, "the handler")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "It is kept, and goes on with the engine." in out
    machine.serve()
    eventually(lambda: len(payloads(machine)) == 2, PATIENCE, "what follows")
    eventually(
        lambda: {one["status"] for one in payloads(machine)} == {"completed"}, PATIENCE, "the end"
    )
    assert marks.read_text() == "1\nend 1\n"


def _over(machine: Machine) -> bool:
    found = payloads(machine)
    return len(found) == 12 and all(one["status"] in {"completed", "dead"} for one in found)


def test_the_night_watch_of_the_examples_starts_its_workflow(machine: Machine) -> None:
    for name in ("night-watch.yaml", "nightly.yaml"):
        (machine.work / name).write_text((EXAMPLES / name).read_text())
    identity = ["-c", "user.name=Ann", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "Begin"]):
        subprocess.run(["git", *words], cwd=machine.work, check=True)
    machine.serve()
    loaded = machine.run("pipeline", "load", "night-watch.yaml")
    assert loaded.code == 0, loaded.err
    shown = machine.run("pipeline", "show", "night-watch").out
    assert "schedule: 0 3 * * * Europe/Vienna to night, next " in shown
    due = json.dumps({"night": "2026-11-21T02:00:00+00:00"})
    done = machine.run("pipeline", "propel", "night", "--data", due, "--wait")
    assert done.code == 0, done.out + done.err
    assert "tell completed: 1 commits before 2026-11-21T02:00:00+00:00" in done.out
    flows = json.loads(machine.run("workflow", "list", "--json").out)["workflows"]
    found = {one["event"]: one for one in payloads(machine)}
    assert [one["parent"] for one in flows] == [f"payload/{found['night']['id']}"]
    assert found["found"]["above"] == found["night"]["id"]
