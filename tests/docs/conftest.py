"""What tests of the documentation share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def short_dir() -> Iterator[str]:
    """A private directory for sockets, whose paths may have about 100 bytes only."""
    with tempfile.TemporaryDirectory(prefix="qd-") as found:
        yield found
