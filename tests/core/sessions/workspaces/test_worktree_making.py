"""Sessions in a worktree of their own: what is made, what is refused, what is undone."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.core.sessions.conftest import NewRig
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig, alive, fault_of, until
from tests.core.sessions.workspaces.gitrepo import GitRepo

from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.events import SessionDeleted
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.protocol.workspace import WorkspaceState, WorktreeWish
from quarterdeck.core.sessions.faults import DirectoryMissing, NameTaken
from quarterdeck.core.sessions.keeper.faults import CommandNotFound
from quarterdeck.core.sessions.workspaces.faults import (
    BranchExists,
    BranchInUse,
    GitFailed,
    GitMissing,
    NoRepository,
    RefUnknown,
    SetupFailed,
    SetupSlow,
    TargetInvalid,
    WorktreeBroken,
)
from quarterdeck.core.sessions.workspaces.model import WorktreeOptions, branch_for
from quarterdeck.state.memory import MemoryStore


def wish(**fields: object) -> WorktreeWish:
    return WorktreeWish.model_validate(fields)


def sh(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


def there(place: str, name: str) -> bool:
    return Path(place, name).exists()


def untouched(repo: GitRepo, state_dir: Path) -> None:
    """Nothing is left of a worktree but, at most, what its set-up wrote."""
    assert repo.branches == ["main"]
    assert repo.worktrees == []
    assert [path.name for path in (state_dir / "worktrees").glob("*") if path.is_dir()] == []


async def test_a_session_works_on_a_branch_of_its_own_beside_the_repository(
    deck: Rig, repo: GitRepo, store: MemoryStore, state_dir: Path
) -> None:
    (repo.path / "sub").mkdir()
    repo.commit("sub/b.txt", "b\n", "more")
    view = await deck.create(name="fix login", cwd=str(repo.path / "sub"), worktree=wish())
    workspace = view.workspace
    assert workspace is not None
    assert view.lifecycle is Lifecycle.RUNNING
    assert (workspace.branch, workspace.base, workspace.state) == ("qd/fix-login", "main", "ready")
    assert workspace.commit == repo.tip("main") == repo.tip("qd/fix-login")
    assert workspace.path == str((state_dir / "worktrees" / view.id / "shop").resolve())
    assert view.cwd == f"{workspace.path}/sub"
    assert there(view.cwd, "b.txt")
    assert view.repo == "shop"
    assert workspace.repository == str(repo.path.resolve())
    assert repo.git("status", "--porcelain") == ""
    [kept] = await store.sessions()
    assert kept.workspace == workspace


@pytest.mark.parametrize("base", ["first", "HEAD~1", "v1"])
async def test_a_branch_begins_at_what_is_given(deck: Rig, repo: GitRepo, base: str) -> None:
    repo.git("branch", "first")
    repo.git("tag", "v1")
    first = repo.tip("first")
    repo.commit("a.txt", "changed\n", "second")
    view = await deck.create(cwd=str(repo.path), worktree=wish(branch="work/x", base=base))
    assert view.workspace is not None
    assert view.workspace.base == ("first" if base == "first" else first)
    assert repo.tip("work/x") == first


async def test_an_existing_branch_is_taken_only_if_told_and_never_deleted(
    deck: Rig, repo: GitRepo, state_dir: Path
) -> None:
    repo.git("branch", "work")
    begun = repo.tip("work")
    refused = await fault_of(deck.create(cwd=str(repo.path), worktree=wish(branch="work")))
    assert isinstance(refused, BranchExists)
    failing = wish(branch="work", reuse=True)
    repo.hook("post-checkout", "exit 1")
    assert isinstance(await fault_of(deck.create(cwd=str(repo.path), worktree=failing)), GitFailed)
    assert repo.tip("work") == begun
    assert repo.worktrees == []
    repo.hook("post-checkout", "exit 0")
    view = await deck.create(cwd=str(repo.path), worktree=failing)
    assert view.workspace is not None
    assert not view.workspace.made_branch
    again = await fault_of(deck.create(cwd=str(repo.path), name="two", worktree=failing))
    assert isinstance(again, BranchInUse)
    await deck.delete(force=True)
    assert repo.tip("work") == begun
    assert repo.worktrees == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"base": "nowhere"}, RefUnknown),
        ({"branch": "new", "base": "new"}, TargetInvalid),
        ({"branch": "main", "reuse": True}, BranchInUse),
    ],
)
async def test_what_cannot_be_made_is_refused_before_anything_is_done(
    deck: Rig, repo: GitRepo, state_dir: Path, fields: dict[str, object], fault: type[Exception]
) -> None:
    refused = await fault_of(deck.create(cwd=str(repo.path), worktree=wish(**fields)))
    assert isinstance(refused, fault)
    assert not deck.sessions
    untouched(repo, state_dir)


async def test_a_worktree_needs_a_repository_with_a_commit(deck: Rig, state_dir: Path) -> None:
    plain = state_dir.parent / "plain"
    plain.mkdir()
    assert isinstance(await fault_of(deck.create(cwd=str(plain), worktree=wish())), NoRepository)
    missing = await fault_of(deck.create(cwd=f"{plain}/none", worktree=wish()))
    assert isinstance(missing, DirectoryMissing)
    bare = state_dir.parent / "bare.git"
    os.system(f"git init --quiet --bare {bare}")  # noqa: ASYNC221, S605  # a fixed command
    assert isinstance(await fault_of(deck.create(cwd=str(bare), worktree=wish())), NoRepository)
    empty = state_dir.parent / "empty"
    os.system(f"git init --quiet {empty}")  # noqa: ASYNC221, S605  # a fixed command
    assert isinstance(await fault_of(deck.create(cwd=str(empty), worktree=wish())), RefUnknown)


async def test_without_git_it_says_so(
    new_rig: NewRig, keepers: FakeKeepers, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await new_rig(keepers=keepers)
    monkeypatch.setattr("asyncio.create_subprocess_exec", _no_such_program)
    assert isinstance(await fault_of(rig.create(cwd=str(repo.path), worktree=wish())), GitMissing)


async def _no_such_program(*_words: object, **_options: object) -> None:
    raise FileNotFoundError(2, "No such file or directory")


async def test_a_name_taken_meanwhile_is_refused(deck: Rig, repo: GitRepo) -> None:
    one = deck.create(cwd=str(repo.path), worktree=wish())
    made = await asyncio.gather(
        one, deck.create(cwd=str(repo.path), worktree=wish(branch="other")), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in made) == ["NameTaken", "SessionView"]
    assert any(isinstance(each, NameTaken) for each in made)
    assert len(repo.worktrees) == 1


async def test_the_set_up_runs_in_the_worktree_and_its_output_is_kept(
    new_rig: NewRig, repo: GitRepo, state_dir: Path
) -> None:
    rig = await new_rig(
        worktrees=WorktreeOptions(setup=sh("pwd; echo $QUARTERDECK_BRANCH; touch made"))
    )
    view = await rig.create(cwd=str(repo.path), worktree=wish(), start=False, env={"X": "1"})
    assert view.workspace is not None
    assert there(view.workspace.path, "made")
    log = state_dir / "worktrees" / f"{view.id}.log"
    assert log.read_text().split() == [view.workspace.path, "qd/one"]
    assert not list((state_dir / "setups" / "keepers").glob("*"))
    none = await rig.create(name="two", cwd=str(repo.path), worktree=wish(setup=()), start=False)
    assert none.workspace is not None
    assert not there(none.workspace.path, "made")


async def test_a_set_up_that_fails_is_told_and_all_is_undone(
    new_rig: NewRig, repo: GitRepo, state_dir: Path
) -> None:
    rig = await new_rig()
    setup = sh(
        "echo fetching; sleep 300 & echo $! > $HOME/child; echo \033[31mno network\033[m >&2; exit 7"
    )
    fault = await fault_of(rig.create(cwd=str(repo.path), worktree=wish(setup=setup)))
    assert isinstance(fault, SetupFailed)
    assert fault.message.endswith("at last:\nfetching\nno network")
    assert "exited with code 7" in fault.message
    assert not rig.sessions
    assert rig.told(SessionDeleted)
    untouched(repo, state_dir)
    [log] = (state_dir / "worktrees").glob("*.log")
    assert "no network" in log.read_text()
    child = int((state_dir / "child").read_text())
    await until(lambda: not alive(child), what="what the set-up left running lives on")
    missing = await fault_of(
        rig.create(cwd=str(repo.path), worktree=wish(setup=("no-such-command",)))
    )
    assert isinstance(missing, SetupFailed)
    assert "no-such-command" in missing.message
    untouched(repo, state_dir)


async def test_a_set_up_that_hangs_is_ended(
    new_rig: NewRig, repo: GitRepo, state_dir: Path
) -> None:
    rig = await new_rig(worktrees=WorktreeOptions(setup_timeout=0.3))
    fault = await fault_of(
        rig.create(cwd=str(repo.path), worktree=wish(setup=sh("echo $$ > $HOME/pid; sleep 300")))
    )
    assert isinstance(fault, SetupSlow)
    untouched(repo, state_dir)
    pid = int((state_dir / "pid").read_text())
    await until(lambda: not alive(pid))


async def test_an_agent_that_does_not_start_undoes_its_worktree(
    deck: Rig, keepers: FakeKeepers, repo: GitRepo, state_dir: Path
) -> None:
    keepers.refusal = CommandNotFound("There is no such command.")
    fault = await fault_of(deck.create(cwd=str(repo.path), worktree=wish()))
    assert isinstance(fault, CommandNotFound)
    assert not deck.sessions
    assert not deck.items()
    untouched(repo, state_dir)


async def test_what_cannot_be_undone_stays_as_a_failure_that_needs_a_person(
    new_rig: NewRig, repo: GitRepo
) -> None:
    rig = await new_rig()
    setup = sh("git commit --quiet --allow-empty -m precious; exit 1")
    fault = await fault_of(rig.create(cwd=str(repo.path), worktree=wish(setup=setup)))
    assert isinstance(fault, WorktreeBroken)
    assert "commits were made on it" in fault.message
    assert repo.git("log", "-1", "--format=%s", "qd/one") == "precious"
    view = rig.view("one")
    assert view.lifecycle is Lifecycle.CRASHED
    assert view.workspace is not None
    assert view.workspace.state is WorkspaceState.BROKEN
    [item] = rig.items()
    assert item.kind is AttentionKind.FAILURE
    assert "commits were made on it" in item.text
    await rig.delete(discard=True)
    assert not rig.items()
    assert repo.git("log", "-1", "--format=%s", "qd/one") == "precious"
    assert repo.worktrees == []


@pytest.mark.parametrize(
    ("name", "branch"),
    [("fix", "qd/fix"), (" a  b ", "qd/a-b"), ("-", "qd/session"), ("A_1-x", "qd/A_1-x")],
)
def test_branches_are_called_like_their_sessions(name: str, branch: str) -> None:
    assert branch_for(name) == branch
