"""The agents that sessions can be made of, and whether their programs are there."""

from __future__ import annotations

from collections.abc import Mapping

from ..protocol.views import AgentView
from .agents.definition import AgentDefinition
from .agents.discovery import locate_program


class Roster:
    """Agents by name; ``path`` is the PATH on which their programs are looked for."""

    def __init__(self, definitions: Mapping[str, AgentDefinition], path: str) -> None:
        self._definitions = dict(definitions)
        self._path = path

    def get(self, name: str) -> AgentDefinition | None:
        """The agent called ``name``."""
        return self._definitions.get(name)

    def names(self) -> list[str]:
        """Every agent's name."""
        return list(self._definitions)

    def views(self) -> list[AgentView]:
        """Every agent, those that can be started first."""
        views = [self._view(definition) for definition in self._definitions.values()]
        return sorted(views, key=lambda view: (not view.found, view.practice))

    def _view(self, definition: AgentDefinition) -> AgentView:
        program = locate_program(definition, self._path)
        return AgentView(
            name=definition.name,
            title=definition.shown,
            command=(*definition.command, *definition.args),
            transport=definition.transport,
            capabilities=definition.capabilities,
            found=program is not None,
            path=program,
            has_rules=definition.has_rules,
            practice=definition.practice,
            origin=definition.origin,
        )
