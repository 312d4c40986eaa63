"""What SQLite and the file system report, as faults that say what, where and what to do."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from ...core.base.errors import QuarterdeckError
from .. import faults as f

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_RIGHT = {errno.EACCES, errno.EPERM, errno.EROFS}

_DISK = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


def full(path: Path) -> f.StoreFull:
    """The fault for a disk without space."""
    return f.StoreFull(
        f"The disk that holds {path} is full. Nothing that was acknowledged is lost; free some "
        "space, and the store takes changes again by itself.",
        path=str(path),
    )


def read_only(path: Path) -> f.StoreReadOnly:
    """The fault for a file or directory that may not be written."""
    return f.StoreReadOnly(
        f"{path} can't be written. Give yourself the right to write it, or choose another "
        "directory with --state-dir.",
        path=str(path),
    )


def locked(path: Path) -> f.StoreLocked:
    """The fault for a database that another process holds."""
    return f.StoreLocked(
        f"Another process holds the database {path}. End it (a second engine, or a database "
        "shell that was left open), then try again.",
        path=str(path),
    )


def corrupt(path: Path, finding: str) -> f.StoreCorrupt:
    """The fault for a damaged database."""
    return f.StoreCorrupt(
        f"The database {path} is damaged ({finding}). No more changes are taken. At the next "
        "start it is checked, moved aside if need be, and a fresh one is begun.",
        path=str(path),
        finding=finding,
    )


def closed(path: Path) -> f.StoreClosed:
    """The fault for a store that is not open."""
    return f.StoreClosed(f"The store {path} is not open.", path=str(path))


def fault_of(error: Exception, path: Path) -> QuarterdeckError:
    """The fault that ``error`` means for the database at ``path``."""
    if isinstance(error, QuarterdeckError):
        return error
    if isinstance(error, OSError):
        return _os_fault(error, path)
    if isinstance(error, sqlite3.Error):
        return _sqlite_fault(error, path)
    return f.InvalidChange.because(error)


def _os_fault(error: OSError, path: Path) -> QuarterdeckError:
    if error.errno in _NO_SPACE:
        return full(path)
    if error.errno in _NO_RIGHT:
        return read_only(path)
    reason = error.strerror or str(error)
    return f.StoreFault(f"{path}: {reason}. See to the disk, then try again.", path=str(path))


def _sqlite_fault(error: sqlite3.Error, path: Path) -> QuarterdeckError:
    # Absent on errors that the module raises by itself, such as for a value it can't bind.
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return f.InvalidChange.because(error)
    primary = code & 0xFF
    if primary in _DISK and _no_space(path):
        primary = sqlite3.SQLITE_FULL
    for codes, fault in _FAULTS:
        if primary in codes:
            return fault(path, error)
    return f.StoreFault(
        f"{path}: {error}. See to the disk, then try again.", path=str(path), sqlite_code=code
    )


def _no_space(path: Path) -> bool:
    """Whether the disk has no room: SQLite reports some writes to a full one as other errors."""
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail == 0


_FAULTS: tuple[tuple[frozenset[int], Callable[[Path, Exception], QuarterdeckError]], ...] = (
    (
        frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)),
        lambda path, error: corrupt(path, str(error)),
    ),
    (frozenset((sqlite3.SQLITE_FULL,)), lambda path, _: full(path)),
    (
        frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)),
        lambda path, _: locked(path),
    ),
    (
        frozenset((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)),
        lambda path, _: read_only(path),
    ),
    (
        frozenset(
            (
                sqlite3.SQLITE_CONSTRAINT,
                sqlite3.SQLITE_TOOBIG,
                sqlite3.SQLITE_MISMATCH,
                sqlite3.SQLITE_RANGE,
            )
        ),
        lambda _, error: f.InvalidChange.because(error),
    ),
)
"""By SQLite's primary result codes."""
