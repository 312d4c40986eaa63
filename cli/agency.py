"""The agents of this user: shipped, from files of their own, from the settings."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_config_path

from ..core.sessions.agents.loader import AgentCatalog, load_agents
from ..core.settings import Settings
from .place import PROGRAM


def agents_dir() -> Path:
    """Where the user's own agent files lie, ``NAME.toml`` each."""
    return user_config_path(PROGRAM, appauthor=False) / "agents"


def load_catalog(settings: Settings) -> AgentCatalog:
    """Every agent, and what is wrong with those that were left out."""
    return load_agents(user_dir=agents_dir(), config=settings.agents)
