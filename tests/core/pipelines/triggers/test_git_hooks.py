"""Hooks of git: what is written, what is never overwritten, what is told."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.pipelines.triggers import triggers_of
from quarterdeck.core.pipelines.triggers.git import (
    GitTrigger,
    HookForeign,
    facts,
    hook_data,
    hook_path,
    install,
    is_installed,
    remove,
)
from quarterdeck.core.sessions.workspaces.faults import NoRepository

from .rig import Lane, PlainMemory, with_trigger

PIPELINE = """
name: p
inputs: {who: {default: ann}}
events:
  committed:
  merged:
triggers:
  - {git: post-commit, event: committed, data: {branch: "{{ trigger.branch }}", who: "{{ inputs.who }}"}, priority: high}
  - {git: post-merge, event: merged}
"""  # one line is easier to read


def git(repository: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(repository), *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    where = tmp_path / "re po"
    where.mkdir()
    git(where, "init", "-q", "-b", "main")
    git(where, "config", "user.name", "Ann Example")
    git(where, "config", "user.email", "ann@example.com")
    git(where, "config", "commit.gpgsign", "false")
    return where


def commit(repository: Path, *names: str) -> None:
    for name in names:
        (repository / name).write_text(name)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Add things\n\nlong text")


def test_a_hook_runs_what_was_installed_and_the_commit_never_fails(
    repository: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    program = tmp_path / "the program"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{told}"\nexit 7\n')
    program.chmod(0o755)
    path = install(repository, "post-commit", "lint it", "saved", [str(program)])
    install(repository, "post-commit", "lint it", "saved", [str(program)])
    install(repository, "post-commit", "build", "saved", [str(tmp_path / "gone")])
    assert path == repository / ".git" / "hooks" / "post-commit"
    assert len(path.read_text().splitlines()) == 5
    commit(repository, "a")
    assert told.read_text() == "pipeline hook fire lint it saved --hook post-commit --\n"


def test_installing_is_seen_and_taken_back(repository: Path) -> None:
    path = install(repository, "pre-push", "p", "pushed", ["qd"])
    install(repository, "pre-push", "p", "more", ["qd"])
    assert is_installed(repository, "pre-push", "p", "pushed")
    assert not is_installed(repository, "pre-push", "p", "push")
    assert remove(repository, "pre-push", "p", "pushed")
    assert not remove(repository, "pre-push", "p", "pushed")
    assert is_installed(repository, "pre-push", "p", "more")
    assert remove(repository, "pre-push", "p", "more")
    assert not path.exists()


def test_a_foreign_hook_is_never_touched(repository: Path) -> None:
    path = hook_path(repository, "post-commit")
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\necho mine\n")
    with pytest.raises(HookForeign, match=r"is left as it is.*\n.*pipeline hook fire p e --hook"):
        install(repository, "post-commit", "p", "e", ["qd"])
    assert path.read_text() == "#!/bin/sh\necho mine\n"
    assert not remove(repository, "post-commit", "p", "e")
    path.write_text("#!/bin/sh\nqd pipeline hook fire p e --hook post-commit\n")
    assert is_installed(repository, "post-commit", "p", "e")
    with pytest.raises(HookForeign, match="Remove the line"):
        remove(repository, "post-commit", "p", "e")


def test_the_folder_of_hooks_is_the_one_that_is_configured(repository: Path) -> None:
    git(repository, "config", "core.hooksPath", "our/hooks")
    assert (
        install(repository, "post-commit", "p", "e", ["qd"]) == repository / "our/hooks/post-commit"
    )


def test_what_a_commit_tells(repository: Path) -> None:
    empty = facts(repository, "pre-commit")
    assert (empty["commit"], empty["author"], empty["files"]) == (None, None, [])
    commit(repository, "a b", "ü")
    found = facts(repository, "post-commit", ["x"])
    assert found.pop("commit")
    assert found == {
        "hook": "post-commit",
        "repository": str(repository),
        "branch": "main",
        "author": "Ann Example <ann@example.com>",
        "subject": "Add things",
        "files": ["a b", "ü"],
        "arguments": ["x"],
    }
    (repository / "c").touch()
    git(repository, "add", "c")
    assert facts(repository, "pre-commit")["files"] == ["c"]
    commit(repository, "c")
    git(repository, "checkout", "-q", "--detach")
    moved = facts(repository, "post-checkout", ["HEAD~1", "HEAD", "1"])
    assert (moved["branch"], moved["files"]) == (None, ["c"])


def test_without_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(NoRepository, match="no git repository"):
        facts(tmp_path, "post-commit")
    with pytest.raises(NoRepository, match="--repo"):
        install(tmp_path, "post-commit", "p", "e", ["qd"])


def test_the_data_are_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(PIPELINE)
    told = {"hook": "post-commit", "branch": "main"}
    inputs = {"who": "ben"}
    assert hook_data(str(file), inputs, "committed", told) == ({"branch": "main", "who": "ben"}, 1)
    assert hook_data(str(file), inputs, "other", told) == (told, None)
    merged = {"hook": "post-merge"}
    assert hook_data(str(file), inputs, "merged", merged) == (merged, None)


async def test_the_trigger_says_whether_it_is_installed(repository: Path) -> None:
    pipeline = with_trigger("git", hook="post-commit", repository=str(repository))
    (trigger,) = triggers_of(pipeline, PlainMemory())
    await trigger.start(Lane().propel)
    error = str(trigger.view().error)
    assert "quarterdeck pipeline hook install p came --hook post-commit --repo" in error
    await asyncio.to_thread(install, repository, "post-commit", "p", "came", ["qd"])
    await trigger.start(Lane().propel)
    assert trigger.view().error is None
    assert trigger.view().what == f"post-commit of {repository}"
    await trigger.stop()
    gone = with_trigger("git", hook="post-commit", repository=str(repository / "gone"))
    lost = GitTrigger(gone, gone.triggers[0], SYSTEM_CLOCK)
    await lost.start(Lane().propel)
    assert "no git repository" in str(lost.view().error)
