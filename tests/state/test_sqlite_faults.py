"""Trouble while a store is open: full disk, locks, lost rights. The loop never waits for it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.state import faults as f
from quarterdeck.state.sqlite import translating
from quarterdeck.state.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from tests.state.conftest import OpenStore, Plain


def connection_of(store: SqliteStore) -> sqlite3.Connection:
    """The writer's connection, to bend its limits."""
    assert store._open is not None
    return store._open.journal._connection


async def outcomes(*futures: asyncio.Future[None]) -> list[str]:
    """``ok`` or a fault's code for each."""
    found = []
    for result in await asyncio.gather(*futures, return_exceptions=True):
        if result is None:
            found.append("ok")
        else:
            assert isinstance(result, QuarterdeckError), result
            found.append(result.info().code)
    return found


def set_room(store: SqliteStore, pages: int) -> None:
    """Let the database grow by so many pages, then no more: SQLite says that the disk is full."""
    connection = connection_of(store)
    used = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {used + pages}")


# ---- full disk -----------------------------------------------------------------------------


async def test_without_room_commits_fail_reads_go_on_and_space_mends_it(
    store: SqliteStore, plain: Plain
) -> None:
    await store.commit([plain.save("S1")])
    set_room(store, 0)
    large = [store.commit([plain.event(number, "x" * 9_000)]) for number in (1, 2, 3)]
    assert await outcomes(*large) == ["store_full"] * 3
    assert len(await store.sessions()) == 1
    assert await store.last_sequence() == 0
    set_room(store, 100)
    assert await outcomes(store.commit([plain.event(1, "x" * 9_000)])) == ["ok"]


async def test_without_much_room_what_fits_is_kept_and_the_rest_fails_alone(
    store: SqliteStore, plain: Plain
) -> None:
    await store.commit([plain.save("S1"), plain.event(1)])
    set_room(store, 10)
    futures = [
        store.commit([plain.event(2)]),
        store.commit([plain.event(3), plain.snapshot(500_000)]),
        store.commit([plain.save("S1", 1)]),
        store.commit([plain.event(4)]),
    ]
    assert await outcomes(*futures) == ["ok", "store_full", "stale_version", "ok"]
    assert [event.sequence for event in await store.events()] == [1, 2, 4]
    assert await store.snapshot("S1") is None
    fault = futures[1].exception()
    assert isinstance(fault, f.StoreFull)
    assert fault.recoverable
    assert str(store.path) in fault.message


async def test_a_real_full_disk_loses_nothing_that_was_acknowledged(
    mounted: Callable[..., Path], open_store: OpenStore, plain: Plain
) -> None:
    point = mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs")
    store = await open_store(point / "state.db")
    kept = [
        number
        for number in range(1, 400)
        if await outcomes(store.commit([plain.event(number, "x" * 9_000)])) == ["ok"]
    ]
    assert 20 < len(kept) < 390
    assert [event.sequence for event in await store.events(after=0, limit=999)] == kept
    assert await outcomes(store.commit([plain.event(1_000, "x" * 900_000)])) == ["store_full"]
    await store.close()

    with pytest.raises(QuarterdeckError) as caught:
        await open_store(point / "state.db")
    assert caught.value.info().code == "store_full", "no room to take up the journal"
    remount(point, "size=8m")
    again = await open_store(point / "state.db")
    assert again.notices == []
    assert [event.sequence for event in await again.events(after=0, limit=999)] == kept
    assert await outcomes(again.commit([plain.event(1_000, "x" * 900_000)])) == ["ok"]


def remount(point: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(point)], check=True)


async def test_a_disk_without_room_for_a_new_database_says_so(
    mounted: Callable[..., Path], open_store: OpenStore
) -> None:
    point = mounted("-t", "tmpfs", "-o", "size=16k", "tmpfs")
    with pytest.raises(QuarterdeckError) as caught:
        await open_store(point / "state.db")
    assert caught.value.info().code == "store_full"


# ---- rights and locks ----------------------------------------------------------------------


async def test_rights_lost_in_use_fail_commits_but_no_reads(
    store: SqliteStore, plain: Plain
) -> None:
    await store.commit([plain.save("S1")])
    connection_of(store).execute("PRAGMA query_only = ON")
    futures = [store.commit([plain.event(1)]), store.commit([plain.event(2)])]
    assert await outcomes(*futures) == ["store_read_only"] * 2
    assert len(await store.sessions()) == 1
    connection_of(store).execute("PRAGMA query_only = OFF")
    assert await outcomes(store.commit([plain.event(1)])) == ["ok"]


async def test_another_processs_lock_is_waited_for_off_the_loop(
    open_store: OpenStore, plain: Plain
) -> None:
    store = await open_store(patience=30.0)
    await store.commit([plain.event(1)])
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = [store.commit([plain.event(number)]) for number in (2, 3)]
        longest, before = 0.0, time.monotonic()
        for _ in range(50):
            await asyncio.sleep(0.002)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        assert not any(future.done() for future in futures)
        assert longest < 1.0, "the loop stood still for the lock"
        assert await store.last_sequence() == 1, "readers are not held up"
        other.execute("COMMIT")
    assert await outcomes(*futures) == ["ok", "ok"]


async def test_a_lock_that_is_not_given_up_fails_what_waits(
    open_store: OpenStore, plain: Plain
) -> None:
    store = await open_store(patience=0.05)
    await store.commit([plain.event(1)])
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = [store.commit([plain.event(number)]) for number in (2, 3)]
        assert await outcomes(*futures) == ["store_locked"] * 2
        assert isinstance(futures[0].exception(), f.StoreLocked)
        assert futures[0].exception() is not futures[1].exception()
        other.execute("COMMIT")
    assert await outcomes(store.commit([plain.event(2)])) == ["ok"]


# ---- every other error ---------------------------------------------------------------------


def sqlite_error(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says")
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SQLITE_CORRUPT", "store_corrupt"),
        ("SQLITE_CORRUPT_INDEX", "store_corrupt"),
        ("SQLITE_NOTADB", "store_corrupt"),
        ("SQLITE_FULL", "store_full"),
        ("SQLITE_BUSY", "store_locked"),
        ("SQLITE_BUSY_SNAPSHOT", "store_locked"),
        ("SQLITE_LOCKED", "store_locked"),
        ("SQLITE_READONLY", "store_read_only"),
        ("SQLITE_READONLY_DIRECTORY", "store_read_only"),
        ("SQLITE_CONSTRAINT_NOTNULL", "change_invalid"),
        ("SQLITE_TOOBIG", "change_invalid"),
        ("SQLITE_IOERR_WRITE", "store_failed"),
        ("SQLITE_CANTOPEN", "store_failed"),
        ("SQLITE_NOMEM", "store_failed"),
    ],
)
def test_each_error_of_sqlite_has_its_code(tmp_path: Path, name: str, code: str) -> None:
    fault = translating.fault_of(sqlite_error(name), tmp_path / "x.db")
    assert fault.info().code == code
    assert len(fault.message) > 40


@pytest.mark.parametrize("name", ["SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_WRITE", "SQLITE_CANTOPEN"])
def test_a_disk_error_without_room_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    class NoRoom:
        f_bavail = 0

    monkeypatch.setattr("os.statvfs", lambda _: NoRoom())
    fault = translating.fault_of(sqlite_error(name), tmp_path / "x.db")
    assert fault.info().code == "store_full"


def test_a_disk_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    fault = translating.fault_of(sqlite_error("SQLITE_IOERR_READ"), tmp_path / "gone" / "x.db")
    assert fault.info().code == "store_failed"


@pytest.mark.parametrize(
    "error", [sqlite3.ProgrammingError("type 'x'"), OverflowError("too big"), ValueError("bad")]
)
def test_a_value_that_can_not_be_bound_is_an_invalid_change(error: Exception) -> None:
    fault = translating.fault_of(error, Path("x.db"))
    assert fault.info().code == "change_invalid"
    assert str(error) in fault.message


@pytest.mark.parametrize("value", [2**63, object()])
async def test_such_a_value_fails_its_own_transaction_only(
    store: SqliteStore, plain: Plain, value: Any
) -> None:
    futures = [
        store.commit([plain.save("S1")]),
        store.commit([plain.save("S2"), plain.save("S3", pid=value)]),
        store.commit([plain.save("S4")]),
    ]
    assert await outcomes(*futures) == ["ok", "change_invalid", "ok"]
    assert [record.id for record in await store.sessions()] == ["S1", "S4"]


def test_every_fault_has_a_code_of_its_own() -> None:
    kinds = [
        kind
        for kind in vars(f).values()
        if isinstance(kind, type)
        and issubclass(kind, QuarterdeckError)
        and kind.__module__ == f.__name__
    ]
    codes = [kind.code for kind in kinds]
    assert len(kinds) > 12
    assert len(set(codes)) == len(codes)
    assert "internal" not in codes


def test_a_fault_for_another_future_says_the_same() -> None:
    fault = f.StoreNewer("Newer.", path="x", schema=3)
    other = f.same_fault(fault)
    assert other is not fault
    assert (type(other), other.info()) == (f.StoreNewer, fault.info())
