"""Bringing a database's schema up to date: numbered steps, each one transaction."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ...core.engine.records import StoreNotice
from .. import faults as f

# "QDCK": tells our databases from other programs'.
APPLICATION_ID = 0x5144434B

Migrations = Sequence[tuple[str, str]]


def schema_of(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """The schema's number; 0 for an empty database.

    :raises StoreForeign: if it is another program's database.
    :raises StoreNewer: if it is above ``newest``.
    """
    application = _number(connection, "application_id")
    version = _number(connection, "user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (application or version or tables):
        raise f.StoreForeign(
            f"{path} is the database of another program. Choose another directory with "
            "--state-dir; the file was left as it is.",
            path=str(path),
        )
    if version > newest:
        raise f.StoreNewer(
            f"{path} was written by a newer version of Quarterdeck (schema {version}; this one "
            f"knows {newest}). Install that version again, or choose another directory with "
            "--state-dir; the file was left as it is.",
            path=str(path),
            schema=version,
            known=newest,
        )
    return version


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Migrations, stamp: str
) -> list[StoreNotice]:
    """Apply what is missing; an older schema is copied aside before it is touched.

    :raises StoreMigration: if a step fails; the database stays as the steps before it left it.
    """
    version = schema_of(connection, path, len(migrations))
    if version == len(migrations):
        return []
    notices = []
    if version:
        notices.append(_back_up(connection, path, version, stamp))
    for number, (name, sql) in enumerate(migrations[version:], version + 1):
        _apply(connection, path, number, name, sql)
    return notices


def _apply(connection: sqlite3.Connection, path: Path, number: int, name: str, sql: str) -> None:
    script = (
        f"BEGIN IMMEDIATE;\n{sql}\n;PRAGMA application_id = {APPLICATION_ID};"
        f"PRAGMA user_version = {number};COMMIT;"
    )
    try:
        connection.executescript(script)
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if _number(connection, "user_version") >= number:
            return  # another process that opened it at the same time was quicker
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
            raise  # the disk's doing, not the step's
        raise f.StoreMigration(
            f"{path}: the step {name} to schema {number} failed: {error}. The database is as it "
            "was before the step; go back to the version that wrote it, and report this.",
            path=str(path),
            step=name,
        ) from error


def _back_up(connection: sqlite3.Connection, path: Path, version: int, stamp: str) -> StoreNotice:
    """Copy the database, journal included, to a file beside it."""
    copy = path.with_name(f"{path.name}.schema-{version}-{stamp}")
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(copy)) as target:
            connection.backup(target)
    except sqlite3.Error:
        copy.unlink()  # half a copy would look like a whole one
        raise
    return StoreNotice(
        "store_migrated",
        f"The database {path} was brought up to date from schema {version}. As it was, it is "
        f"kept as {copy.name}; delete that when all is well.",
        {"path": str(path), "backup": str(copy), "schema": version},
    )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
