"""Files to check, written for a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from quarterdeck.core.pipelines.files import check

Faults = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a pipeline's file; its path."""

    def written(text: str) -> Path:
        path = tmp_path / "p.yaml"
        path.write_text(dedent(text).lstrip("\n"))
        return path

    return written


@pytest.fixture
def faults(write: Callable[[str], Path]) -> Faults:
    """The faults of a text, without the file's name."""

    def found(text: str, agents: set[str] | None = None) -> list[str]:
        path = write(text)
        return [str(one).removeprefix(f"{path}:") for one in check(path, agents=agents)]

    return found
