"""Deleting a session with a worktree: nothing that is not elsewhere is ever lost unasked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig, fault_of
from tests.core.sessions.workspaces.gitrepo import GitRepo
from tests.core.sessions.workspaces.test_worktree_merging import merge, worktree

from quarterdeck.core.sessions.keeper.faults import CommandNotFound
from quarterdeck.core.sessions.workspaces import workspaces
from quarterdeck.core.sessions.workspaces.faults import BranchUnmerged, WorktreeDirty


async def test_what_is_clean_and_merged_goes(deck: Rig, repo: GitRepo, state_dir: Path) -> None:
    tree = await worktree(deck, repo)
    work = repo.commit("b.txt", "b\n", "work", tree)
    await merge(deck)
    await deck.delete(force=True)
    assert not deck.sessions
    assert repo.branches == ["main"]
    assert repo.worktrees == []
    assert repo.tip("main") == work
    assert list((state_dir / "worktrees").iterdir()) == []


async def test_one_in_which_nothing_was_done_goes(deck: Rig, repo: GitRepo) -> None:
    await worktree(deck, repo)
    await deck.delete(force=True)
    assert repo.branches == ["main"]
    assert repo.worktrees == []


async def test_unmerged_commits_stand_against_it_and_their_branch_stays_in_any_case(
    deck: Rig, repo: GitRepo
) -> None:
    tree = await worktree(deck, repo)
    work = repo.commit("b.txt", "b\n", "work", tree)
    fault = await fault_of(deck.delete(force=True))
    assert isinstance(fault, BranchUnmerged)
    assert deck.view("one").living
    assert tree.is_dir()
    await deck.delete(force=True, discard=True)
    assert repo.tip("qd/one") == work
    assert repo.worktrees == []
    assert not tree.exists()


@pytest.mark.parametrize("what", ["changed", "new"])
async def test_changes_stand_against_it_unless_they_are_to_be_dropped(
    deck: Rig, repo: GitRepo, what: str
) -> None:
    tree = await worktree(deck, repo)
    (tree / ("a.txt" if what == "changed" else "new.txt")).write_text("precious")
    fault = await fault_of(deck.delete(force=True))
    assert isinstance(fault, WorktreeDirty)
    assert (tree / "a.txt").exists()
    await deck.delete(force=True, discard=True)
    assert repo.worktrees == []
    assert repo.branches == ["main"]


async def test_a_worktree_can_be_kept(deck: Rig, repo: GitRepo) -> None:
    tree = await worktree(deck, repo)
    (tree / "new.txt").write_text("precious")
    await deck.delete(force=True, keep_worktree=True)
    assert not deck.sessions
    assert repo.worktrees == [str(tree)]
    assert (tree / "new.txt").read_text() == "precious"
    assert "qd/one" in repo.branches


async def test_commits_that_no_branch_holds_are_not_thrown_away_even_if_told(
    deck: Rig, repo: GitRepo
) -> None:
    tree = await worktree(deck, repo)
    repo.git("checkout", "--quiet", "--detach", place=tree)
    lonely = repo.commit("b.txt", "b\n", "lonely", tree)
    for discard in (False, True):
        fault = await fault_of(deck.delete(force=True, discard=discard))
        assert isinstance(fault, BranchUnmerged)
        assert fault.details["commit"] == lonely
    repo.git("branch", "rescued", lonely)
    await deck.delete(force=True)
    assert repo.worktrees == []
    assert repo.branches == ["main", "rescued"]


async def test_a_branch_that_somebody_else_uses_stays(deck: Rig, repo: GitRepo) -> None:
    tree = await worktree(deck, repo)
    repo.git("switch", "--quiet", "-c", "other", place=tree)
    repo.git("worktree", "add", "--quiet", str(repo.path.parent / "mine"), "qd/one")
    await deck.delete(force=True)
    assert repo.worktrees == [str((repo.path.parent / "mine").resolve())]
    assert "qd/one" in repo.branches
    assert "other" in repo.branches


async def test_a_worktree_or_repository_that_is_gone_does_not_hold_a_session(
    deck: Rig, repo: GitRepo
) -> None:
    tree = await worktree(deck, repo)
    shutil.rmtree(tree)
    await deck.delete(force=True)
    assert repo.branches == ["main"]
    assert repo.worktrees == []
    await worktree(deck, repo, "two")
    shutil.rmtree(repo.path)
    await deck.delete("two", force=True)
    assert not deck.sessions


async def test_what_is_kept_of_sessions_that_are_gone_is_dropped_but_for_the_latest(
    deck: Rig,
    keepers: FakeKeepers,
    repo: GitRepo,
    state_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workspaces, "LOGS", 1)
    layer = deck.manager._workspaces.layer
    for name in ("one", "two", "three"):
        keepers.refusal = CommandNotFound("There is none.")
        await fault_of(worktree(deck, repo, name))
    await worktree(deck, repo, "four")
    logs = state_dir / "worktrees"
    for stem in ("01A", "01B", deck.view("four").id):
        (logs / f"{stem}.log").touch()
    before = [run.saga.saga_id for run in await layer.list_sagas()]
    assert len(before) == 4
    await deck.manager.tidy()
    assert [run.saga.saga_id for run in await layer.list_sagas()] == before[2:]
    assert sorted(log.stem for log in logs.glob("*.log")) == ["01B", deck.view("four").id]
    await deck.manager.tidy()
    await deck.delete("four", force=True)
    assert [run.saga.saga_id for run in await layer.list_sagas()] == before[2:3]
