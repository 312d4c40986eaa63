"""Merging a session's branch: what comes of it, and that nothing is touched where it can't be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.core.sessions.conftest import NewRig
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, fault_of
from tests.core.sessions.workspaces.gitrepo import GitRepo

from quarterdeck.core.coordination.faults import LockTimeout
from quarterdeck.core.coordination.layer import CoordinationLayer
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.workspace import WorktreeWish
from quarterdeck.core.sessions.faults import SessionLiving
from quarterdeck.core.sessions.workspaces.faults import (
    GitFailed,
    MergeConflict,
    NoWorktree,
    TargetDirty,
    TargetInvalid,
    TargetMoved,
    WorktreeDirty,
    WorktreeElsewhere,
)
from quarterdeck.core.sessions.workspaces.merging import Merger
from quarterdeck.core.sessions.workspaces.model import WorktreeOptions


async def worktree(deck: Rig, repo: GitRepo, name: str = "one", **fields: Any) -> Path:
    """A session's worktree that is there."""
    tree = WorktreeWish.model_validate(fields)
    view = await deck.create(name=name, cwd=str(repo.path), worktree=tree)
    assert view.workspace is not None
    return Path(view.workspace.path)


async def merge(deck: Rig, name: str = "one", **fields: Any) -> Mapping[str, Any]:
    """Merge as a command does."""
    wish = c.MergeSession(session_id=deck.session(name).id, **fields)
    return (await deck.manager.merge(wish, CAUSE))[1]


async def test_a_branch_that_is_only_ahead_is_taken_over_as_it_is(deck: Rig, repo: GitRepo) -> None:
    tree = await worktree(deck, repo)
    done = repo.commit("b.txt", "b\n", "work", tree)
    assert await merge(deck) == {
        "into": "main", "branch": "qd/one", "commit": done, "how": "fast_forward",
        "branch_deleted": False,
    }  # fmt: skip
    assert repo.tip("main") == done
    assert (repo.path / "b.txt").read_text() == "b\n"
    assert repo.git("status", "--porcelain") == ""
    workspace = deck.view("one").workspace
    assert workspace is not None
    assert workspace.merged_into == "main"
    assert (await merge(deck))["how"] == "up_to_date"


@pytest.mark.parametrize("checked_out", [True, False])
async def test_branches_that_went_apart_are_joined(
    deck: Rig, repo: GitRepo, checked_out: bool
) -> None:
    repo.git("branch", "dev")
    tree = await worktree(deck, repo, base="dev")
    work = repo.commit("b.txt", "b\n", "work", tree)
    repo.git("checkout", "--quiet", "dev")
    other = repo.commit("c.txt", "c\n", "other")
    if not checked_out:
        repo.git("checkout", "--quiet", "main")
    (repo.path / "untracked.txt").write_text("mine")
    done = await merge(deck)
    assert (done["how"], done["into"]) == ("merged", "dev")
    assert repo.tip("dev") == done["commit"]
    assert repo.git("rev-parse", "dev^1", "dev^2").split() == [other, work]
    assert "session one" in repo.git("log", "-1", "--format=%s", "dev")
    assert repo.git("status", "--porcelain") == "?? untracked.txt"
    assert (repo.path / "b.txt").exists() is checked_out


async def test_a_conflict_touches_nothing(deck: Rig, repo: GitRepo) -> None:
    tree = await worktree(deck, repo)
    work = repo.commit("a.txt", "ours\n", "work", tree)
    other = repo.commit("a.txt", "theirs\n", "other")
    fault = await fault_of(merge(deck))
    assert isinstance(fault, MergeConflict)
    assert fault.details["files"] == ["a.txt"]
    assert (repo.tip("main"), repo.tip("qd/one")) == (other, work)
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("status", "--porcelain", place=tree) == ""
    assert (repo.path / "a.txt").read_text() == "theirs\n"


async def test_what_is_not_committed_stands_against_it(deck: Rig, repo: GitRepo) -> None:
    tree = await worktree(deck, repo)
    done = repo.commit("b.txt", "b\n", "work", tree)
    begun = repo.tip("main")
    (tree / "new.txt").write_text("x")
    fault = await fault_of(merge(deck))
    assert isinstance(fault, WorktreeDirty)
    assert "new.txt" in fault.message
    (tree / "new.txt").unlink()
    (repo.path / "a.txt").write_text("edited")
    fault = await fault_of(merge(deck))
    assert isinstance(fault, TargetDirty)
    assert "a.txt" in fault.message
    repo.git("checkout", "--quiet", "a.txt")
    (repo.path / "b.txt").write_text("a person's own")  # would be overwritten: git refuses
    assert isinstance(await fault_of(merge(deck)), GitFailed)
    assert (repo.path / "b.txt").read_text() == "a person's own"
    assert repo.tip("main") == begun
    (repo.path / "b.txt").unlink()
    assert (await merge(deck))["commit"] == done


async def test_there_must_be_something_to_merge_into(deck: Rig, repo: GitRepo) -> None:
    tree = await worktree(deck, repo)
    assert isinstance(await fault_of(merge(deck, into="nowhere")), TargetInvalid)
    assert isinstance(await fault_of(merge(deck, into="qd/one")), TargetInvalid)
    repo.git("switch", "--quiet", "-c", "elsewhere", place=tree)
    assert isinstance(await fault_of(merge(deck)), WorktreeElsewhere)
    repo.git("worktree", "remove", str(tree))
    assert isinstance(await fault_of(merge(deck)), WorktreeElsewhere)
    await deck.create(name="plain", cwd=str(repo.path))
    assert isinstance(await fault_of(merge(deck, "plain")), NoWorktree)


async def test_a_commit_without_a_person_fails_and_says_so(deck: Rig, repo: GitRepo) -> None:
    tree = await worktree(deck, repo)
    repo.commit("b.txt", "b\n", "work", tree)
    other = repo.commit("c.txt", "c\n", "other")
    repo.git("config", "user.email", "")
    repo.git("config", "user.name", "")
    fault = await fault_of(merge(deck))
    assert isinstance(fault, GitFailed)
    assert "ident" in fault.message
    assert repo.tip("main") == other


async def test_a_target_that_moves_meanwhile_is_merged_with_anew(
    deck: Rig, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = await worktree(deck, repo)
    repo.commit("b.txt", "b\n", "work", tree)
    repo.commit("c.txt", "c\n", "other")
    prepared, moves = Merger._prepared, [1]

    async def moving(*given: Any) -> str:
        found = await prepared(*given)
        if moves:
            repo.commit(f"d{moves.pop()}.txt", "d\n", "meanwhile")
        return found

    monkeypatch.setattr(Merger, "_prepared", moving)
    done = await merge(deck)
    assert repo.tip("main") == done["commit"]
    assert (repo.path / "d1.txt").exists()
    assert (repo.path / "b.txt").exists()
    repo.commit("b.txt", "bb\n", "more", tree)
    moves += [2, 3, 4]
    last = await fault_of(merge(deck))
    assert isinstance(last, TargetMoved)
    assert "bb" not in (repo.path / "b.txt").read_text()


async def test_merges_into_a_branch_wait_in_line(
    new_rig: NewRig, keepers: FakeKeepers, repo: GitRepo
) -> None:
    layer = CoordinationLayer()
    rig = await new_rig(keepers=keepers, layer=layer, worktrees=WorktreeOptions(lock_timeout=60))
    for name in ("one", "two"):
        repo.commit(f"{name}.txt", name, name, await worktree(rig, repo, name))
    lock = f"branch main of {repo.path.resolve()}"
    held = await layer.lock(lock, "somebody", 60)
    merges = []
    for name in ("one", "two"):
        merges.append(asyncio.ensure_future(merge(rig, name)))
        await _until_waiting(layer, len(merges))
    [line] = layer.locks.statistics()
    assert (line.holder, line.waiters) == ("somebody", ("session one", "session two"))
    assert repo.tip("main") == repo.tip("main")
    await layer.release_lock(held)
    first, second = await asyncio.gather(*merges)
    assert (first["how"], second["how"]) == ("fast_forward", "merged")
    assert repo.git("rev-parse", "main^1") == first["commit"]
    assert not layer.locks.statistics()


async def _until_waiting(layer: CoordinationLayer, count: int) -> None:
    async with asyncio.timeout(60):
        while sum(len(one.waiters) for one in layer.locks.statistics()) < count:  # noqa: ASYNC110  # see below
            await asyncio.sleep(0)  # the line tells nobody of its length


async def test_a_lock_that_is_not_had_in_time_is_said(
    new_rig: NewRig, keepers: FakeKeepers, repo: GitRepo
) -> None:
    layer = CoordinationLayer()
    rig = await new_rig(keepers=keepers, layer=layer, worktrees=WorktreeOptions(lock_timeout=0.01))
    await worktree(rig, repo)
    await layer.lock(f"branch main of {repo.path.resolve()}", "somebody", 60)
    assert isinstance(await fault_of(merge(rig)), LockTimeout)


async def test_a_merged_branch_is_deleted_only_of_a_session_that_has_ended(
    deck: Rig, repo: GitRepo
) -> None:
    tree = await worktree(deck, repo)
    repo.commit("b.txt", "b\n", "work", tree)
    assert isinstance(await fault_of(merge(deck, delete_branch=True)), SessionLiving)
    await deck.stop()
    done = await merge(deck, delete_branch=True)
    assert done["branch_deleted"]
    assert repo.branches == ["main"]
    assert (tree / "b.txt").exists()
    assert repo.git("rev-parse", "HEAD", place=tree) == done["commit"]
    assert isinstance(await fault_of(merge(deck)), NoWorktree)
    await deck.delete()
    assert repo.worktrees == []
