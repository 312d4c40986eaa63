"""Where a session works when it has a git worktree of its own, and how one is asked for."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from .rules import Argument, quoted
from .view import View

BRANCH_LIMIT = 200
SETUP_LIMIT = 100

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


def _branch(value: Any) -> Any:
    """What git takes as a branch's name; the same rules as ``git check-ref-format --branch``."""
    fits = (
        isinstance(value, str)
        and 0 < len(value) <= BRANCH_LIMIT
        and not _FORBIDDEN.search(value)
        and not value.startswith(("-", "/", "refs/"))
        and not value.endswith(("/", "."))
        and value not in {"@", "HEAD"}
        and not any(part.startswith(".") or part.endswith(".lock") for part in value.split("/"))
    )
    if not fits:
        raise PydanticCustomError(
            "branch_invalid",
            "{value} can't be a branch's name; git allows no spaces, no .., none of ~^:?*[\\ in it.",
            {"value": quoted(value)},
        )
    return value


def _ref(value: Any) -> Any:
    """A branch, tag or commit; whether there is one is git's to say."""
    bad = (
        not isinstance(value, str)
        or not 0 < len(value) <= BRANCH_LIMIT
        or value.startswith("-")
        or re.search(r"[\x00-\x20\x7f]|\.\.|:", value)
    )
    if bad:
        raise PydanticCustomError(
            "ref_invalid",
            "{value} can't name a branch, a tag or a commit.",
            {"value": quoted(value)},
        )
    return value


BranchName = Annotated[str, BeforeValidator(_branch)]
RefName = Annotated[str, BeforeValidator(_ref)]
SetupCommand = Annotated[tuple[Argument, ...], Field(max_length=SETUP_LIMIT)]


class WorktreeWish(BaseModel):
    """A git worktree of the session's own; what is not given has a default.

    ``branch`` is made from ``base`` (what is checked out); one that is there already is taken only with
    ``reuse``. ``setup`` is an argument list to run in it, an empty one none at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    branch: BranchName | None = None
    base: RefName | None = None
    reuse: bool = False
    setup: SetupCommand | None = None


class WorkspaceState(StrEnum):
    """How a worktree stands."""

    PREPARING = "preparing"
    READY = "ready"
    BROKEN = "broken"
    """It could not be made, nor could all of it be undone."""


class WorkspaceView(View):
    """A session's worktree: ``repository`` is the directory it was made from, ``base`` what it began at.

    ``base`` is a branch's name where there was one, else the commit. ``made_branch``: the branch was
    made with it. ``merged_into`` is where it was last merged; then ``branch`` may be gone.
    """

    repository: str
    branch: str
    base: str
    commit: str
    path: str
    state: WorkspaceState = WorkspaceState.PREPARING
    made_branch: bool = True
    setup: tuple[str, ...] = ()
    merged_into: str = ""
    branch_gone: bool = False
