"""The lock on a state directory: one holder, known by name, gone with its process."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.engine.faults import EngineRunning, StateDirUnusable
from quarterdeck.core.engine.lock import LOCK_NAME, Holder, StateLock, read_holder

HOLDER = Holder(os.getpid(), "e1", "/run/x.sock", datetime(2026, 1, 1, 12, 30, tzinfo=UTC))


def test_the_holder_is_written_down_for_others(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    lock.acquire(HOLDER)
    assert lock.held
    assert read_holder(tmp_path) == HOLDER
    assert stat.S_IMODE((tmp_path / LOCK_NAME).stat().st_mode) == 0o600
    lock.release()
    assert not lock.held
    assert read_holder(tmp_path) is None
    lock.release()


def test_a_second_engine_is_told_who_holds_it(tmp_path: Path) -> None:
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.acquire(HOLDER)
    with pytest.raises(EngineRunning) as caught:
        second.acquire(HOLDER)
    details = caught.value.details
    assert (details["pid"], details["socket"]) == (os.getpid(), "/run/x.sock")
    assert f"process {os.getpid()}, since 2026-01-01 12:30" in caught.value.message
    first.release()
    second.acquire(HOLDER)
    second.release()


def test_a_holder_that_has_not_written_yet_is_one_all_the_same(tmp_path: Path) -> None:
    first = StateLock(tmp_path)
    first.acquire(HOLDER)
    (tmp_path / LOCK_NAME).write_text("")
    with pytest.raises(EngineRunning, match="An engine runs"):
        StateLock(tmp_path).acquire(HOLDER)
    first.release()


def test_what_a_killed_engine_leaves_is_no_hindrance(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from quarterdeck.core.engine.lock import Holder, StateLock\n"
        "StateLock(Path(sys.argv[1])).acquire(Holder(os.getpid(), 'dead', '', datetime.now(UTC)))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert done.returncode == -9
    left = read_holder(tmp_path)
    assert left is not None
    assert left.engine_id == "dead"
    lock = StateLock(tmp_path)
    lock.acquire(HOLDER)
    assert read_holder(tmp_path) == HOLDER
    lock.release()


def test_a_child_does_not_inherit_it(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    lock.acquire(HOLDER)
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
    )
    lock.release()
    again = StateLock(tmp_path)
    again.acquire(HOLDER)
    again.release()
    child.communicate(b"\n")


def test_a_directory_that_was_taken_away_is_noticed(tmp_path: Path) -> None:
    place = tmp_path / "s"
    place.mkdir()
    lock = StateLock(place)
    lock.acquire(HOLDER)
    (place / LOCK_NAME).unlink()
    assert not lock.held
    lock.release()


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", json.dumps({"pid": 1, "started_at": "x"})])
def test_an_unreadable_entry_is_nobodys(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_NAME).write_text(text)
    assert read_holder(tmp_path) is None


def test_where_there_is_no_directory_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StateDirUnusable, match="--state-dir"):
        StateLock(tmp_path / "nope").acquire(HOLDER)


def test_a_lock_file_that_is_replaced_meanwhile_is_not_taken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, someone removes the file and makes another."""
    path = tmp_path / LOCK_NAME
    real_open, swaps = os.open, [True]

    def swap(*args: Any) -> int:
        file = real_open(*args)
        if swaps and swaps.pop():
            path.unlink()
            path.write_text("")
        return file

    monkeypatch.setattr(os, "open", swap)
    lock = StateLock(tmp_path)
    lock.acquire(HOLDER)
    assert lock.held
    lock.release()


def test_a_system_without_locks_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StateDirUnusable, match="not supported"):
        StateLock(tmp_path).acquire(HOLDER)
