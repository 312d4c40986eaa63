"""Taking worktrees down: only what is clean and merged, unless a person says otherwise."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from ...base.listed import listed
from ...protocol.workspace import WorkspaceState, WorkspaceView
from .faults import BranchUnmerged, WorktreeDirty
from .git import Git
from .model import tether_of
from .repository import Repository

_WAYS = "keep it with --keep-worktree, or throw it away with --discard"


class Removal:
    """Removes worktrees and merged branches. A branch with commits of its own always stays."""

    def __init__(self, git: Git) -> None:
        self._git = git

    async def check(self, workspace: WorkspaceView, *, discard: bool) -> None:
        """Let the worktree be removed.

        :raises WorktreeDirty: if it holds changes that are not committed.
        :raises BranchUnmerged: if it holds commits that are in no other branch.
        """
        repository = await self._repository(workspace)
        if repository is None:
            return
        there = workspace.path in await repository.worktrees()
        if there and await asyncio.to_thread(Path(workspace.path).is_dir):
            await self._check_head(repository, workspace)
            if not discard:
                await _check_changes(repository, workspace)
        if not discard and workspace.made_branch and await self._own_commits(repository, workspace):
            raise BranchUnmerged(
                f"{workspace.branch} has commits that are in no other branch. Merge it first with: "
                f"quarterdeck session merge. Or {_WAYS}: the branch is kept either way.",
                branch=workspace.branch,
            )

    async def take_down(self, workspace: WorkspaceView, *, discard: bool) -> None:
        """Remove the worktree; the branch, too, if it was made with it and is merged.

        :raises QuarterdeckError: as for ``check``.
        """
        repository = await self._repository(workspace)
        if repository is None:
            return
        await self.check(workspace, discard=discard)
        force = discard or workspace.state is not WorkspaceState.READY
        await repository.remove_worktree(workspace.path, force=force)
        if discard:
            await asyncio.to_thread(shutil.rmtree, workspace.path, ignore_errors=True)
        await self._drop_branch(repository, workspace)
        await asyncio.to_thread(tether_of(workspace).unlink, missing_ok=True)

    async def _drop_branch(self, repository: Repository, workspace: WorkspaceView) -> None:
        tip = await repository.branch_tip(workspace.branch)
        used = workspace.branch in (await repository.worktrees()).values()
        if tip is None or used or not workspace.made_branch:
            return
        if not await self._own_commits(repository, workspace):
            await repository.delete_branch(workspace.branch, tip)

    async def _repository(self, workspace: WorkspaceView) -> Repository | None:
        """The repository; ``None`` if it is gone, and its worktrees with it."""
        if not await asyncio.to_thread(Path(workspace.repository).is_dir):
            return None
        return Repository(self._git, workspace.repository)

    async def _check_head(self, repository: Repository, workspace: WorkspaceView) -> None:
        """What is checked out must be held by some branch or tag, or it would be lost for good."""
        head = await Repository(self._git, workspace.path).tip("HEAD")
        if head is not None and not await repository.holders(head):
            raise BranchUnmerged(
                f"The worktree {workspace.path} stands at a commit that no branch holds ({head[:10]}). "
                "Make a branch of it there with: git switch -c NAME",
                path=workspace.path,
                commit=head,
            )

    async def _own_commits(self, repository: Repository, workspace: WorkspaceView) -> bool:
        """Whether the session's branch holds commits that no other branch or tag does."""
        tip = await repository.branch_tip(workspace.branch)
        if tip is None:
            return False
        own = f"refs/heads/{workspace.branch}"
        return not [ref for ref in await repository.holders(tip) if ref != own]


async def _check_changes(repository: Repository, workspace: WorkspaceView) -> None:
    changed = await repository.changes(workspace.path)
    if changed:
        raise WorktreeDirty(
            f"The worktree {workspace.path} has changes that are not committed: {listed(changed)}. "
            f"Commit them, or {_WAYS}.",
            path=workspace.path,
            changed=len(changed),
        )
