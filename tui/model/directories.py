"""Directories as a person types them: completed, and checked."""

from __future__ import annotations

import os
from pathlib import Path

LOOKED_AT = 2000


def full_path(typed: str, base: str) -> str:
    """``typed`` as an absolute path: ``~`` is the home, anything relative lies in ``base``."""
    path = Path(os.path.expanduser(typed.strip() or "."))  # noqa: PTH111 - keeps a lone ~user as it is
    return os.path.normpath(path if path.is_absolute() else Path(base) / path)


def file_completion(typed: str, base: str, endings: tuple[str, ...]) -> str | None:
    """``typed`` gone on to the end of the first name that begins so: a directory's, or a file's with one of ``endings``.

    Looks at the disk: call it in a thread.
    """
    if not typed.strip():
        return None
    head, slash, start = typed.rpartition("/")
    place = full_path(head + slash if slash else ".", base)
    try:
        with os.scandir(place) as entries:
            names = [
                shown
                for entry, _ in zip(entries, range(LOOKED_AT), strict=False)
                if entry.name.startswith(start) and (shown := _offered(entry, endings))
            ]
    except OSError:
        return None
    seen = [name for name in names if start or not name.startswith(".")]
    return f"{head}{slash}{min(seen, key=_name)}" if seen else None


def _offered(entry: os.DirEntry[str], endings: tuple[str, ...]) -> str:
    """An entry's name as it is filled in: a directory's with a slash; empty if it is not wanted."""
    if _is_directory(entry):
        return f"{entry.name}/"
    return entry.name if endings and entry.name.endswith(endings) else ""


def _name(shown: str) -> str:
    return shown.removesuffix("/")


def fault_of(path: str) -> str:
    """Why a session can't work in ``path``; empty if it can. Looks at the disk."""
    place = Path(path)
    if not place.exists():
        return f"There is no directory {path}."
    if not place.is_dir():
        return f"{path} is no directory."
    return "" if os.access(place, os.R_OK | os.X_OK) else f"{path} may not be entered."


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
