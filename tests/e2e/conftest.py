"""A scratch machine for each test, empty of processes afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.machine import PROMPT, Machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Homes of its own; sockets in a short directory, as a socket's path may not be long."""
    runtime = Path(tempfile.mkdtemp(prefix="qd-e2e-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    home, work = tmp_path / "home", tmp_path / "shop"
    home.mkdir()
    work.mkdir()
    (home / ".bashrc").write_text(f"PS1='{PROMPT}'\nunset PROMPT_COMMAND\n")
    one = Machine(tmp_path, runtime, tmp_path / "state", work)
    try:
        yield one
    finally:
        one.close()
        shutil.rmtree(runtime, ignore_errors=True)
