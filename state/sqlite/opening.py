"""Opening a database file: its place, its health, its schema. Blocking; runs on the writer's thread."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...core.base.clock import Clock
from ...core.engine.records import StoreNotice
from ...core.telemetry.audit import kept_link
from .. import faults as f
from ..stamps import for_file_name
from . import translating
from .migrating import Migrations, migrate, schema_of
from .statements import load_statements
from .wal import JOURNAL_BYTES, committed_frames, journal_of, size_of

PAGE_BYTES = 2048
"""Of a new database. A commit copies and checksums whole pages, and most touch few bytes of each."""

_LAST_SEQUENCE = load_statements("reads")["last_sequence"]
_SIDE_FILES = ("-wal", "-shm", "")  # the main file last: a journal must never meet a fresh one


@dataclass(frozen=True, slots=True)
class Terms:
    """How a database is opened: ``patience`` in seconds is the wait for another process's lock."""

    path: Path
    full: bool
    patience: float
    migrations: Migrations


@dataclass(frozen=True, slots=True)
class Opened:
    """An open database, and what was found on the way."""

    connection: sqlite3.Connection
    last_sequence: int
    notices: list[StoreNotice]


def open_database(terms: Terms, clock: Clock) -> Opened:
    """Open or create the database; a damaged one is moved aside, and a fresh one begun.

    :raises StoreFault: a subclass for each cause.
    """
    path = terms.path
    stamp = for_file_name(clock.now())
    try:
        _make_directory(path.parent)
        with _one_at_a_time(path.parent):
            notices = _prepare(path, stamp)
            try:
                return _open(terms, stamp, notices)
            except f.StoreCorrupt as fault:
                notices.append(_move_aside(path, stamp, fault))
                _make_file(path)
                return _open(terms, stamp, notices)
    except OSError as error:
        raise translating.fault_of(error, path) from error


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Whoever opens a database here meanwhile waits: making its schema is for one alone."""
    with ExitStack() as held:
        with suppress(OSError):  # a file system without locks; the engine has one of its own
            handle = os.open(directory, os.O_RDONLY)
            held.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def doubt(path: Path) -> None:
    """Leave a mark beside the database, so that the next start checks all of it."""
    _mark_of(path).touch(mode=0o600)


def _mark_of(path: Path) -> Path:
    return path.with_name(path.name + "-check")


def _prepare(path: Path, stamp: str) -> list[StoreNotice]:
    """The file exists and may be written; no journal lies beside an empty one."""
    notices = []
    journal = journal_of(path)
    if size_of(journal) and not size_of(path):
        kept = journal.rename(_free_name(journal, stamp))
        notices.append(_stray_journal(path, kept))
    _make_file(path)
    return notices


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise f.StoreDirectory(
            f"The state directory {directory} is no directory, or lies below a file. Choose "
            "another one with --state-dir.",
            path=str(directory),
        ) from error
    except PermissionError as error:
        raise f.StoreDirectory(
            f"The state directory {directory} does not exist, and you have no right to make it. "
            "Choose another one with --state-dir.",
            path=str(directory),
        ) from error


def _make_file(path: Path) -> None:
    """The file exists, for its owner's eyes only.

    An existing one is never opened here: closing any descriptor of it would drop the locks that
    SQLite holds on it in this process.
    """
    if path.is_dir():
        raise f.StoreDirectory(
            f"{path} is a directory, where the database file should be. Move it away, or choose "
            "another directory with --state-dir.",
            path=str(path),
        )
    path.touch(mode=0o600)
    for place in (path.parent, path):
        if not os.access(place, os.W_OK):
            raise translating.read_only(place)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _open(terms: Terms, stamp: str, notices: list[StoreNotice]) -> Opened:
    connection = sqlite3.connect(
        terms.path,
        timeout=terms.patience,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        notices += _set_up(connection, terms, stamp)
        last_sequence = connection.execute(_LAST_SEQUENCE).fetchone()[0]
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise translating.fault_of(error, terms.path) from error
        raise
    return Opened(connection, last_sequence, notices)


def _set_up(connection: sqlite3.Connection, terms: Terms, stamp: str) -> list[StoreNotice]:
    path = terms.path
    unclean = size_of(journal_of(path)) > 0
    expected = committed_frames(journal_of(path)) if unclean else 0
    schema_of(connection, path, len(terms.migrations))  # before anything is written
    _configure(connection, terms)
    notices = []
    if unclean:
        notices += _recover(connection, path, expected, stamp)
    if unclean or _mark_of(path).exists():
        _check(connection, path)
        _mark_of(path).unlink(missing_ok=True)
    return notices + migrate(connection, path, terms.migrations, stamp)


def _configure(connection: sqlite3.Connection, terms: Terms) -> None:
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # an older database keeps its own
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise f.StoreFault(
            f"{terms.path}: this file system can't hold a journal with shared memory. Choose a "
            "directory on a local disk with --state-dir.",
            path=str(terms.path),
        )
    connection.execute(f"PRAGMA synchronous = {'FULL' if terms.full else 'NORMAL'}")
    # On macOS an ordinary fsync leaves data in the drive's cache; elsewhere this does nothing.
    connection.execute(f"PRAGMA fullfsync = {int(terms.full)}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # checkpoints never run on the loop
    connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.create_function("audit_link", 4, kept_link, deterministic=True)


def _recover(
    connection: sqlite3.Connection, path: Path, expected: int | None, stamp: str
) -> list[StoreNotice]:
    """Fold the journal of a process that died into the database, and see whether all of it was read."""
    _, read, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if expected is not None and read >= expected:
        return []
    now = committed_frames(journal_of(path))
    if now is not None and read >= now:
        return []  # another process has it open, and began the journal anew meanwhile
    journal = journal_of(path)
    kept = _free_name(journal, stamp)
    shutil.copyfile(journal, kept)
    kept.chmod(0o600)
    return [
        StoreNotice(
            "store_journal_damaged",
            f"The journal of {path} is damaged: the latest changes could not be read. All that "
            f"could is in force; the damaged journal is kept as {kept.name}.",
            {"path": str(path), "kept": str(kept), "read": read, "expected": expected},
        )
    ]


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Check every page (0.7 ms a megabyte).

    :raises StoreCorrupt: if one is damaged.
    """
    finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise translating.corrupt(path, str(finding).splitlines()[-1])


def _move_aside(path: Path, stamp: str, fault: f.StoreCorrupt) -> StoreNotice:
    """Rename the damaged database with its side files.

    :raises StoreCorrupt: if that can't be done.
    """
    kept = _free_name(path, stamp)
    try:
        for suffix in _SIDE_FILES:
            side = path.with_name(path.name + suffix)
            if side.exists():
                side.rename(kept.with_name(kept.name + suffix))
        _mark_of(path).unlink(missing_ok=True)
    except OSError as error:
        raise f.StoreCorrupt(
            f"The database {path} is damaged and could not be moved aside to {kept}: "
            f"{error.strerror}. Move it away yourself; nothing was deleted.",
            path=str(path),
        ) from error
    return StoreNotice(
        "store_moved_aside",
        f"The database {path} was damaged ({fault.details['finding']}). It is kept as "
        f"{kept.name}, and a fresh one was begun: agents that still run go on, "
        "and are listed again; history and sessions that had ended are not.",
        {"path": str(path), "kept": str(kept), **fault.details},
    )


def _stray_journal(path: Path, kept: Path) -> StoreNotice:
    return StoreNotice(
        "store_journal_damaged",
        f"A journal lay where its database {path} was gone. It is kept as {kept.name}.",
        {"path": str(path), "kept": str(kept)},
    )


def _free_name(path: Path, stamp: str) -> Path:
    """A name beside ``path`` that nothing has yet, neither a file nor its side files."""
    name, number = f"{path.name}.corrupt-{stamp}", 1
    while any(path.with_name(name + suffix).exists() for suffix in _SIDE_FILES):
        number += 1
        name = f"{path.name}.corrupt-{stamp}-{number}"
    return path.with_name(name)
