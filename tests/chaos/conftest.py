"""A vessel for each test: a scratch machine, empty of processes afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.chaos.vessel import Vessel
from tests.e2e.machine import PROMPT


@pytest.fixture
def vessel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vessel]:
    """Homes of its own, at a path short enough for sockets."""
    root = Path(tempfile.mkdtemp(prefix="qd-chaos-", dir="/tmp"))
    home, work, runtime = (root / name for name in ("home", "work", "run"))
    for directory in (home, work, runtime):
        directory.mkdir(mode=0o700)
    (home / ".bashrc").write_text(f"PS1='{PROMPT}'\nunset PROMPT_COMMAND\n")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    one = Vessel(root, runtime, root / "state", work)
    try:
        yield one
    finally:
        one.close()
        shutil.rmtree(root, ignore_errors=True)


Mount = Callable[[str], None]


@pytest.fixture
def small_disk(vessel: Vessel) -> Iterator[Mount]:
    """Makes the state directory a disk of its own; a second call changes its options."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    place = vessel.state_dir
    place.mkdir(mode=0o700)
    mounted = False

    def mount(options: str) -> None:
        nonlocal mounted
        again = "remount," if mounted else ""
        words = ["mount", "-t", "tmpfs", "-o", f"{again}{options},mode=700", "tmpfs", str(place)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode and not mounted:
            pytest.skip(f"this system lets no file system be mounted: {done.stderr.strip()}")
        assert not done.returncode, done.stderr
        mounted = True

    yield mount
    if mounted:
        subprocess.run(["mount", "-o", "remount,rw,size=64m", str(place)], check=True)
        vessel.close()
        subprocess.run(["umount", str(place)], check=True)
