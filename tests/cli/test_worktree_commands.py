"""Worktrees and the audit log from the command line, with the real engine; and ``kill -9`` at each step."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_real_engine import PATIENCE, Machine
from tests.core.sessions.workspaces.gitrepo import GitRepo

KILLER = """
if [ "$(cat "{place}/step" 2>/dev/null)" = "$1" ]; then
    rm "{place}/step"
    kill -9 "$(cat "{place}/pid")"
fi
"""


@pytest.fixture
def machine(tmp_path: Path, home: Path) -> Iterator[Machine]:
    one = Machine(home, tmp_path / "state")
    yield one
    one.close()


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "shop")


def new(machine: Machine, repo: GitRepo, *words: str) -> tuple[str, ...]:
    return ("session", "new", *words, "--agent", "shell", "--cwd", str(repo.path))


def test_a_worktree_from_its_making_to_its_end(machine: Machine, repo: GitRepo) -> None:
    machine.serve()
    said = machine.run(
        *new(machine, repo, "fix login"), "--setup", "sh -c 'echo hi > made'", "--worktree"
    )
    assert said.startswith("fix login is started in a worktree on qd/fix-login (")
    shown = machine.json("session", "show", "fix login")
    tree = shown["workspace"]["path"]
    assert shown["cwd"] == tree
    assert shown["workspace"]["branch"] == "qd/fix-login"
    assert shown["workspace"]["state"] == "ready"
    dirty = machine.run("session", "merge", "fix login", code=1)
    assert dirty.startswith(
        "quarterdeck: worktree_dirty: fix login has changes that are not committed: made."
    )
    repo.commit("made", "hi\n", "work", tree)
    unmerged = machine.run("session", "delete", "fix login", "--force", code=1)
    assert unmerged.startswith("quarterdeck: branch_unmerged: ")
    merged = machine.json("session", "merge", "fix login")
    assert merged["merge"]["how"] == "fast_forward"
    assert (repo.path / "made").read_text() == "hi\n"
    assert machine.run("session", "delete", "fix login", "--force") == "fix login is gone.\n"
    assert (repo.branches, repo.worktrees) == (["main"], [])
    failed = machine.run(
        *new(machine, repo, "two"),
        "--worktree",
        "w/2",
        "--setup",
        "sh -c 'echo no; exit 3'",
        code=1,
    )
    assert failed.startswith("quarterdeck: setup_failed: ")
    assert "exited with code 3" in failed
    assert (repo.branches, repo.worktrees) == (["main"], [])
    for words, code in (
        (("--worktree", "--base", "--x"), "ref_invalid"),
        (("--worktree", "--base", "nope"), "ref_unknown"),
    ):
        assert machine.run(*new(machine, repo, "bad"), *words, code=1).startswith(
            f"quarterdeck: {code}: "
        )
    assert "go with --worktree" in machine.run(*new(machine, repo, "bad"), "--base", "main", code=2)
    verified = machine.json("events", "--verify")["audit"]
    assert verified["broken"] is None
    machine.run("shutdown")
    assert "The audit log holds: " in machine.run("events", "--verify")
    assert machine.json("events", "--verify", "--head", verified["head"])["audit"]["broken"] is None
    ahead = verified["head"].replace(":", "000:")
    child = machine.begin("events", "--verify", "--head", ahead)
    assert "was there when the given head" in child.communicate(timeout=PATIENCE)[0]
    assert child.returncode == 1
    assert "head_invalid" in machine.run("events", "--verify", "--head", "12:ab", code=1)
    _tamper(machine.state_dir / "quarterdeck.db", 3)
    child = machine.begin("events", "--verify")
    out, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert out == (
        "The audit log is broken at record 3: its content and its hash do not fit each other.\n"
    )


def _tamper(path: Path, sequence: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(
        "UPDATE audit SET body = replace(body, 'k', 'K') WHERE sequence = ?", (sequence,)
    )
    connection.commit()
    connection.close()


# ---- kill -9 -------------------------------------------------------------------------------


class Doomed:
    """Engines that are killed by what they start, at the step that is named."""

    def __init__(self, machine: Machine, repo: GitRepo, place: Path) -> None:
        self.machine, self.repo, self.place = machine, repo, place
        self.killer = place / "killer.sh"
        self.killer.write_text(KILLER.format(place=place))
        kill = f"sh {self.killer}"
        repo.hook(
            "reference-transaction",
            f'[ "$1" = committed ] && {kill} branch; [ "$1" = prepared ] && {kill} merge; exit 0',
        )
        repo.hook("post-checkout", f"{kill} worktree")
        (machine.home / "quarterdeck.toml").write_text(
            f'[agents.doomed]\ncommand = ["sh", "-c", "{kill} start; exec sleep 1000"]\n'
            f'[worktrees]\nsetup = ["sh", "{self.killer}", "setup"]\n'
        )
        self.serve()

    def serve(self) -> None:
        """The next engine."""
        found = self.machine.serve()
        self.engine = self.machine.started[-1]
        (self.place / "pid").write_text(str(found["pid"]))

    def killed(self, step: str, *words: str) -> None:
        """A command line during which the engine is killed, at this step."""
        (self.place / "step").write_text(step)
        child = self.machine.begin(*words)
        child.communicate(timeout=PATIENCE)
        assert child.returncode != 0 or step == "start"  # where the answer may be first
        self.engine.communicate(timeout=PATIENCE)
        assert self.engine.returncode == -signal.SIGKILL
        self.serve()

    def settled(self, name: str) -> dict[str, Any] | None:
        """The session once its worktree is whole; ``None`` if it was undone."""
        end = time.monotonic() + PATIENCE
        while True:
            sessions = self.machine.json("session", "list")["sessions"]
            one = next((each for each in sessions if each["name"] == name), None)
            if one is None or one["workspace"]["state"] != "preparing":
                return one
            assert time.monotonic() < end, one
            time.sleep(0.1)


def test_an_engine_killed_at_any_step_is_finished_by_the_next(
    machine: Machine, repo: GitRepo, tmp_path: Path
) -> None:
    doomed = Doomed(machine, repo, tmp_path)
    steps = ("branch", "worktree", "setup", "start")
    for step in steps:
        words = ("session", "new", step, "--agent", "doomed", "--cwd", str(repo.path), "--worktree")
        doomed.killed(step, *words)
        found = doomed.settled(step)
        assert found is not None, step
        assert (found["workspace"]["state"], found["lifecycle"]) == ("ready", "running")
        assert Path(found["cwd"], "a.txt").exists()
        assert repo.tip(f"qd/{step}") == repo.tip("main")
    assert len(repo.worktrees) == len(steps)
    told = machine.run("events", "--topic", "system.info")
    assert told.count("is finished") >= len(steps) - 1
    work = repo.commit("b.txt", "b\n", "work", repo.worktrees[0])
    name = repo.git("branch", "--show-current", place=repo.worktrees[0]).removeprefix("qd/")
    doomed.killed("merge", "session", "merge", name)
    assert machine.json("session", "merge", name)["merge"]["commit"] == work
    assert repo.tip("main") == work
    assert repo.git("status", "--porcelain") == ""
    assert machine.json("events", "--verify")["audit"]["broken"] is None
    for step in steps:
        machine.run("session", "delete", step, "--force")
    assert (repo.branches, repo.worktrees) == (["main"], [])
