"""The example crew: tasks over five agents, placed by a real engine, which is killed among them."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.machine import Machine, eventually

EXAMPLE = Path(__file__).parents[2] / "examples" / "crew"
PATIENCE = 120.0


def serve(machine: Machine) -> None:
    """An engine with the example's settings."""
    shutil.copy(EXAMPLE / "quarterdeck.toml", machine.work)
    machine.serve()


def begin(machine: Machine, each: int) -> str:
    """Start the example with so many tasks of each kind; the workflow's id."""
    made = machine.call(
        "workflow.create",
        file=str(EXAMPLE / "crew.yaml"),
        cwd=str(machine.work),
        inputs={"each": each},
    )
    return str(made["workflow"]["id"])


def tasks(machine: Machine, workflow_id: str) -> list[dict[str, Any]]:
    """The tasks that agents do."""
    whole = machine.call("workflow.show", workflow_id=workflow_id)["whole"]
    return [task for task in whole["tasks"] if task["parent"]]


def to_its_end(machine: Machine, workflow_id: str) -> dict[str, Counter[str]]:
    """Who did how many of each kind, once all are done."""

    def ended() -> bool:
        found = machine.call("workflow.list")["workflows"]
        return any(one["id"] == workflow_id and one["status"] == "completed" for one in found)

    eventually(ended, PATIENCE, what="the end of the workflow")
    done: dict[str, Counter[str]] = {}
    for task in tasks(machine, workflow_id):
        done.setdefault(task["parent"], Counter())[task["agent"]] += 1
    return done


@pytest.mark.timeout(300)
def test_a_crew_of_five_also_after_a_kill(machine: Machine) -> None:
    machine.extra["QUARTERDECK_CREW__STRATEGY"] = "capability_match"
    serve(machine)
    workflow_id = begin(machine, 5)
    eventually(lambda: machine.call("crew.show")["crew"]["waiting"], PATIENCE, what="a line")
    waiting = [task["reason"] for task in tasks(machine, workflow_id) if task["status"] == "ready"]
    assert all(waiting)
    machine.kill_engine()
    serve(machine)
    crew = machine.call("crew.show")["crew"]
    assert crew["strategy"] == "capability_match"
    assert all(one["running"] <= one["capacity"] for one in crew["agents"])
    assert all(one["running"] <= one["limit"] for one in crew["groups"])
    done = to_its_end(machine, workflow_id)
    assert set(done["docs"]) <= {"cleo", "dan"}
    assert set(done["tests"]) <= {"ada", "dan"}
    assert done["code"]["ben"] >= 3  # he can do nothing else, and has room for three
    assert done["train"] == {"eve": 5}
    assert {kind: counts.total() for kind, counts in done.items()} == dict.fromkeys(done, 5)
    # Only what was just being begun, and left no trace, is begun again.
    assert all(task["attempt"] <= 2 for task in tasks(machine, workflow_id))
    shown = machine.run("crew").out
    assert "Strategy: capability match" in shown
    assert "ada" in shown
