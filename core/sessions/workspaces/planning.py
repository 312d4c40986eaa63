"""From a wish to a plan: all that can be refused before anything is done."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ...protocol.workspace import WorktreeWish
from ..faults import DirectoryMissing
from .faults import TargetInvalid
from .git import Git
from .model import Plan, WorktreeOptions, branch_for
from .repository import Repository, branch_exists, branch_in_use


async def plan_worktree(
    git: Git, options: WorktreeOptions, name: str, directory: str, wish: WorktreeWish
) -> Plan:
    """What is to be made for a session called ``name`` that would work in ``directory``.

    :raises NoRepository: if that lies in none.
    :raises RefUnknown: if there is no such base, or nothing was ever committed.
    :raises BranchExists: if the branch is there, and is not to be reused.
    :raises BranchInUse: if a branch to be reused is checked out elsewhere.
    """
    if not await asyncio.to_thread(Path(directory).is_dir):
        raise DirectoryMissing(
            f"The directory {directory} is not there; create it or give another one.", cwd=directory
        )
    repository, inside = await Repository.around(git, directory)
    branch = wish.branch or branch_for(name)
    current = await repository.current_branch(directory)
    base = wish.base or current or "HEAD"
    tip = await repository.branch_tip(branch)
    if tip is not None:
        await _check_reuse(repository, branch, wish)
    if base == branch:
        raise TargetInvalid(f"The branch {branch} can't be made from itself; give another --base.")
    commit = await repository.commit_of(base)
    is_branch = await repository.branch_tip(base) is not None
    return Plan(
        repository.path,
        inside,
        branch,
        base if is_branch else commit,
        tip or commit,
        tip is None,
        options.setup if wish.setup is None else wish.setup,
    )


async def _check_reuse(repository: Repository, branch: str, wish: WorktreeWish) -> None:
    if not wish.reuse:
        raise branch_exists(branch)
    for place, name in (await repository.worktrees()).items():
        if name == branch:
            raise branch_in_use(branch, place)
