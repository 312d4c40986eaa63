"""Damaged databases: told, moved aside, never deleted; what can be read is in force."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.state.sqlite import opening
from quarterdeck.state.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from tests.state.conftest import OpenStore, Plain

PAGE = opening.PAGE_BYTES
STAMP = "20260301T120000Z"


def names(path: Path) -> list[str]:
    return sorted(item.name for item in path.parent.iterdir())


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def journal(path: Path) -> Path:
    return Path(f"{path}-wal")


def spoil(path: Path, start: int, length: int = 64) -> None:
    """Overwrite a piece of the file; a negative start counts from its end."""
    content = bytearray(read(path))
    start %= len(content)
    content[start : start + length] = bytes(number * 37 % 251 for number in range(length))
    write(path, bytes(content))


def first_event_leaf(path: Path) -> int:
    """Where the page with the oldest events begins, which nothing reads at the start."""
    content = read(path)
    for start in range(PAGE, len(content), PAGE):
        if content[start] == 0x0D and b"status.changed" in content[start : start + PAGE]:
            return start
    raise AssertionError("no page holds events")


def died(path: Path, directory: str = "died") -> Path:
    """The files as a process that died would leave them: copied while a store is open."""
    target = path.parent.parent / directory / path.name
    target.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", f"{target}{suffix}")
    return target


async def fill(store: SqliteStore, plain: Plain, events: int = 200) -> None:
    """Sessions and events, a commit each."""
    for number in range(1, events + 1):
        await store.commit([plain.save(f"S{number % 9}", number), plain.event(number, "x" * 300)])


@pytest.fixture
async def clean(open_store: OpenStore, path: Path, plain: Plain) -> Path:
    """A filled database that was closed well."""
    store = await open_store()
    await fill(store, plain)
    await store.close()
    return path


async def check_fresh(store: SqliteStore, plain: Plain) -> None:
    """The store is empty and works."""
    assert await store.sessions() == []
    assert await store.last_sequence() == 0
    await store.commit([plain.event(1)])
    assert await store.begin("E") == 1


@pytest.mark.parametrize(
    "content",
    [b"no database at all", b"\0" * 20_000, b"SQLite format 3\0" + b"\xff" * 9_000],
    ids=["text", "zeros", "header-only"],
)
async def test_a_garbage_file_is_moved_aside_with_a_notice(
    open_store: OpenStore, path: Path, plain: Plain, content: bytes
) -> None:
    write(path, content)
    store = await open_store()
    (notice,) = store.notices
    assert notice.code == "store_moved_aside"
    assert notice.details["kept"] == f"{path}.corrupt-{STAMP}"
    assert f"state.db.corrupt-{STAMP}" in notice.message
    assert read(Path(notice.details["kept"])) == content
    await check_fresh(store, plain)


@pytest.mark.parametrize("keep", [100, PAGE - 1, PAGE, 3 * PAGE + 17])
async def test_a_truncated_file_is_moved_aside(
    open_store: OpenStore, clean: Path, plain: Plain, keep: int
) -> None:
    write(clean, read(clean)[:keep])
    store = await open_store()
    assert [notice.code for notice in store.notices] == ["store_moved_aside"]
    assert len(read(Path(store.notices[0].details["kept"]))) == keep
    await check_fresh(store, plain)


async def test_a_spoilt_schema_is_moved_aside(
    open_store: OpenStore, clean: Path, plain: Plain
) -> None:
    spoil(clean, 100, PAGE - 100)
    store = await open_store()
    assert [notice.code for notice in store.notices] == ["store_moved_aside"]
    await check_fresh(store, plain)


async def test_damage_twice_within_a_second_is_kept_twice(
    open_store: OpenStore, path: Path
) -> None:
    for content in (b"first" * 99, b"second" * 99):
        write(path, content)
        store = await open_store()
        await store.close()
    kept = [name for name in names(path) if "corrupt" in name]
    assert kept == [f"state.db.corrupt-{STAMP}", f"state.db.corrupt-{STAMP}-2"]
    assert [read(path.with_name(name))[:6] for name in kept] == [b"firstf", b"second"]


async def test_after_a_death_every_page_is_checked(
    open_store: OpenStore, path: Path, plain: Plain
) -> None:
    store = await open_store()
    await fill(store, plain)
    await store.checkpoint()
    await store.commit([plain.event(1_000)])
    dead = died(path)
    spoil(dead, first_event_leaf(dead), PAGE)
    again = await open_store(dead)
    assert [notice.code for notice in again.notices] == ["store_moved_aside"]
    await check_fresh(again, plain)


async def test_damage_that_shows_in_use_stops_changes_and_is_moved_aside_at_the_next_start(
    open_store: OpenStore, clean: Path, plain: Plain
) -> None:
    spoil(clean, first_event_leaf(clean), PAGE)
    store = await open_store()
    assert store.notices == [], "a clean close is trusted: nothing has read that page yet"
    await store.commit([plain.save("S1", 10_000)])
    with pytest.raises(QuarterdeckError) as caught:
        await store.events(after=0)
    assert caught.value.info().code == "store_corrupt"
    assert not caught.value.recoverable
    for _ in range(2):
        with pytest.raises(QuarterdeckError) as caught:
            await store.commit([plain.save("S2")])
        assert caught.value.info().code == "store_corrupt"
    assert len(await store.sessions()) == 9, "what can be read is read"
    await store.close()
    assert "state.db-check" in names(clean)

    store = await open_store()
    assert [notice.code for notice in store.notices] == ["store_moved_aside"]
    assert "state.db-check" not in names(clean)
    await check_fresh(store, plain)


async def test_damage_that_the_writer_meets_stops_changes_too(
    open_store: OpenStore, clean: Path, plain: Plain
) -> None:
    with closing(sqlite3.connect(clean)) as connection:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'sessions'"
        page = connection.execute(sql).fetchone()[0]
    spoil(clean, (page - 1) * PAGE, PAGE)
    store = await open_store()
    futures = [store.commit([plain.save("S1", 9_999)]), store.commit([plain.event(9_999)])]
    for future in futures:
        with pytest.raises(QuarterdeckError) as caught:
            await future
        assert caught.value.info().code == "store_corrupt"


async def test_a_false_alarm_leaves_the_database_in_force(
    open_store: OpenStore, clean: Path
) -> None:
    write(clean.with_name("state.db-check"), b"")
    store = await open_store()
    assert store.notices == []
    assert len(await store.sessions()) == 9
    assert "state.db-check" not in names(clean)


async def test_damage_that_can_not_be_moved_aside_is_an_error(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, b"garbage" * 1_000)

    def fail(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(QuarterdeckError, match="could not be moved aside") as caught:
        await open_store()
    assert caught.value.info().code == "store_corrupt"
    assert read(path) == b"garbage" * 1_000


# ---- the journal ---------------------------------------------------------------------------


@pytest.fixture
async def dead(open_store: OpenStore, path: Path, plain: Plain) -> Path:
    """What a process that died left: 200 commits, all of them in the journal only."""
    store = await open_store()
    await fill(store, plain)
    return died(path)


async def test_a_journal_left_behind_is_taken_up(open_store: OpenStore, dead: Path) -> None:
    store = await open_store(dead)
    assert store.notices == []
    assert await store.last_sequence() == 200


async def test_a_journal_goes_with_its_damaged_database(
    open_store: OpenStore, path: Path, plain: Plain
) -> None:
    """Beside a fresh file its changes would be taken for that one's."""
    store = await open_store()
    await fill(store, plain)
    await store.checkpoint()
    await store.commit([plain.save("S1", 1_000)])
    dead = died(path)
    content = read(journal(dead))
    write(dead, b"garbage" * 9_000)
    again = await open_store(dead)
    (notice,) = again.notices
    assert notice.code == "store_moved_aside"
    assert read(journal(Path(notice.details["kept"]))) == content
    await check_fresh(again, plain)


async def test_what_the_journal_holds_in_whole_survives_a_damaged_file(
    open_store: OpenStore, dead: Path
) -> None:
    write(dead, b"garbage" * 1_000)
    store = await open_store(dead)
    assert store.notices == []
    assert await store.last_sequence() == 200


@pytest.mark.parametrize("cut", [1, 100, PAGE, PAGE + 24])
async def test_a_journal_with_a_torn_end_is_no_damage(
    open_store: OpenStore, dead: Path, plain: Plain, cut: int
) -> None:
    """As a process leaves it that died while it wrote: nothing of that was acknowledged."""
    whole = read(journal(dead))
    write(journal(dead), whole + whole[-(PAGE + 24) :][: PAGE + 24 - cut])
    store = await open_store(dead)
    assert store.notices == []
    assert await store.last_sequence() == 200


async def test_a_journal_damaged_before_the_first_change_leaves_an_empty_store(
    open_store: OpenStore, dead: Path, plain: Plain
) -> None:
    """The damage is in what made the tables: an older schema is left, and brought up to date."""
    spoil(journal(dead), len(read(journal(dead))) // 10)
    store = await open_store(dead)
    assert "store_journal_damaged" in {notice.code for notice in store.notices}
    assert await store.last_sequence() == 0
    await store.commit([plain.event(1)])
    assert await store.last_sequence() == 1


@pytest.mark.parametrize("where", [0.3, 0.5, 0.9])
async def test_a_journal_damaged_in_the_middle_is_kept_and_told(
    open_store: OpenStore, dead: Path, plain: Plain, where: float
) -> None:
    size = len(read(journal(dead)))
    spoil(journal(dead), int(size * where))
    spoilt = read(journal(dead))
    store = await open_store(dead)
    (notice,) = store.notices
    assert notice.code == "store_journal_damaged"
    assert 0 < notice.details["read"] < notice.details["expected"]
    assert read(Path(notice.details["kept"])) == spoilt
    survived = await store.last_sequence()
    assert 200 * (where - 0.15) < survived < 200 * (where + 0.1)
    versions = [record.version for record in await store.sessions()]
    assert max(versions) == survived, "a transaction is there whole or not at all"
    await store.commit([plain.event(1_000)])


@pytest.mark.parametrize("content", [b"\0" * 50_000, b"garbage " * 9_000], ids=["zeros", "text"])
async def test_a_journal_that_is_none_is_kept_and_told(
    open_store: OpenStore, dead: Path, plain: Plain, content: bytes
) -> None:
    write(journal(dead), content)
    store = await open_store(dead)
    (notice,) = store.notices
    assert notice.code == "store_journal_damaged"
    assert notice.details["expected"] is None
    assert read(Path(notice.details["kept"])) == content
    assert Path(notice.details["kept"]).name == f"state.db-wal.corrupt-{STAMP}"
    await store.commit([plain.event(1)])


async def test_a_journal_whose_database_is_gone_is_kept_and_told(
    open_store: OpenStore, dead: Path, plain: Plain
) -> None:
    content = read(journal(dead))
    shutil.move(dead, dead.with_name("gone"))
    store = await open_store(dead)
    (notice,) = store.notices
    assert notice.code == "store_journal_damaged"
    assert read(Path(notice.details["kept"])) == content
    await check_fresh(store, plain)
