"""Settings of worktrees, and what is planned before one is made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...protocol.workspace import WorkspaceView

FOLDER = "worktrees"
SETUPS = "setups"
LOGS = 50
"""Outputs of set-up commands that are kept at most, beside those of present sessions."""

TETHER = "git-works-here"
PREFIX = "qd/"


@dataclass(frozen=True, slots=True)
class WorktreeOptions:
    """Settings; times in seconds. ``directory`` is where worktrees lie (in the state directory)."""

    directory: Path | None = None
    setup: tuple[str, ...] = ()
    setup_timeout: float = 600.0
    lock_timeout: float = 300.0
    lock_ttl: float = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A worktree that can be made, as far as a look at the repository tells."""

    repository: str
    inside: str
    branch: str
    base: str
    commit: str
    made_branch: bool
    setup: tuple[str, ...]

    @property
    def repo(self) -> str:
        """The repository's name."""
        return Path(self.repository).name or "repository"

    def seat(self, workspace: WorkspaceView) -> str:
        """Where in the worktree a session works: where it would have worked in the repository."""
        return str(Path(workspace.path) / self.inside)

    def at(self, folder: Path, session_id: str) -> WorkspaceView:
        """The workspace of one session; nobody else has a place of its id."""
        return WorkspaceView(
            repository=self.repository,
            branch=self.branch,
            base=self.base,
            commit=self.commit,
            path=str(folder / session_id / self.repo),
            made_branch=self.made_branch,
            setup=self.setup,
        )


def branch_for(name: str) -> str:
    """The branch of a session that was given none: its name, as git takes it."""
    return PREFIX + (re.sub(r"[ ]+", "-", name.strip()).strip("-") or "session")


def mark_of(session_id: str) -> str:
    """What the log of a branch says of who made it."""
    return f"quarterdeck: worktree of session {session_id}"


def home_of(workspace: WorkspaceView) -> Path:
    """The directory that is this worktree's alone, with what belongs to it beside it."""
    return Path(workspace.path).parent


def log_of(workspace: WorkspaceView) -> Path:
    """Where the output of the set-up command is kept, also when the worktree is gone."""
    home = home_of(workspace)
    return home.with_name(f"{home.name}.log")


def tether_of(workspace: WorkspaceView) -> Path:
    """What git commands that change something hold while they run."""
    return home_of(workspace) / TETHER
