"""Reading the journal file's frames."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.state.sqlite.wal import committed_frames, journal_of, size_of

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
