"""A scratch machine for each test, empty of processes afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.machine import PROMPT, Machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Homes of its own; in a short directory, as a socket's path and a panel have little room."""
    root = Path(tempfile.mkdtemp(prefix="qd-e2e-"))
    home, work, runtime = (root / name for name in ("home", "shop", "run"))
    for directory in (home, work, runtime):
        directory.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    (home / ".bashrc").write_text(f"PS1='{PROMPT}'\nunset PROMPT_COMMAND\n")
    one = Machine(root, runtime, root / "state", work)
    try:
        yield one
    finally:
        one.close()
        shutil.rmtree(root, ignore_errors=True)
