"""Disks that fill up, that can't be written, that are slow, and a database that is damaged."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.conftest import Mount
from tests.chaos.vessel import Vessel, dice
from tests.e2e.machine import eventually

SLOW = 0.2
"""Seconds for each commit."""


def fill(place: Path) -> Path:
    """Take all the room that is left."""
    balloon = place / "balloon"
    with balloon.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return balloon


def until_refused(vessel: Vessel, session_id: str) -> str:
    """Rename a session until that fails; the code with which it does."""
    for number in range(3000):
        name = f"n{number}"
        code = vessel.code_of("session.update", session_id=session_id, updates={"name": name})
        if code != "ok":
            return code
    raise AssertionError("the disk never filled up")


def test_a_disk_that_fills_up_and_empties_again(vessel: Vessel, small_disk: Mount) -> None:
    small_disk("size=24m")
    vessel.launch(rate_limit_burst=5000, rate_limit_per_second=5000)
    for name in ("a", "b"):
        vessel.create(name, "shell")
    vessel.obeys("a", "b")
    pids, first = vessel.pids(), vessel.sessions()["a"]["id"]
    balloon = fill(vessel.state_dir)
    assert until_refused(vessel, first) == "store_full"
    assert vessel.call("system.health")["health"]["status"] == "unhealthy"
    known = vessel.sessions()
    assert vessel.code_of("session.create", name="no", agent="shell") != "ok"
    vessel.obeys("b")
    assert vessel.pids().keys() == {"b", *({*known} - {"b"})}
    balloon.unlink()
    eventually(
        lambda: vessel.code_of("session.update", session_id=first, updates={"name": "a"}) == "ok"
    )
    assert vessel.pids() == pids
    vessel.create("c", "shell")
    vessel.obeys("a", "b", "c")
    vessel.check()
    assert vessel.call("system.health")["health"]["status"] != "unhealthy"


def test_an_engine_that_dies_on_a_full_disk_starts_when_there_is_room(
    vessel: Vessel, small_disk: Mount
) -> None:
    small_disk("size=24m")
    vessel.launch(rate_limit_burst=5000, rate_limit_per_second=5000)
    vessel.create("a", "shell")
    vessel.obeys("a")
    pids = vessel.pids()
    balloon = fill(vessel.state_dir)
    until_refused(vessel, vessel.sessions()["a"]["id"])
    (name,) = vessel.sessions()
    vessel.kill_engine()
    error = vessel.refused()
    assert error["code"] in {"store_full", "state_dir_unusable"}, error
    assert "full" in error["message"] or "room" in error["message"], error
    balloon.unlink()
    vessel.launch()
    assert list(vessel.pids().values()) == [pids["a"]]
    vessel.obeys(name)
    vessel.check()


def test_files_that_may_not_grow_are_a_fault_and_no_end(vessel: Vessel) -> None:
    """The kernel refuses each write beyond a size: real failures that need no rights to cause."""
    vessel.launch(rate_limit_burst=5000, rate_limit_per_second=5000)
    vessel.create("a", "shell")
    vessel.obeys("a")
    pids, session_id = vessel.pids(), vessel.sessions()["a"]["id"]
    with vessel.squeezed(resource.RLIMIT_FSIZE, 1):
        code = until_refused(vessel, session_id)
        assert code in {"store_full", "store_failed"}
        assert vessel.call("system.health")["health"]["status"] == "unhealthy"
        (name,) = vessel.sessions()
        vessel.obeys(name)
    eventually(
        lambda: (
            vessel.code_of("session.update", session_id=session_id, updates={"name": "a"}) == "ok"
        )
    )
    assert vessel.pids() == pids
    vessel.kill_engine()
    vessel.launch()
    assert vessel.pids() == pids
    vessel.check()


def test_a_state_directory_that_becomes_read_only(vessel: Vessel, small_disk: Mount) -> None:
    small_disk("size=32m")
    vessel.launch()
    vessel.create("a", "shell")
    vessel.obeys("a")
    pids, session_id = vessel.pids(), vessel.sessions()["a"]["id"]
    vessel.stop_in_order()
    sealed = _sealed(vessel)
    error = vessel.refused()
    assert error["code"] in {"store_read_only", "state_dir_unusable"}, error
    assert str(vessel.state_dir) in error["message"]
    sealed.release()
    vessel.launch()
    assert vessel.pids() == pids
    assert vessel.sessions()["a"]["id"] == session_id
    vessel.obeys("a")
    vessel.check()


class _sealed:  # noqa: N801  # reads as a word
    """The state directory without any right to write: for root, on a read-only view of the disk."""

    def __init__(self, vessel: Vessel) -> None:
        self.place = str(vessel.state_dir)
        _run("mount", "--bind", self.place, self.place)
        _run("mount", "-o", "remount,ro,bind", self.place)

    def release(self) -> None:
        """Take the read-only view away again."""
        _run("umount", "-l", self.place)


def _run(*words: str) -> None:
    import subprocess  # noqa: PLC0415  # beside its only use

    subprocess.run(words, check=True, capture_output=True)


def scribble(path: Path, seed: int) -> None:
    """Overwrite pages in the middle of a file."""
    chance = dice(seed)
    with path.open("r+b") as file:
        size = path.stat().st_size
        for _ in range(6):
            file.seek(chance.randrange(100, max(101, size - 5000)))
            file.write(chance.randbytes(4096))


@pytest.mark.parametrize("how", ["pages", "header", "cut", "nonsense"])
def test_a_damaged_database_is_moved_aside_and_never_deleted(vessel: Vessel, how: str) -> None:
    vessel.launch()
    for name in ("a", "b"):
        vessel.create(name, "shell")
    pids = vessel.pids()
    for _ in range(2):  # a later epoch than a fresh store's
        vessel.stop_in_order()
        vessel.launch()
    vessel.stop_in_order()
    path = vessel.state_dir / "quarterdeck.db"
    (vessel.state_dir / "quarterdeck.db-check").touch()
    match how:
        case "pages":
            scribble(path, 3)
        case "header":
            with path.open("r+b") as file:
                file.seek(20)
                file.write(os.urandom(60))
        case "cut":
            os.truncate(path, path.stat().st_size // 2)
        case _:
            path.write_bytes(os.urandom(30_000))
    damaged = path.read_bytes()
    vessel.launch()
    kept = [one for one in vessel.state_dir.glob("quarterdeck.db.corrupt-*") if one.is_file()]
    mains = [one for one in kept if not one.name.endswith(("-wal", "-shm"))]
    assert [one.read_bytes() for one in mains] == [damaged]
    said = _told(vessel, mains[0].name)
    assert "damaged" in said or "not a database" in said
    assert vessel.pids() == pids, "the agents go on, and are found by their keepers"
    vessel.create("c", "shell")
    vessel.obeys("a", "b", "c")
    vessel.check()
    vessel.kill_engine()
    vessel.launch()
    assert vessel.pids().items() > pids.items()
    vessel.obeys("a", "b", "c")
    vessel.check()


def _told(vessel: Vessel, name: str) -> str:
    """The warning in the journal that names the file."""
    with vessel.database() as store:
        rows = store.execute("SELECT body FROM events WHERE type = 'system.warning'").fetchall()
    (found,) = [row[0] for row in rows if name in row[0]]
    return str(found)


def test_a_disk_that_is_slow_stops_neither_reading_nor_typing(vessel: Vessel) -> None:
    vessel.launch(slow=SLOW, rate_limit_burst=5000, rate_limit_per_second=5000)
    vessel.create("a", "shell")
    vessel.create("b", "shell")
    pids, first = vessel.pids(), vessel.sessions()["a"]["id"]
    waits, codes = [], []
    renames = [
        ("session.update", {"session_id": first, "updates": {"name": f"n{number}"}})
        for number in range(40)
    ]
    renaming = threading.Thread(target=lambda: codes.append(vessel.codes_of(renames)))
    renaming.start()
    while renaming.is_alive():
        begun = time.monotonic()
        assert vessel.call("session.list")["sessions"]
        waits.append(time.monotonic() - begun)
        time.sleep(0.01)
    renaming.join()
    assert codes == [{"ok": 40}]
    assert sorted(waits)[len(waits) // 2] < SLOW / 2, "who reads waits for no commit"
    vessel.obeys("b", "n39")
    vessel.kill_engine()
    vessel.launch()
    assert vessel.pids() == {"n39": pids["a"], "b": pids["b"]}
    vessel.check()


def test_a_database_that_another_process_holds_is_said_and_survived(vessel: Vessel) -> None:
    vessel.launch(rate_limit_burst=5000, rate_limit_per_second=5000)
    vessel.create("a", "shell")
    pids, first = vessel.pids(), vessel.sessions()["a"]["id"]
    path = vessel.state_dir / "quarterdeck.db"
    rename: dict[str, Any] = {"session_id": first, "updates": {"name": "renamed"}}
    with closing(sqlite3.connect(path, isolation_level=None)) as held:
        held.execute("BEGIN IMMEDIATE")
        assert vessel.code_of("session.update", **rename) == "store_locked"
        assert vessel.sessions().keys() == {"a"}, "what is refused is not in force"
        held.execute("ROLLBACK")
    eventually(lambda: vessel.code_of("session.update", **rename) == "ok")
    assert vessel.pids() == {"renamed": pids["a"]}
    vessel.check()


def test_a_database_of_a_newer_version_is_left_as_it_is(vessel: Vessel) -> None:
    vessel.launch()
    vessel.stop_in_order()
    path = vessel.state_dir / "quarterdeck.db"
    with closing(sqlite3.connect(path)) as store:
        (version,) = store.execute("PRAGMA user_version").fetchone()
        store.execute(f"PRAGMA user_version = {version + 7}")
        store.commit()
    before = path.read_bytes()
    assert vessel.refused()["code"] == "store_newer"
    assert path.read_bytes() == before
    shutil.rmtree(vessel.state_dir)
