"""Files for the loader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from quarterdeck.core.workflows.definition import WorkflowDefinition
from quarterdeck.core.workflows.files import check, load_workflow

Write = Callable[..., Path]
Faults = Callable[..., list[str]]
Load = Callable[..., WorkflowDefinition]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file; its path."""

    def write(text: str, name: str = "flow.yaml") -> Path:
        path = tmp_path / name
        path.write_text(dedent(text).lstrip("\n"))
        return path

    return write


@pytest.fixture
def faults(write: Write) -> Faults:
    """The faults of a text, each without the name of its file's directory."""

    def faults(text: str, name: str = "flow.yaml", agents: list[str] | None = None) -> list[str]:
        path = write(text, name)
        return [
            str(fault).removeprefix(f"{path.parent}/").removeprefix(f"{name}:")
            for fault in check(path, agents=agents)
        ]

    return faults


@pytest.fixture
def load(write: Write) -> Load:
    """The definition of a text with inputs."""

    def load(text: str, **inputs: object) -> WorkflowDefinition:
        return load_workflow(write(text), inputs)

    return load
