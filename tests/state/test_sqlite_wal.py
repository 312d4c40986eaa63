"""Reading the journal file's frames, and laying it down beforehand."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quarterdeck.state.sqlite.wal import (
    JOURNAL_BYTES,
    LAID_BYTES,
    SPARE_BYTES,
    committed_frames,
    journal_of,
    lay_down,
    size_of,
)

HEADER, FRAME = 32, 24 + 512


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, Path]]:
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA page_size = 512")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t (x)")
    yield connection, path
    connection.close()


def frames(connection: sqlite3.Connection) -> int:
    """How many frames SQLite itself counts."""
    return int(connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])


def test_a_missing_or_unfinished_journal_has_none(tmp_path: Path) -> None:
    journal = tmp_path / "x.db-wal"
    assert size_of(journal) == 0
    assert committed_frames(journal) == 0
    journal.write_bytes(b"x" * (HEADER - 1))
    assert committed_frames(journal) == 0


def test_it_counts_as_sqlite_does(database: tuple[sqlite3.Connection, Path]) -> None:
    connection, path = database
    for number in range(30):
        connection.execute("INSERT INTO t VALUES (?)", ("y" * 100 * number,))
        assert committed_frames(journal_of(path)) == size_of(journal_of(path)) // FRAME
    assert committed_frames(journal_of(path)) == frames(connection)


def test_frames_from_before_the_journal_began_anew_do_not_count(
    database: tuple[sqlite3.Connection, Path],
) -> None:
    connection, path = database
    for _ in range(20):
        connection.execute("INSERT INTO t VALUES (zeroblob(300))")
    frames(connection)
    connection.execute("INSERT INTO t VALUES (1)")
    assert size_of(journal_of(path)) > 20 * FRAME
    assert committed_frames(journal_of(path)) == frames(connection) < 5


def test_frames_after_the_last_commit_do_not_count(
    database: tuple[sqlite3.Connection, Path],
) -> None:
    _, path = database
    journal = journal_of(path)
    before = committed_frames(journal)
    content = journal.read_bytes()
    frame = bytearray(content[-FRAME:])
    frame[4:8] = struct.pack(">I", 0)  # no end of a transaction
    journal.write_bytes(content + frame + frame[:100])
    assert committed_frames(journal) == before


@pytest.mark.parametrize("header", [b"\0" * 32, b"SQLite format 3\0" * 2, b"\xff" * 32])
def test_something_else_is_no_journal(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "x.db-wal").write_bytes(header)
    assert committed_frames(tmp_path / "x.db-wal") is None


# ---- laying it down beforehand --------------------------------------------------------------


def read_again(path: Path, place: Path) -> list[int]:
    """What a process finds that opens the database as a killed one left it."""
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", place / f"copy.db{suffix}")
    with contextlib.closing(sqlite3.connect(place / "copy.db")) as connection:
        return [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]


def test_sqlite_writes_over_the_zeros_and_finds_its_end_before_them(
    database: tuple[sqlite3.Connection, Path], tmp_path: Path
) -> None:
    connection, path = database
    before = committed_frames(journal_of(path))
    assert lay_down(journal_of(path), 1_000) == 1_000 + LAID_BYTES - SPARE_BYTES
    assert size_of(journal_of(path)) == 1_000 + LAID_BYTES
    assert committed_frames(journal_of(path)) == before
    for number in range(20):
        connection.execute("INSERT INTO t VALUES (?)", (number,))
        assert committed_frames(journal_of(path)) == (before or 0) + 1 + number
    assert size_of(journal_of(path)) == 1_000 + LAID_BYTES
    assert read_again(path, tmp_path) == list(range(20))


def test_it_is_laid_down_while_another_thread_commits(
    database: tuple[sqlite3.Connection, Path], tmp_path: Path
) -> None:
    connection, path = database
    over = threading.Event()

    def lay() -> None:
        while not over.is_set():
            lay_down(journal_of(path), size_of(journal_of(path)))

    with ThreadPoolExecutor(1) as thread:
        laying = thread.submit(lay)
        for number in range(300):
            connection.execute("INSERT INTO t VALUES (?)", (number,))
        over.set()
        laying.result()
    assert committed_frames(journal_of(path)) == frames(connection)
    assert read_again(path, tmp_path) == list(range(300))
    assert size_of(journal_of(path)) <= JOURNAL_BYTES


def test_what_is_laid_down_suffices_until_little_of_it_is_left(
    database: tuple[sqlite3.Connection, Path],
) -> None:
    journal = journal_of(database[1])
    limit = LAID_BYTES - SPARE_BYTES
    assert lay_down(journal, 0) == limit
    assert lay_down(journal, limit) == limit
    assert size_of(journal) == LAID_BYTES
    assert lay_down(journal, limit + 1) == limit + 1 + LAID_BYTES - SPARE_BYTES
    assert lay_down(journal, JOURNAL_BYTES - 1) == JOURNAL_BYTES - SPARE_BYTES
    assert size_of(journal) == JOURNAL_BYTES
    assert lay_down(journal, JOURNAL_BYTES - 1) is None, "it is as large as it should become"
    assert lay_down(journal, 0) == JOURNAL_BYTES - SPARE_BYTES


def test_nothing_is_laid_down_where_no_journal_was_begun(tmp_path: Path) -> None:
    journal = tmp_path / "x.db-wal"
    assert lay_down(journal, 0) == 0
    assert not journal.exists()
    journal.touch()
    assert lay_down(journal, 0) == 0
    assert size_of(journal) == 0


def test_nothing_is_laid_down_on_a_disk_that_is_nearly_full(
    database: tuple[sqlite3.Connection, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_of(database[1])
    before = size_of(journal)
    usage = shutil.disk_usage(journal)._replace(free=2**29)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert lay_down(journal, 0) is None
    assert size_of(journal) == before


def test_a_journal_that_cannot_be_looked_at_is_left_as_it_is(tmp_path: Path) -> None:
    """Whoever commits must be answered all the same."""
    (tmp_path / "file").touch()
    assert lay_down(tmp_path / "file" / "x.db-wal", 0) is None


def test_a_disk_that_fails_meanwhile_is_no_fault_of_the_journal(
    database: tuple[sqlite3.Connection, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", full)
    assert lay_down(journal_of(database[1]), 0) is None
