"""The examples run as they stand: those in Python by themselves, the files on the practice crew."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.machine import Machine, eventually

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS: dict[str, Any] = {
    "sequential": ["fetch", "clean", "report"],
    "side_by_side": 2,
    "retries": ("done at attempt 3", 2),
    "failures": (
        {"build": "failed", "publish": "skipped", "lint": "completed"},
        {"build": "completed", "publish": "completed", "lint": "completed"},
    ),
    "persistence": ["step-0", "step-1", "step-2", "step-3"],
    "rollback": ("paused", 4, "completed"),
}


def program(name: str) -> Any:
    """What the example's ``main`` comes to."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return asyncio.run(module.main())


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_what_it_says(name: str) -> None:
    assert program(name) == PROGRAMS[name]


def test_the_diamonds_begin_in_their_order() -> None:
    begun = program("diamonds")
    assert (begun[0], begun[-1]) == ("plan", "release")
    assert begun.index("migrate") > max(begun.index("schema"), begun.index("backend"))


def repository(place: Path) -> None:
    """A repository with two commits, the last of which changes two files."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for step, files in enumerate((("README.md",), ("a.py", "b.py"))):
        for file in files:
            (place / file).write_text(f"{file} {step}\n")
        for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", f"step {step}"]):
            subprocess.run(["git", *words], cwd=place, check=True)


@pytest.mark.timeout(200)
def test_every_file_runs_on_the_practice_crew(machine: Machine) -> None:
    repository(machine.work)
    machine.extra["QUARTERDECK_PRACTICE_PACE"] = "fast"
    machine.serve()
    texts = {path: path.read_text() for path in sorted(EXAMPLES.glob("*.yaml"))}
    files = [
        path
        for path, text in texts.items()
        if "/workflow.schema.json" in text and "emit:" not in text  # those need a pipeline
    ]
    target = str(machine.work / "stored.json")
    inputs = {"document-processing": {"target": target}}
    made = {
        file.stem: machine.call(
            "workflow.create",
            file=str(file),
            cwd=str(machine.work),
            inputs=inputs.get(file.stem, {}),
            approve={"*": "yes"} if file.stem == "feature" else {},
        )["workflow"]["id"]
        for file in files
    }

    def standing() -> dict[str, str]:
        found = machine.call("workflow.list")["workflows"]
        return {one["id"]: one["status"] for one in found}

    eventually(
        lambda: all(standing()[one] not in {"pending", "running"} for one in made.values()),
        120,
        what="their ends",
    )
    ended = standing()
    assert {name: ended[one] for name, one in made.items()} == dict.fromkeys(made, "completed")
    whole = machine.call("workflow.show", workflow_id=made["review-diff"])["whole"]
    parts = [task["id"] for task in whole["tasks"] if task["parent"] == "review"]
    assert parts == ["review[0]", "review[1]"]
    assert Path(target).exists()
    schedule = machine.call("schedule.save", name="nightly", file=str(EXAMPLES / "nightly.yaml"))[
        "schedule"
    ]
    assert (schedule["cron"], schedule["zone"], schedule["catch_up"]) == (
        "30 2 * * mon-fri", "Europe/Vienna", "one",
    )  # fmt: skip
    assert schedule["next_at"]
