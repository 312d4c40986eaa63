"""What can be refused or fail around worktrees: one class for each cause."""

from __future__ import annotations

from ...base.errors import BusinessFault, ResourceFault, SystemFault, ValidationFault


class GitMissing(ResourceFault):
    """There is no git on PATH, or it can't be run."""

    code = "git_missing"


class GitOld(ResourceFault):
    """The git that is installed can't do what is asked."""

    code = "git_old"


class GitSlow(ResourceFault):
    """A git command did not end in time, and was ended."""

    code = "git_timeout"


class GitFailed(SystemFault):
    """A git command failed for a reason that only its own words tell."""

    code = "git_failed"
    recoverable = True


class WorktreeBusy(ResourceFault):
    """A git command of an earlier engine still works in the repository."""

    code = "worktree_busy"


THE_MACHINES = (GitMissing, GitOld, GitSlow, GitFailed, WorktreeBusy)
"""Faults that speak against this machine or its repositories, and not against any agent."""


class NoRepository(ValidationFault):
    """The directory lies in no git repository with a working tree."""

    code = "no_repository"


class RefUnknown(ValidationFault):
    """The repository has no such branch, tag or commit."""

    code = "ref_unknown"


class BranchExists(BusinessFault):
    """A branch that was to be made is there already."""

    code = "branch_exists"


class BranchInUse(BusinessFault):
    """A branch is checked out in another worktree."""

    code = "branch_in_use"


class BranchUnmerged(BusinessFault):
    """A branch or worktree holds commits that are in no other branch."""

    code = "branch_unmerged"


class WorktreeDirty(BusinessFault):
    """A session's worktree holds changes that are not committed."""

    code = "worktree_dirty"


class WorktreeElsewhere(BusinessFault):
    """A session's worktree is gone, or stands on another branch than the session's."""

    code = "worktree_elsewhere"


class NoWorktree(BusinessFault):
    """The session has no worktree of its own, or it is not ready."""

    code = "no_worktree"


class TargetDirty(BusinessFault):
    """The branch to merge into is checked out with changes that are not committed."""

    code = "target_dirty"


class TargetInvalid(ValidationFault):
    """There is no branch to merge into, or it is the session's own."""

    code = "merge_target"


class TargetMoved(BusinessFault):
    """The branch to merge into was moved by others again and again."""

    code = "target_moved"


class MergeConflict(BusinessFault):
    """The branches change the same lines; nothing was merged."""

    code = "merge_conflict"


class SetupFailed(BusinessFault):
    """The set-up command failed; its output is in the message."""

    code = "setup_failed"


class SetupSlow(BusinessFault):
    """The set-up command did not end in time, and was ended."""

    code = "setup_timeout"


class WorktreeUndone(BusinessFault):
    """A worktree could not be made; all that was done for it is undone."""

    code = "worktree_undone"


class WorktreeBroken(BusinessFault):
    """A worktree could not be made, and something of it could not be undone."""

    code = "worktree_broken"
