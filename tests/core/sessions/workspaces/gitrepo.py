"""A git repository in a scratch directory, with a person's name that no global configuration gives."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PERSON = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")


class GitRepo:
    """A repository with one commit on ``main``, in which ``a.txt`` has three lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "A Person")
        self.git("config", "user.email", "person@example.org")
        self.commit("a.txt", "one\ntwo\nthree\n", "begin")

    def git(self, *words: str, place: Path | str | None = None, code: int = 0) -> str:
        """What a git command says."""
        environment = {name: text for name, text in os.environ.items() if "GIT_" not in name}
        done = subprocess.run(  # a fixed program
            ["git", "-C", str(place or self.path), *PERSON, *words],  # whichever is there
            check=False,
            capture_output=True,
            text=True,
            env={**environment, "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"},
        )
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout.strip()

    def commit(self, name: str, text: str, message: str, place: Path | str | None = None) -> str:
        """Commit one file; the commit."""
        where = Path(place or self.path)
        (where / name).write_text(text)
        self.git("add", name, place=where)
        self.git("commit", "--quiet", "-m", message, place=where)
        return self.git("rev-parse", "HEAD", place=where)

    def hook(self, name: str, script: str) -> None:
        """Let git run a script."""
        hook = self.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)

    def tip(self, ref: str) -> str:
        """The commit a ref names; empty if there is no such ref."""
        found = self.git("for-each-ref", "--format=%(objectname) %(refname:short)")
        return next((line.split()[0] for line in found.splitlines() if line.split()[1] == ref), "")

    @property
    def branches(self) -> list[str]:
        """The local branches."""
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    @property
    def worktrees(self) -> list[str]:
        """The linked worktrees, by path."""
        lines = self.git("worktree", "list", "--porcelain").splitlines()
        return [line[9:] for line in lines if line.startswith("worktree ")][1:]
