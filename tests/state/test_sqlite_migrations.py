"""Bringing an older schema up to date, and leaving alone what is not ours to change."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.state.sqlite.migrating import APPLICATION_ID
from quarterdeck.state.sqlite.statements import load_migrations

if TYPE_CHECKING:
    from tests.state.conftest import OpenStore, Plain

NOW = len(load_migrations())
NOTES = (
    f"{NOW + 1:04}_notes.sql",
    "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('x');",
)
COLOURS = (f"{NOW + 2:04}_colours.sql", "ALTER TABLE notes ADD COLUMN colour TEXT;")


def ask(path: Path, sql: str) -> Any:
    """The single value that ``sql`` gives."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchone()[0]


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def tell(path: Path, *statements: str) -> None:
    """Run ``statements`` as another program would."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for sql in statements:
            connection.execute(sql)
        connection.commit()


async def test_a_fresh_database_carries_its_marks(open_store: OpenStore, path: Path) -> None:
    store = await open_store()
    assert ask(path, "PRAGMA application_id") == APPLICATION_ID
    assert ask(path, "PRAGMA user_version") == len(load_migrations())
    assert ask(path, "PRAGMA journal_mode") == "wal"
    assert store.notices == []


@pytest.mark.parametrize("content", [b"", None], ids=["empty", "no-tables"])
async def test_an_empty_database_is_taken_for_a_new_one(
    open_store: OpenStore, path: Path, content: bytes | None
) -> None:
    path.parent.mkdir()
    if content is None:
        tell(path, "CREATE TABLE x (y)", "DROP TABLE x")
    else:
        write(path, content)
    store = await open_store()
    assert await store.begin("E1") == 1
    assert [item.name for item in path.parent.iterdir() if "schema" in item.name] == []


async def test_an_older_schema_is_copied_then_brought_up_to_date(
    open_store: OpenStore, path: Path, plain: Plain
) -> None:
    old = await open_store()
    await old.commit([plain.save("S1")])
    await old.close()
    new = await open_store(migrations=[*load_migrations(), NOTES, COLOURS])
    (notice,) = new.notices
    backup = Path(notice.details["backup"])
    assert notice.code == "store_migrated"
    assert backup.name == f"state.db.schema-{NOW}-20260301T120000Z"
    assert backup.name in notice.message
    assert rights(backup) == 0o600
    assert ask(backup, "PRAGMA user_version") == NOW
    assert ask(backup, "SELECT count(*) FROM sessions") == 1
    assert ask(path, "PRAGMA user_version") == NOW + 2
    assert ask(path, "SELECT colour IS NULL FROM notes") == 1
    assert len(await new.sessions()) == 1


async def test_the_copy_holds_what_only_the_journal_had(
    open_store: OpenStore, path: Path, plain: Plain
) -> None:
    store = await open_store()
    await store.commit([plain.save("S1")])
    copied = path.with_name("other.db")
    for suffix in ("", "-wal"):
        write(Path(f"{copied}{suffix}"), read(Path(f"{path}{suffix}")))
    other = await open_store(copied, migrations=[*load_migrations(), NOTES])
    assert ask(Path(other.notices[0].details["backup"]), "SELECT count(*) FROM sessions") == 1


async def test_a_step_that_fails_leaves_the_schema_of_the_step_before(
    open_store: OpenStore, path: Path, plain: Plain
) -> None:
    store = await open_store()
    await store.commit([plain.save("S1")])
    await store.close()
    broken = (f"{NOW + 2:04}_broken.sql", "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(
        QuarterdeckError, match=rf"_broken\.sql to schema {NOW + 2} failed"
    ) as caught:
        await open_store(migrations=[*load_migrations(), NOTES, broken])
    assert caught.value.info().code == "store_migration"
    assert ask(path, "PRAGMA user_version") == NOW + 1
    assert ask(path, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0
    assert ask(path, "SELECT count(*) FROM sessions") == 1


@pytest.mark.parametrize("version", [99, 2**31 - 1])
async def test_a_newer_schema_is_refused_and_left_alone(
    open_store: OpenStore, path: Path, version: int
) -> None:
    store = await open_store()
    await store.close()
    tell(path, f"PRAGMA user_version = {version}")
    before = read(path)
    with pytest.raises(QuarterdeckError, match="newer version of Quarterdeck") as caught:
        await open_store()
    assert caught.value.info().code == "store_newer"
    assert caught.value.details["schema"] == version
    assert not caught.value.recoverable
    assert read(path) == before
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "statements",
    [
        ["PRAGMA application_id = 4711"],
        ["CREATE TABLE theirs (x)"],
        ["PRAGMA user_version = 1"],
        ["PRAGMA application_id = 4711", "CREATE TABLE sessions (x)", "PRAGMA user_version = 1"],
    ],
)
async def test_another_programs_database_is_refused_and_left_alone(
    open_store: OpenStore, path: Path, statements: list[str]
) -> None:
    tell(path, *statements)
    before = read(path)
    with pytest.raises(QuarterdeckError, match="another program") as caught:
        await open_store()
    assert caught.value.info().code == "store_foreign"
    assert read(path) == before


async def test_two_that_open_a_fresh_database_at_once_make_its_schema_once(
    open_store: OpenStore, tmp_path: Path, plain: Plain
) -> None:
    for number in range(8):
        path = tmp_path / f"{number}" / "state.db"
        stores = await asyncio.gather(*(open_store(path) for _ in range(3)))
        assert ask(path, "PRAGMA user_version") == NOW
        await asyncio.gather(
            *(one.commit([plain.save(f"S{place}")]) for place, one in enumerate(stores))
        )
        assert len(await stores[0].sessions()) == 3


async def test_half_a_copy_is_not_left_behind(
    open_store: OpenStore, path: Path, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store()
    await store.commit([plain.save("S1")])
    await store.close()
    real = sqlite3.connect

    class Small(sqlite3.Connection):
        """A target without room for the copy."""

        def backup(self, target: Any, **how: Any) -> None:
            target.execute("PRAGMA max_page_count = 2")
            target.execute("CREATE TABLE a (x)")
            target.execute("CREATE TABLE b (x)")

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, factory=Small, **k))
    with pytest.raises(QuarterdeckError) as caught:
        await open_store(migrations=[*load_migrations(), NOTES])
    monkeypatch.undo()
    assert caught.value.info().code == "store_full"
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    assert ask(path, "PRAGMA user_version") == NOW
