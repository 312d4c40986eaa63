"""The agents of this user: shipped, from files of their own, from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_config_path

from ..core.sessions.agents.loader import AgentCatalog, load_agents
from ..core.settings import Origin, Settings
from .place import PROGRAM


def agents_dir() -> Path:
    """Where the user's own agent files lie, ``NAME.toml`` each."""
    return user_config_path(PROGRAM, appauthor=False) / "agents"


def load_catalog(settings: Settings, origins: Mapping[str, Origin] | None = None) -> AgentCatalog:
    """Every agent, and what is wrong with those that were left out, with ``origins`` also where."""
    places = {key: (origin.place, origin.line) for key, origin in (origins or {}).items()}
    return load_agents(user_dir=agents_dir(), config=settings.agents, places=places)
