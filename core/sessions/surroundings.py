"""Where a session runs: the directory itself, isolated by nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .faults import DirectoryMissing


@dataclass(frozen=True, slots=True)
class Bare:
    """Surroundings that change nothing."""

    cwd: str
    env: Mapping[str, str]

    def exec(self, argv: Sequence[str]) -> tuple[str, ...]:
        """``argv`` itself."""
        return tuple(argv)


class NoIsolation:
    """The container manager that isolates nothing: it checks the directory."""

    isolation = "none"

    async def prepare(self, session_id: str, cwd: str, env: Mapping[str, str]) -> Bare:
        """The directory as it is.

        :raises DirectoryMissing: if it is not there.
        """
        if not await asyncio.to_thread(Path(cwd).is_dir):
            raise DirectoryMissing(
                f"The directory {cwd} is not there; create it or give another one.", cwd=cwd
            )
        return Bare(cwd, dict(env))

    async def health(self, session_id: str) -> bool:
        """Always: nothing can fall."""
        return True

    async def destroy(self, session_id: str) -> None:
        """Nothing to take down."""

    async def orphans(self, living: frozenset[str]) -> int:
        """None can be left."""
        return 0


def repository_of(directory: str) -> str:
    """The name of the git repository that holds ``directory``, or the directory's own name."""
    here = Path(directory)
    for place in (here, *here.parents):
        if (place / ".git").exists():
            return place.name
    return here.name
