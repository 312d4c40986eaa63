"""Merging a session's branch: prepared beside every working tree, then taken over in one step."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ...base.listed import listed
from ...coordination.layer import CoordinationLayer
from ...coordination.locks import Grant
from ...protocol.workspace import WorkspaceView
from .faults import (
    GitFailed,
    GitOld,
    MergeConflict,
    TargetDirty,
    TargetInvalid,
    TargetMoved,
    WorktreeDirty,
    WorktreeElsewhere,
)
from .git import Git
from .model import WorktreeOptions
from .repository import Repository

TRIES = 3
UP_TO_DATE, FAST_FORWARD, MERGED = "up_to_date", "fast_forward", "merged"


@dataclass(frozen=True, slots=True)
class Merge:
    """What is to be merged: a session's branch into another one."""

    session: str
    workspace: WorkspaceView
    into: str

    @property
    def lock(self) -> str:
        """The lock of the branch that is changed."""
        return f"branch {self.into} of {self.workspace.repository}"


@dataclass(frozen=True, slots=True)
class Merged:
    """How it went: ``commit`` is where the branch stands, ``tip`` what was merged into it."""

    commit: str
    tip: str
    how: str


class Merger:
    """Merges branches, each target by one at a time, in the order of asking."""

    def __init__(self, git: Git, layer: CoordinationLayer, options: WorktreeOptions) -> None:
        self._git = git
        self._layer = layer
        self._options = options

    async def merge(self, merge: Merge) -> Merged:
        """Merge under the lock of the target.

        :raises LockTimeout: if others merge into it for too long.
        :raises WorktreeDirty: if the session's worktree has changes that are not committed.
        :raises MergeConflict: if both change the same lines; nothing was touched.
        :raises TargetDirty: if the target is checked out with changes.
        """
        options = self._options
        held = self._layer.acquire_lock(
            merge.lock,
            f"session {merge.session}",
            options.lock_ttl,
            timeout=options.lock_timeout,
        )
        async with held as grant:
            repository = Repository(self._git, merge.workspace.repository)
            await self._check_source(repository, merge)
            for _ in range(TRIES):
                done = await self._attempt(repository, merge, grant)
                if done is not None:
                    return done
        raise TargetMoved(
            f"{merge.into} moved {TRIES} times while {merge.workspace.branch} was merged into it. "
            "Nothing was merged; try again.",
            branch=merge.into,
        )

    async def delete_branch(self, merge: Merge, tip: str) -> bool:
        """Delete a branch that was merged as it stood at ``tip``; its worktree stays at that commit."""
        workspace = merge.workspace
        repository = Repository(self._git, workspace.repository)
        if await repository.branch_tip(workspace.branch) != tip:
            return False
        await self._git.run(workspace.path, "checkout", "--quiet", "--detach")
        await repository.delete_branch(workspace.branch, tip)
        return True

    async def _check_source(self, repository: Repository, merge: Merge) -> None:
        workspace = merge.workspace
        if merge.into == workspace.branch:
            raise TargetInvalid(f"{merge.into} is the session's own branch; give another --into.")
        if await repository.branch_tip(merge.into) is None:
            raise TargetInvalid(
                f"There is no branch {merge.into} in {repository.path} to merge into; name one with "
                "--into BRANCH.",
                branch=merge.into,
            )
        if not await asyncio.to_thread(Path(workspace.path).is_dir):
            raise WorktreeElsewhere(
                f"The worktree {workspace.path} is gone. Its branch {workspace.branch} can be merged "
                "with git itself.",
                path=workspace.path,
            )
        current = await repository.current_branch(workspace.path)
        if current != workspace.branch:
            raise WorktreeElsewhere(
                f"The worktree {workspace.path} stands on {current or 'no branch'}, not on "
                f"{workspace.branch}. Check that out there, then merge again.",
                path=workspace.path,
                branch=current,
            )
        changed = await repository.changes(workspace.path)
        if changed:
            raise WorktreeDirty(
                f"{merge.session} has changes that are not committed: {listed(changed)}. Let it commit "
                "or drop them, then merge again.",
                path=workspace.path,
                changed=len(changed),
            )

    async def _attempt(self, repository: Repository, merge: Merge, grant: Grant) -> Merged | None:
        """One try; ``None`` if the target was moved meanwhile."""
        tip = await repository.commit_of(f"refs/heads/{merge.workspace.branch}")
        target = await repository.commit_of(f"refs/heads/{merge.into}")
        if await repository.is_ancestor(tip, target):
            return Merged(target, tip, UP_TO_DATE)
        place = await self._checked_out(repository, merge.into)
        how = FAST_FORWARD if await repository.is_ancestor(target, tip) else MERGED
        commit = (
            tip if how == FAST_FORWARD else await self._prepared(repository, merge, target, tip)
        )
        grant.check()
        moved = await self._take_over(repository, merge, place, (target, commit), grant.token)
        return Merged(commit, tip, how) if moved else None

    async def _checked_out(self, repository: Repository, branch: str) -> str | None:
        """The working tree that has ``branch``; it must be clean.

        :raises TargetDirty: if it is not.
        """
        trees = await repository.worktrees()
        place = next((path for path, name in trees.items() if name == branch), None)
        if place is None or not await asyncio.to_thread(Path(place).is_dir):
            return None
        changed = await repository.changes(place, untracked=False)
        if changed:
            raise TargetDirty(
                f"{branch} is checked out in {place}, with changes that are not committed: "
                f"{listed(changed)}. Commit or stash them, then merge again.",
                path=place,
                branch=branch,
            )
        return place

    async def _prepared(self, repository: Repository, merge: Merge, target: str, tip: str) -> str:
        """The commit that merges both, made without touching any branch or file.

        :raises MergeConflict: if both change the same lines.
        """
        answer = await self._git.ask(
            repository.path, "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z",
            target, tip,
        )  # fmt: skip
        tree, *conflicts = answer.out.rstrip("\0").split("\0")
        if answer.code == 1:
            raise MergeConflict(
                f"{merge.workspace.branch} and {merge.into} both change {listed(sorted(set(conflicts)))}. "
                f"Nothing was merged. Let the session merge {merge.into} into its branch, then try again.",
                files=sorted(set(conflicts)),
            )
        if answer.code:
            if "usage:" in answer.error:
                raise GitOld("Merging needs git 2.38 or newer. Update git, or merge by hand.")
            raise GitFailed(
                f"git merge-tree failed in {repository.path}: {answer.error.strip()}",
                place=repository.path,
            )
        subject = f"Merge branch '{merge.workspace.branch}' (session {merge.session})"
        made = await self._git.run(
            repository.path, "commit-tree", tree, "-p", target, "-p", tip, "-m", subject
        )
        return made.line

    async def _take_over(
        self,
        repository: Repository,
        merge: Merge,
        place: str | None,
        step: tuple[str, str],
        token: int,
    ) -> bool:
        """Move the target from the first commit to the second; whether it still stood there."""
        before, after = step
        if place is None:
            mark = f"quarterdeck: merge {merge.workspace.branch} (lock {token})"
            ref = f"refs/heads/{merge.into}"
            moving = ("update-ref", "-m", mark, ref, after, before)
            answer = await self._git.ask(repository.path, *moving)
        else:
            if await repository.current_branch(place) != merge.into:
                return False
            answer = await self._git.ask(place, "merge", "--ff-only", "--quiet", after)
        if not answer.code:
            return True
        if await repository.branch_tip(merge.into) != before:
            return False
        raise GitFailed(
            f"{merge.into} can't be moved to the merged commit: {answer.error.strip()}. Nothing was "
            "changed.",
            branch=merge.into,
        )
