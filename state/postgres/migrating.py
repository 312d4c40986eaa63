"""Bringing the schema up to date: numbered steps, each one transaction, one engine at a time."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.engine.records import StoreNotice
from .. import faults as f
from .connecting import SCHEMA, Connection
from .driver import asyncpg

LOCK = 0x5144434B
"""The advisory lock under which the schema is changed ("QDCK")."""

Migrations = Sequence[tuple[str, str]]


async def migrate(connection: Connection, place: str, migrations: Migrations) -> list[StoreNotice]:
    """Apply what is missing, while every other engine that starts waits.

    :raises StoreNewer: if the schema is a newer version's.
    :raises StoreMigration: if a step fails; the schema stays as the steps before it left it.
    """
    if await _version(connection) == len(migrations):
        return []
    await connection.execute("SET lock_timeout = '60s'")
    await connection.execute(f"SELECT pg_advisory_lock({LOCK})")
    try:
        return await _migrate(connection, place, migrations)
    finally:
        await connection.execute(f"SELECT pg_advisory_unlock({LOCK})")
        await connection.execute("RESET lock_timeout")


async def _migrate(connection: Connection, place: str, migrations: Migrations) -> list[StoreNotice]:
    version = await _version(connection)
    if version > len(migrations):
        raise f.StoreNewer(
            f"{place} was written by a newer version of Quarterdeck (schema {version}; this one "
            f"knows {len(migrations)}). Install that version again, or use another database.",
            place=place,
            schema=version,
            known=len(migrations),
        )
    for number, (name, sql) in enumerate(migrations[version:], version + 1):
        await _apply(connection, place, number, name, sql)
    if not version or version == len(migrations):
        return []
    text = f"The database {place} was brought up to date from schema {version}."
    return [StoreNotice("store_migrated", text, {"place": place, "schema": version})]


async def _version(connection: Connection) -> int:
    """The schema's number; 0 if there is none."""
    table = await connection.fetchval("SELECT to_regclass($1)", f"{SCHEMA}.schema_version")
    if table is None:
        return 0
    return int(await connection.fetchval(f"SELECT version FROM {SCHEMA}.schema_version"))  # noqa: S608  # a constant


async def _apply(connection: Connection, place: str, number: int, name: str, sql: str) -> None:
    note = (
        "INSERT INTO schema_version (version) VALUES (1)"
        if number == 1
        else f"UPDATE schema_version SET version = {number}"  # noqa: S608  # a number of ours
    )
    try:
        async with connection.transaction():
            if number == 1:
                await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
                await connection.execute("CREATE TABLE schema_version (version BIGINT NOT NULL)")
            await connection.execute(sql)
            await connection.execute(note)
    except asyncpg.SyntaxOrAccessError as error:
        if isinstance(error, asyncpg.InsufficientPrivilegeError):
            raise
        raise f.StoreMigration(
            f"{place}: the step {name} to schema {number} failed: {error}. The database is as it "
            "was before the step; go back to the version that wrote it, and report this.",
            place=place,
            step=name,
        ) from error
