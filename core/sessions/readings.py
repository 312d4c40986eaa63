"""What can be read of sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..protocol import commands as c
from ..protocol.views import SessionView
from .inspection import explain, history_of, log_of, screen_of, search_in
from .register import Register
from .screen import SessionScreen


class Readings:
    """The half of the session manager that changes nothing."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def views(self) -> list[SessionView]:
        """Every session, oldest first."""
        return [session.view() for session in self._register]

    def view(self, session_id: str) -> SessionView:
        """One session.

        :raises SessionUnknown: if there is none of this id.
        """
        return self._register.get(session_id).view()

    async def changed(self, session_id: str, version: int) -> SessionView:
        """The session as soon as its version is not ``version`` any more.

        :raises SessionUnknown: if there is none of this id, or it is removed meanwhile.
        """
        session = self._register.get(session_id)
        await session.until(lambda now: now.removed or now.record.version != version, None)
        return self._register.get(session_id).view()

    def screen_source(self, session_id: str) -> SessionScreen:
        """A session's screen to watch."""
        return self._register.get(session_id).screen

    async def screen(self, wish: c.ReadScreen) -> Mapping[str, Any]:
        """A screen or a part of its history as data."""
        return screen_of(self._register.get(wish.session_id), wish)

    async def search(self, wish: c.SearchScreen) -> Mapping[str, Any]:
        """Matches in scrollback and screen."""
        return search_in(self._register.get(wish.session_id), wish)

    async def logs(self, wish: c.ReadLog) -> Mapping[str, Any]:
        """The tail of the output."""
        return await log_of(self._register.get(wish.session_id), wish)

    def explain(self, wish: c.ExplainSession) -> Mapping[str, Any]:
        """What says the status."""
        return explain(self._register.get(wish.session_id))

    async def history(self, wish: c.SessionHistory) -> Mapping[str, Any]:
        """Former statuses."""
        return await history_of(self._register.get(wish.session_id), wish.limit)
