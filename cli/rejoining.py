"""The way back to an engine after one has left, without ever waiting: for programs with a selector."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from .failing import has_code
from .link import GREETING, Link

FIRST, MOST = 0.02, 0.25
"""Seconds between two looks for an engine: at first, and at most."""

INSTANT = 0.005
"""Seconds for the rest of a line whose beginning is there."""


class Rejoining:
    """Looks for an engine until one has greeted.

    ``find`` gives the socket's path, or raises ``no_engine``. ``due`` is when ``look`` wants to be
    called, by the monotonic clock; ``stream`` is what ``hear`` wants to be called for.
    """

    def __init__(self, find: Callable[[], str]) -> None:
        self._find = find
        self._pause = FIRST
        self._link: Link | None = None
        self.due = time.monotonic()

    @property
    def stream(self) -> socket.socket | None:
        """The link that an answer is awaited on."""
        return None if self._link is None else self._link.stream

    def look(self) -> None:
        """Say hello to the engine that is entered now, or look again later."""
        now = time.monotonic()
        self.close()
        try:
            self._link = Link.begin(self._find())
        except Exception as error:
            if not has_code(error, "no_engine", "link_closed"):
                raise
        if self._link is not None:
            self.due = now + GREETING  # then it is taken for dead
            return
        self.due = now + self._pause
        self._pause = min(self._pause * 2, MOST)

    def hear(self) -> Link | None:
        """The link, once its engine has greeted back.

        :raises CliFault: if that engine refuses it.
        """
        link = self._link
        if link is None:
            return None
        try:
            message = link.receive(INSTANT)
            if message is None:
                return None
            link.greeted(message)
        except Exception as error:
            self._again()
            if has_code(error, "no_engine", "link_closed"):
                return None
            raise
        self._link = None
        return link

    def _again(self) -> None:
        self.close()
        self.due = time.monotonic() + self._pause

    def close(self) -> None:
        """Let go of what is not answered yet."""
        if self._link is not None:
            self._link.close()
            self._link = None
