"""Patterns of paths: ``*.py``, ``src/**/*.py``."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

ANY_DEPTH = "**"


def matches(pattern: str, path: str) -> bool:
    """Whether ``path``, from the folder on, fits; ``*`` stays within a name, ``**`` is any folders.

    Names that begin with a dot fit only a part of the pattern that does so too.
    """
    return _matches(pattern.split("/"), path.split("/"))


def is_deep(pattern: str) -> bool:
    """Whether files of folders inside the folder may fit."""
    return "/" in pattern or ANY_DEPTH in pattern


def may_hold(pattern: str, folder: str) -> bool:
    """Whether files that fit may lie in that folder inside the folder."""
    parts, names = pattern.split("/"), folder.split("/")
    for at, name in enumerate(names):
        if at >= len(parts) - 1 and ANY_DEPTH not in parts:
            return False
        if at < len(parts) and parts[at] == ANY_DEPTH:
            return not any(one.startswith(".") for one in names[at:])
        if at >= len(parts) or not _fits(parts[at], name):
            return False
    return True


def _matches(parts: Sequence[str], names: Sequence[str]) -> bool:
    if not parts:
        return not names
    if parts[0] == ANY_DEPTH:
        if len(parts) == 1:
            return bool(names) and not any(one.startswith(".") for one in names)
        if _matches(parts[1:], names):
            return True
        return bool(names) and not names[0].startswith(".") and _matches(parts, names[1:])
    return bool(names) and _fits(parts[0], names[0]) and _matches(parts[1:], names[1:])


def _fits(part: str, name: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatchcase(name, part)
