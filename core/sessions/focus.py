"""Who looks at what: a session counts as seen after two seconds in someone's focus."""

from __future__ import annotations

from collections.abc import Mapping

from .session import Session


class FocusWatch:
    """The focus of each client.

    A session is told when it comes into someone's focus and when it leaves everyone's; how long
    it takes to count as seen is the detector's business.
    """

    def __init__(self, sessions: Mapping[str, Session]) -> None:
        self._sessions = sessions
        self._looking: dict[str, str] = {}

    def look(self, client_id: str, session_id: str | None) -> None:
        """``client_id`` looks at ``session_id`` now; ``None``: at nothing."""
        before = self._looking.pop(client_id, None)
        if session_id is not None:
            self._looking[client_id] = session_id
        for changed in {before, session_id} - {None}:
            session = self._sessions.get(changed or "")
            if session is not None:
                session.reader.focused(changed in self._looking.values())

    def close(self) -> None:
        """Nobody looks at anything."""
        for client_id in list(self._looking):
            self.look(client_id, None)
