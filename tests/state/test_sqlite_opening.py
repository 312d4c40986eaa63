"""The place of a database: its directory, its file, its rights, its locks."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.state.sqlite import opening
from quarterdeck.state.sqlite.migrating import migrate
from quarterdeck.state.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from tests.state.conftest import OpenStore, Plain


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


def remount_read_only(point: Path) -> None:
    subprocess.run(["mount", "-o", "remount,bind,ro", str(point)], check=True)


def writer_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "store-writer" in thread.name]


async def refused(open_store: OpenStore, at: Path) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as caught:
        await open_store(at, patience=0.05)
    assert str(at.name) in caught.value.message or str(at.parent) in caught.value.message
    assert writer_threads() == []
    return caught.value


async def test_directory_and_files_are_for_their_owner_only(
    open_store: OpenStore, path: Path, plain: Plain
) -> None:
    former = os.umask(0)
    try:
        store = await open_store()
        await store.commit([plain.event(1)])
    finally:
        os.umask(former)
    assert mode_of(path.parent) == 0o700
    assert {item.name: mode_of(item) for item in path.parent.iterdir()} == {
        "state.db": 0o600,
        "state.db-wal": 0o600,
        "state.db-shm": 0o600,
    }


async def test_a_file_that_others_may_read_is_closed_to_them(
    open_store: OpenStore, path: Path
) -> None:
    await (await open_store()).close()
    set_mode(path, 0o644)
    set_mode(path.parent, 0o755)
    await open_store()
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == 0o755, "a directory that was there before is its owner's affair"


async def test_after_closing_only_the_main_file_is_left(
    open_store: OpenStore, path: Path, plain: Plain
) -> None:
    store = await open_store()
    await store.commit([plain.event(1)])
    await store.close()
    assert [item.name for item in path.parent.iterdir()] == ["state.db"]
    assert writer_threads() == []


async def test_missing_directories_are_made(open_store: OpenStore, tmp_path: Path) -> None:
    await open_store(tmp_path / "a" / "b" / "c" / "state.db")
    assert (tmp_path / "a" / "b" / "c" / "state.db").is_file()


async def test_a_file_in_place_of_the_directory_is_refused(
    open_store: OpenStore, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for at in (tmp_path / "file" / "state.db", tmp_path / "file" / "below" / "state.db"):
        fault = await refused(open_store, at)
        assert fault.code == "store_directory"
    assert (tmp_path / "file").read_text() == "mine"


async def test_a_directory_in_place_of_the_file_is_refused(
    open_store: OpenStore, tmp_path: Path
) -> None:
    (tmp_path / "state.db").mkdir()
    assert (await refused(open_store, tmp_path / "state.db")).code == "store_directory"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "store_directory"),
        (errno.ENOSPC, "store_full"),
        (errno.EROFS, "store_read_only"),
        (errno.EIO, "store_failed"),
    ],
)
async def test_a_directory_that_can_not_be_made_says_why(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", fail)
    assert (await refused(open_store, path)).code == code


@pytest.mark.parametrize("which", ["file", "directory"])
async def test_a_place_without_the_right_to_write_is_refused(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    await (await open_store()).close()
    closed = path if which == "file" else path.parent
    real = os.access

    def access(place: Any, mode: int, **how: Any) -> bool:
        return False if Path(place) == closed else real(place, mode, **how)

    monkeypatch.setattr("os.access", access)
    fault = await refused(open_store, path)
    assert fault.code == "store_read_only"
    assert str(closed) in fault.message


async def test_a_read_only_file_system_is_refused(
    mounted: Callable[..., Path], open_store: OpenStore, path: Path
) -> None:
    await (await open_store()).close()
    point = mounted("--bind", str(path.parent))
    remount_read_only(point)
    assert (await refused(open_store, point / "state.db")).code == "store_read_only"
    assert (await refused(open_store, point / "new.db")).code == "store_read_only"
    assert (await refused(open_store, point / "new" / "state.db")).code == "store_read_only"


@pytest.mark.skipif(os.geteuid() == 0, reason="rights are no barrier to root")
async def test_a_directory_without_rights_is_refused(open_store: OpenStore, path: Path) -> None:
    path.parent.mkdir(mode=0o500)
    assert (await refused(open_store, path)).code == "store_read_only"


async def test_another_process_that_holds_the_database_is_named_at_open(
    open_store: OpenStore, path: Path
) -> None:
    await (await open_store()).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert (await refused(open_store, path)).code == "store_locked"
        other.execute("COMMIT")
    store = await open_store()
    assert await store.begin("E1") == 1


async def test_opening_that_is_cancelled_leaves_nothing_open(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on = threading.Event(), threading.Event()
    real = migrate

    def slow(*arguments: Any) -> Any:
        inside.set()
        go_on.wait(10)
        return real(*arguments)

    monkeypatch.setattr(opening, "migrate", slow)
    task = asyncio.ensure_future(open_store())
    await asyncio.to_thread(inside.wait, 10)
    task.cancel()
    asyncio.get_running_loop().call_later(0, go_on.set)
    threading.Timer(0.05, go_on.set).start()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert writer_threads() == []
    assert [item.name for item in path.parent.iterdir()] == ["state.db"]


async def test_a_reader_that_can_not_connect_leaves_nothing_open(
    path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr("aiosqlite.connect", fail)
    store = SqliteStore(path, clock=clock)
    with pytest.raises(Exception, match="unable to open"):
        await store.open()
    assert writer_threads() == []
    await store.close()


async def test_a_reader_that_can_not_read_leaves_nothing_open(
    path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("aiosqlite.Connection.execute_fetchall", fail)
    before = set(threading.enumerate())
    with pytest.raises(QuarterdeckError, match="disk I/O error"):
        await SqliteStore(path, clock=clock).open()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)  # it ends just after it has said so
        assert not thread.is_alive()


async def test_a_file_system_without_shared_memory_is_refused(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoWal(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("journal_mode = WAL", "journal_mode"), *values)

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, factory=NoWal, **k))
    fault = await refused(open_store, path)
    assert fault.code == "store_failed"
    assert "local disk" in fault.message


async def test_a_closed_store_can_be_opened_again(open_store: OpenStore, plain: Plain) -> None:
    store = await open_store()
    await store.commit([plain.event(1)])
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    await store.open()
    assert closing.done(), "opening waits for the closing"
    await store.commit([plain.event(2)])
    assert await store.last_sequence() == 2
    assert store.statistics().commits == 1


async def test_a_new_database_has_small_pages_and_an_older_one_keeps_its_own(
    open_store: OpenStore, plain: Plain, tmp_path: Path
) -> None:
    """A page's size is a file's for ever; both are read and written alike."""
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(older)) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("VACUUM")
    for path, size in ((tmp_path / "new.db", opening.PAGE_BYTES), (older, 4096)):
        store = await open_store(path)
        await store.commit([plain.save("S1", 3)])
        assert [one.version for one in await store.sessions()] == [3]
        await store.close()
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA page_size").fetchone()[0] == size
