"""Running git: no shell, no other repository, a time limit, and nothing left running."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.core.sessions.rig import alive, fault_of, until
from tests.core.sessions.workspaces.gitrepo import GitRepo

from quarterdeck.core.sessions.workspaces import git as module
from quarterdeck.core.sessions.workspaces.faults import GitFailed, GitSlow, WorktreeBusy
from quarterdeck.core.sessions.workspaces.git import Git, free


@pytest.fixture
def git() -> Git:
    return Git({**os.environ, "GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index"})


async def test_it_asks_the_repository_of_its_directory_whatever_the_environment_says(
    git: Git, repo: GitRepo
) -> None:
    answer = await git.run(str(repo.path), "rev-parse", "--show-toplevel")
    assert answer.line == str(repo.path.resolve())
    assert (await git.run(str(repo.path), "status", "--porcelain")).lines == []


async def test_a_failure_holds_git_s_own_words(git: Git, repo: GitRepo) -> None:
    fault = await fault_of(git.run(str(repo.path), "rev-parse", "--verify", "nothing"))
    assert isinstance(fault, GitFailed)
    assert "git rev-parse failed in" in fault.message
    assert "Needed a single revision" in fault.message
    assert (await git.run(str(repo.path), "rev-parse", "--verify", "x", codes=(128,))).code == 128
    missing = await fault_of(git.run(f"{repo.path}/gone", "status"))
    assert isinstance(missing, GitFailed)


def written(path: Path) -> int:
    try:
        return int(path.read_text() or 0)
    except (FileNotFoundError, ValueError):
        return 0


@pytest.mark.parametrize("polite", [True, False])
async def test_a_hook_that_hangs_is_ended_with_its_git(
    repo: GitRepo, state_dir: Path, monkeypatch: pytest.MonkeyPatch, *, polite: bool
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)
    trap = "" if polite else "trap '' TERM HUP;"
    pid = state_dir / "pid"
    repo.hook("reference-transaction", f"{trap} echo $$ > {pid}; while :; do sleep 0.1; done")
    git = Git(os.environ)
    words = ("update-ref", "refs/heads/new", "HEAD")
    work = asyncio.ensure_future(git.run(str(repo.path), *words, seconds=60))
    child = await until(lambda: written(pid), 60)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await until(lambda: not alive(child), 60)
    assert isinstance(await fault_of(git.run(str(repo.path), *words, seconds=0.01)), GitSlow)


async def test_a_command_that_is_given_up_while_it_starts_is_ended_with_its_hooks(
    repo: GitRepo, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, begun = asyncio.create_subprocess_exec, asyncio.Event()

    async def slowly(*words: Any, **wish: Any) -> asyncio.subprocess.Process:
        """Start it, and be in the midst of that as long as its hook has not begun."""
        process = await start(*words, **wish)
        begun.set()
        await until(lambda: written(pid), 60)
        return process

    pid = state_dir / "pid"
    repo.hook("reference-transaction", f"echo $$ > {pid}; while :; do sleep 0.1; done")
    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    words = ("update-ref", "refs/heads/new", "HEAD")
    work = asyncio.ensure_future(Git(os.environ).run(str(repo.path), *words, seconds=60))
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await until(lambda: not alive(written(pid)), 60)


async def test_whoever_waits_for_the_tether_waits_for_the_command_also_of_an_engine_that_was_killed(
    git: Git, repo: GitRepo, state_dir: Path
) -> None:
    tether, gate = state_dir / "tether", state_dir / "gate"
    repo.hook("reference-transaction", f"while [ ! -e {gate} ]; do sleep 0.02; done")
    await free(tether, 0)
    work = asyncio.ensure_future(
        git.run(str(repo.path), "update-ref", "refs/heads/new", "HEAD", tether=tether)
    )
    await until(lambda: module._is_held(tether), 60)
    assert isinstance(await fault_of(free(tether, 0)), WorktreeBusy)
    waiting = asyncio.ensure_future(free(tether, 60))
    await asyncio.sleep(0)
    gate.touch()
    await work
    await waiting
    assert repo.tip("new") == repo.tip("main")


async def test_whoever_gives_up_while_it_takes_the_tether_does_not_keep_it(
    git: Git, repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tether that is held by nobody's command would keep the worktree busy as long as the engine lives."""
    tether, hold = tmp_path / "tether", module._hold
    taking, may_go_on = threading.Event(), threading.Event()

    def slowly(path: Path) -> int:
        held = hold(path)
        taking.set()
        assert may_go_on.wait(60)
        return held

    monkeypatch.setattr(module, "_hold", slowly)
    work = asyncio.ensure_future(git.run(str(repo.path), "status", tether=tether))
    await asyncio.to_thread(taking.wait, 60)
    work.cancel()
    await asyncio.sleep(0)
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    await free(tether, 60)
