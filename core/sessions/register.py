"""The register: which sessions there are, by id and by name, and who has a place within the limit."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from .agents.definition import AgentDefinition
from .faults import AgentUnknown, NameTaken, SessionLimit, SessionUnknown
from .roster import Roster
from .session import Session


class Register:
    """Every session by its id, oldest first; every agent by its name."""

    def __init__(self, roster: Roster, limit: int) -> None:
        self._roster = roster
        self._limit = limit
        self._sessions: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    @property
    def by_id(self) -> Mapping[str, Session]:
        """The sessions by their ids, as they are now and will be."""
        return self._sessions

    def add(self, session: Session) -> None:
        """Enter a session."""
        self._sessions[session.id] = session

    def remove(self, session: Session) -> None:
        """Strike a session out."""
        del self._sessions[session.id]

    def get(self, session_id: str) -> Session:
        """One session.

        :raises SessionUnknown: if there is none of this id.
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise SessionUnknown(f"There is no session {session_id}.", session_id=session_id)
        return session

    def definition(self, agent: str) -> AgentDefinition:
        """One agent.

        :raises AgentUnknown: if none has this name.
        """
        definition = self._roster.get(agent)
        if definition is None:
            near = difflib.get_close_matches(agent, self._roster.names(), n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise AgentUnknown(f"There is no agent {agent}.{hint}", agent=agent)
        return definition

    def check_name(self, name: str) -> None:
        """Let ``name`` pass if it is free.

        :raises NameTaken: if it is not.
        """
        if any(session.record.name == name for session in self._sessions.values()):
            raise NameTaken(f"Another session is called {name}.", name=name)

    def claim(self, session: Session) -> None:
        """Take a place within the limit for ``session``, at once; one that lives has its own.

        :raises SessionLimit: if none is left.
        """
        others = (other for other in self._sessions.values() if other is not session)
        taken = sum(1 for other in others if other.living or other.claimed)
        if taken >= self._limit and not session.living:
            raise SessionLimit(
                f"{taken} sessions live, as many as [engine] max_concurrent_sessions allows; "
                "stop one or raise the limit.",
                limit=self._limit,
            )
        session.claimed = True
