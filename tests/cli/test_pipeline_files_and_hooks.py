"""``quarterdeck pipeline check`` and ``pipeline hook``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.protocol import pipeline_commands as p

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.cli.fake_engine import FakeEngine

DEBATE = str(Path(__file__).resolve().parents[2] / "examples" / "debate.yaml")
FILE = """
name: lint
inputs: {who: {default: ann}}
events: {saved: , other: }
triggers:
  - {git: post-commit, event: saved, data: "{{ trigger.subject }} by {{ inputs.who }}", priority: low}
"""


@pytest.fixture
def repository(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit; the current directory."""
    where = home / "shop"
    where.mkdir()
    monkeypatch.chdir(where)
    for name in ("GIT_DIR", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    identity = ["-c", "user.name=Ann", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "Begin"]):
        subprocess.run(["git", *words], check=True)
    return where


def test_a_file_without_faults(qd: CommandLine) -> None:
    done = qd("pipeline", "check", DEBATE)
    assert (done.code, done.out) == (0, f"No fault in {DEBATE}.\n")


def test_every_fault_with_its_place(qd: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "name: x\nevents:\n  a: {handlers: {h: {agent: cluade, prompt: x, emits: b}}}\n"
    )
    done = qd("pipeline", "check", str(path))
    assert done.code == 1
    assert done.out.splitlines() == [
        f"{path}:3:22: events.a.handlers.h.agent: There is no agent cluade. Did you mean claude?",
        f"{path}:3:48: events.a.handlers.h.emits: There is no event type b. Known: a.",
    ]
    told = qd("pipeline", "check", str(path), "--json").json
    assert (told["ok"], [one["line"] for one in told["faults"]]) == (False, [3, 3])
    missing = qd("pipeline", "check", "gone.yaml", "--json")
    assert (missing.code, missing.fault.code) == (1, "pipeline_file_unreadable")


def test_a_hook_is_installed_and_removed(
    qd: CommandLine, repository: Path, state_dir: Path
) -> None:
    path = repository / ".git" / "hooks" / "post-commit"
    done = qd("pipeline", "hook", "install", "lint", "saved")
    assert (done.code, done.out) == (0, f"{path} propels saved of lint.\n")
    line = path.read_text().splitlines()[-1]
    assert f"--state-dir {state_dir} pipeline hook fire lint saved --hook post-commit" in line
    assert qd("pipeline", "hook", "remove", "lint", "saved").out.startswith("post-commit propels")
    assert qd("pipeline", "hook", "remove", "lint", "saved").out == "Nothing to remove.\n"
    assert not path.exists()


def test_what_is_no_hook_is_refused(qd: CommandLine, repository: Path) -> None:
    wrong = qd("pipeline", "hook", "install", "lint", "saved", "--hook", "post-comit")
    assert (wrong.code, "Did you mean post-commit" in wrong.err) == (2, True)
    assert qd("pipeline", "hook", "instal", "lint", "saved").code == 2
    foreign = repository / ".git" / "hooks" / "pre-push"
    foreign.write_text("#!/bin/sh\n")
    done = qd("pipeline", "hook", "install", "lint", "x", "--hook", "pre-push", "--json")
    assert (done.code, done.fault.code) == (1, "hook_foreign")
    outside = qd("pipeline", "hook", "install", "lint", "x", "--repo", "/", "--json")
    assert (outside.code, outside.fault.code) == (1, "no_repository")


def test_a_hook_propels_what_the_file_says(
    qd: CommandLine, engine: FakeEngine, repository: Path, tmp_path: Path
) -> None:
    file = tmp_path / "lint.yaml"
    file.write_text(FILE)
    wishes: list[Any] = []

    def propel(wish: p.PropelPayload) -> dict[str, Any]:
        wishes.append(wish)
        return {"payload": {"id": "P1"}}

    shown = {"whole": {"pipeline": {"file": str(file)}, "inputs": {"who": "ben"}}}
    engine.handlers = {"pipeline.show": lambda _: shown, "pipeline.propel": propel}
    done = qd("pipeline", "hook", "fire", "lint", "saved", "--hook", "post-commit")
    assert (done.code, done.out) == (0, "quarterdeck: lint saved is on its way.\n")
    assert qd("pipeline", "hook", "fire", "lint", "other", "a", "b", "--json").json == {
        "payload_id": "P1"
    }
    saved, other = wishes
    assert (saved.name, saved.event, saved.data, saved.priority) == (
        "lint", "saved", "Begin by ben", 3,
    )  # fmt: skip
    assert [(one.hook, one.repository) for one in wishes] == [("post-commit", str(repository))] * 2
    assert (other.data["repository"], other.data["arguments"]) == (str(repository), ["a", "b"])


def test_a_commit_goes_on_without_an_engine(
    qd: CommandLine, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = qd("pipeline", "hook", "fire", "lint", "saved")
    assert (done.code, done.out) == (0, "")
    assert "lint saved was not propelled: No engine runs" in done.err
    monkeypatch.setattr(sys, "argv", ["-c"])
    qd("pipeline", "hook", "install", "lint", "saved")
    identity = ["-c", "user.name=Ann", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    ran = subprocess.run(
        ["git", *identity, "commit", "-q", "--allow-empty", "-m", "More"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "was not propelled: No engine runs" in ran.stderr
