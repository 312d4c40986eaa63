"""Which agents this machine can start."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from .definition import AgentDefinition


@dataclass(frozen=True, slots=True)
class FoundAgent:
    """An agent whose program is there."""

    definition: AgentDefinition
    program: str


def locate_program(definition: AgentDefinition, path: str) -> str | None:
    """The file that would run for ``definition`` with this PATH; ``None`` if there is none."""
    names = definition.detect or definition.command[:1]
    for name in names:
        if (program := shutil.which(name, path=path)) is not None:
            return program
    return None


def find_on_path(definitions: Iterable[AgentDefinition], path: str) -> list[FoundAgent]:
    """Those of ``definitions`` that can be started with ``path`` as PATH, in their order."""
    return [
        FoundAgent(definition, program)
        for definition in definitions
        if (program := locate_program(definition, path)) is not None
    ]
