"""What is asked of a repository, and the few things that are done to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .faults import BranchExists, BranchInUse, BranchUnmerged, GitFailed, NoRepository, RefUnknown
from .git import CHECKOUT_SECONDS, Git


@dataclass(frozen=True, slots=True)
class Place:
    """Where a directory lies: its repository's main working tree, and the way from its top."""

    repository: str
    inside: str


class Repository:
    """A git repository by its main working tree; every method may raise what ``Git.run`` does."""

    def __init__(self, git: Git, path: str) -> None:
        self._git = git
        self.path = path

    @classmethod
    async def around(cls, git: Git, directory: str) -> tuple[Repository, str]:
        """The repository that ``directory`` lies in, and where in a working tree of it.

        :raises NoRepository: if it lies in none.
        """
        found = await git.ask(directory, "rev-parse", "--show-prefix", "--is-inside-work-tree")
        if found.code or found.lines[-1:] != ["true"]:
            raise NoRepository(
                f"{directory} lies in no git repository with a working tree, so there can be no "
                "worktree. Give a directory of one, run git init, or leave --worktree out.",
                path=directory,
            )
        inside = found.lines[0] if len(found.lines) > 1 else ""
        trees = await cls(git, directory).worktrees()
        return cls(git, next(iter(trees))), inside.rstrip("/")

    async def worktrees(self) -> dict[str, str]:
        """Every working tree's path, the main one first, with the branch it has checked out."""
        answer = await self._git.run(self.path, "worktree", "list", "--porcelain", "-z")
        found: dict[str, str] = {}
        path = ""
        for field in answer.out.split("\0"):
            key, _, value = field.partition(" ")
            if key == "worktree":
                path = value
                found[path] = ""
            elif key == "branch":
                found[path] = value.removeprefix("refs/heads/")
        return found

    async def commit_of(self, ref: str) -> str:
        """The commit that ``ref`` names.

        :raises RefUnknown: if there is none.
        """
        found = await self.tip(f"{ref}^{{commit}}")
        if found is None:
            raise RefUnknown(
                f"{self.path} has no branch, tag or commit {ref}. See them with: git branch --all",
                ref=ref,
            )
        return found

    async def tip(self, ref: str) -> str | None:
        """The object that ``ref`` names; ``None`` if it names none."""
        answer = await self._git.ask(
            self.path, "rev-parse", "--verify", "--quiet", "--end-of-options", ref
        )
        return None if answer.code else answer.line

    async def branch_tip(self, branch: str) -> str | None:
        """The commit a branch stands at; ``None`` if there is no such branch."""
        return await self.tip(f"refs/heads/{branch}")

    async def current_branch(self, place: str | None = None) -> str:
        """The branch that is checked out; empty if none is."""
        answer = await self._git.ask(
            place or self.path, "symbolic-ref", "--quiet", "--short", "HEAD"
        )
        return "" if answer.code else answer.line

    async def changes(self, place: str, *, untracked: bool = True) -> list[str]:
        """Paths in a working tree with changes that are not committed."""
        mode = "normal" if untracked else "no"
        answer = await self._git.run(
            place, "status", "--porcelain=v1", "-z", "--no-renames", f"--untracked-files={mode}"
        )
        return [field[3:] for field in answer.out.split("\0") if field]

    async def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether all of ``older`` is in ``newer``."""
        answer = await self._git.run(
            self.path, "merge-base", "--is-ancestor", older, newer, codes=(0, 1)
        )
        return answer.code == 0

    async def holders(self, commit: str) -> list[str]:
        """The branches and tags that hold a commit, by their full names, remote ones included."""
        answer = await self._git.run(
            self.path, "for-each-ref", "--contains", commit, "--format=%(refname)",
            "refs/heads", "refs/remotes", "refs/tags",
        )  # fmt: skip
        return answer.lines

    async def make_branch(self, branch: str, commit: str, mark: str, tether: Path) -> None:
        """Make a branch that knows by ``mark`` who made it; a second time does nothing.

        :raises BranchExists: if there is one that somebody else made.
        """
        try:
            await self._git.run(
                self.path, "update-ref", "--create-reflog", "-m", mark, f"refs/heads/{branch}",
                commit, "0" * len(commit), tether=tether,
            )  # fmt: skip
        except GitFailed as error:
            tip = await self.branch_tip(branch)
            if tip is None:
                raise
            if tip != commit or not await self.is_marked(branch, mark):
                raise branch_exists(branch) from error

    async def is_marked(self, branch: str, mark: str) -> bool:
        """Whether the branch was made under this mark."""
        answer = await self._git.ask(
            self.path, "log", "--walk-reflogs", "--format=%gs", f"refs/heads/{branch}", "--"
        )
        return not answer.code and mark in answer.lines[-1:]

    async def unmake_branch(self, branch: str, commit: str, mark: str, tether: Path) -> None:
        """Delete a branch that was made under ``mark``, if it stands where it began.

        :raises BranchUnmerged: if something was committed to it; it is kept.
        """
        tip = await self.branch_tip(branch)
        if tip is None or not await self.is_marked(branch, mark):
            return
        if tip != commit:
            raise BranchUnmerged(
                f"The branch {branch} is kept, since commits were made on it.", branch=branch
            )
        await self.delete_branch(branch, commit, tether)

    async def delete_branch(self, branch: str, tip: str, tether: Path | None = None) -> None:
        """Delete a branch that still stands at ``tip``; one that has moved is left, as a fault."""
        await self._git.run(
            self.path, "update-ref", "-d", f"refs/heads/{branch}", tip, tether=tether
        )

    async def add_worktree(self, path: str, branch: str, tether: Path) -> None:
        """Check ``branch`` out at ``path``.

        :raises BranchInUse: if another worktree has it checked out.
        """
        used = [place for place, name in (await self.worktrees()).items() if name == branch]
        if used:
            raise branch_in_use(branch, used[0])
        await self._git.run(
            self.path, "worktree", "add", "--quiet", path, branch,
            tether=tether, seconds=CHECKOUT_SECONDS,
        )  # fmt: skip

    async def remove_worktree(self, path: str, *, force: bool, tether: Path | None = None) -> None:
        """Remove a working tree; without ``force`` git refuses one with changes."""
        if path in await self.worktrees():
            words = ("--force", "--force") if force else ()
            await self._git.run(
                self.path, "worktree", "remove", *words, path,
                tether=tether, seconds=CHECKOUT_SECONDS,
            )  # fmt: skip


def branch_exists(branch: str) -> BranchExists:
    """The fault for a branch that should not be there yet."""
    return BranchExists(
        f"There is a branch {branch} already. Give another name with --worktree BRANCH, or work on "
        "that one with --reuse.",
        branch=branch,
    )


def branch_in_use(branch: str, place: str) -> BranchInUse:
    """The fault for a branch that another working tree has."""
    return BranchInUse(
        f"The branch {branch} is checked out in {place}; git lets one worktree have it. Give another "
        "branch.",
        branch=branch,
        path=place,
    )
