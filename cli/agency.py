"""The agents of this user: shipped, from files of their own, from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from ..core.sessions.agents.loader import AgentCatalog, load_agents
from ..core.settings import Examined, Fault, Origin, Settings
from .place import PROGRAM


def agents_dir() -> Path:
    """Where the user's own agent files lie, ``NAME.toml`` each."""
    return user_config_path(PROGRAM, appauthor=False) / "agents"


def load_catalog(settings: Settings, origins: Mapping[str, Origin] | None = None) -> AgentCatalog:
    """Every agent, and what is wrong with those that were left out, with ``origins`` also where."""
    return _load(settings.agents, origins or {})


def agents_faults(found: Examined) -> list[Fault]:
    """Everything that is wrong with agents, by file and line, whatever else is wrong with the settings."""
    problems = _load(found.agents, found.origins).problems
    files = list(dict.fromkeys(one.file for one in problems))
    problems.sort(key=lambda one: (files.index(one.file), one.line or 0))
    return [Fault(one.file, one.line, one.key, one.message, one.hint) for one in problems]


def _load(agents: Mapping[str, Any], origins: Mapping[str, Origin]) -> AgentCatalog:
    places = {key: (origin.place, origin.line) for key, origin in origins.items()}
    return load_agents(user_dir=agents_dir(), config=agents, places=places)
