"""A state directory that can't be used is told by code and place at the start, on real disks."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"


def start(place: Path, runtime: Path) -> str:
    """What an engine says that is started there and fails."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--state-dir", str(place), "--headless"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("only root can mount a disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=192k,mode=700", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> None:
    with contextlib.suppress(OSError), (place / "ballast").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_its_place(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("precious")
    said = start(tmp_path / name, tmp_path)
    assert "state_dir_unusable" in said
    assert str(tmp_path / name) in said
    assert "no directory" in said
    assert (tmp_path / "file").read_text() == "precious"


def test_a_disk_that_is_full(disk: Path, tmp_path: Path) -> None:
    fill(disk)
    said = start(disk / "state", tmp_path)
    assert "state_dir_unusable" in said
    assert "No space left" in said


def test_a_disk_with_room_for_the_lock_but_not_for_the_database(disk: Path, tmp_path: Path) -> None:
    (disk / "ballast").write_bytes(bytes(112 * 1024))
    said = start(disk / "state", tmp_path)
    assert "store_full" in said
    assert "free some space" in said


def test_a_disk_that_may_only_be_read(disk: Path, tmp_path: Path) -> None:
    (disk / "state").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for name in ("state", "new"):
        said = start(disk / name, tmp_path)
        assert "state_dir_unusable" in said
        assert "Read-only file system" in said
