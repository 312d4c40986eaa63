"""The screens that are watched: one watch for each session, however many look at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..core.client.screen import ScreenModel
from ..core.protocol.screen import ScreenFrame

Changed = Callable[[frozenset[int] | None], None]
"""Called with the numbers of the lines to repaint; ``None``: all."""


class Watched(Protocol):
    """Where watches are asked for: the client."""

    def watch(self, session_id: str) -> None:
        """Receive a session's screen from now on."""
        ...

    def unwatch(self, session_id: str) -> None:
        """Receive it no more."""
        ...


class Watching:
    """Keeps a screen model for each watched session and tells its lookers what changed."""

    def __init__(self) -> None:
        self._client: Watched | None = None
        self._models: dict[str, ScreenModel] = {}
        self._lookers: dict[str, list[Changed]] = {}
        self._asked_anew: set[str] = set()

    def model(self, session_id: str) -> ScreenModel | None:
        """The screen of a watched session."""
        return self._models.get(session_id)

    def look(self, session_id: str, changed: Changed) -> Callable[[], None]:
        """Watch a session; ``changed`` is called after each change until the result is called."""
        lookers = self._lookers.setdefault(session_id, [])
        lookers.append(changed)
        if len(lookers) == 1:
            self._models[session_id] = ScreenModel(session_id)
            if self._client is not None:
                self._client.watch(session_id)
        return lambda: self._release(session_id, changed)

    def _release(self, session_id: str, changed: Changed) -> None:
        lookers = self._lookers.get(session_id, [])
        if changed not in lookers:
            return
        lookers.remove(changed)
        if lookers:
            return
        del self._lookers[session_id], self._models[session_id]
        if self._client is not None:
            self._client.unwatch(session_id)

    def attach(self, client: Watched | None) -> None:
        """Watch on a new link all that was watched on the old one; ``None``: the link is down."""
        self._client = client
        if client is None:
            return
        for session_id in self._lookers:
            self._models[session_id] = ScreenModel(session_id)
            client.watch(session_id)

    def apply(self, frame: ScreenFrame) -> None:
        """Take in what changed on a screen."""
        model = self._models.get(frame.session_id)
        if model is None:
            return
        if model.generation and not frame.full and frame.base != model.generation:
            self._ask_anew(frame.session_id)
            return
        self._asked_anew.discard(frame.session_id)
        changed = model.apply(frame)
        if changed is None or changed:
            for looker in tuple(self._lookers[frame.session_id]):
                looker(changed)

    def _ask_anew(self, session_id: str) -> None:
        """A frame is missing: have the whole screen sent, once until it has come."""
        if self._client is not None and session_id not in self._asked_anew:
            self._asked_anew.add(session_id)
            self._client.unwatch(session_id)
            self._client.watch(session_id)
