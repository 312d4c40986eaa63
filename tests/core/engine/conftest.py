"""Places that the engine room's tests use."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a path short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)
