"""What the propulsion room needs of others: a choice of agents, and a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..base.batches import BatchStore
from .payload import PropulsionPayload

PayloadStore = BatchStore


class AgentChooser(Protocol):
    """Chooses the agent that is to handle a payload."""

    def choose(self, event_type: str, payload: PropulsionPayload) -> str | None:
        """An agent's id by the payload's affinity and routing key; ``None``: any will do. Quick."""
        ...


class TeamChooser:
    """Chooses from teams: the preferred agent if it is in the team, else each in its turn.

    ``teams`` names the agents of each routing key; without a team a preferred agent is taken as it is.
    """

    def __init__(self, teams: Mapping[str, Sequence[str]]) -> None:
        self._teams = {name: list(agents) for name, agents in teams.items()}
        self._turns = dict.fromkeys(self._teams, 0)

    def choose(self, event_type: str, payload: PropulsionPayload) -> str | None:
        """The agent for ``payload``."""
        key, wanted = payload.routing_key, payload.agent_affinity
        team = self._teams.get(key or "")
        if not team or wanted in team:
            return wanted
        turn = self._turns[key or ""]
        self._turns[key or ""] = turn + 1
        return team[turn % len(team)]


__all__ = ["AgentChooser", "PayloadStore", "TeamChooser"]
