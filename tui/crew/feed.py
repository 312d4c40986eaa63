"""The crew's view, pulled while it is seen: one question at a time, never a queue of them."""

from __future__ import annotations

from typing import Any

from ...core.base.errors import QuarterdeckError
from ...core.protocol.crew_commands import ShowCrew
from ...core.protocol.crew_events import CrewChanged, SafetyHalted, SafetyReset
from ...core.protocol.crew_views import CrewView
from ...core.protocol.events import Event, StateSnapshot
from ..bridge import Bridge
from ..flow.asking import Asking
from ..pace import Alarm

NEWS = (CrewChanged, SafetyHalted, SafetyReset, StateSnapshot)


class CrewFeed:
    """``crew`` is how it stood when it was asked for last; ``fault`` says why there is nothing."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.crew: CrewView | None = None
        self.fault = ""
        self._changes = 0
        self._asking: Asking[int] = Asking(self._ask)
        self._pause = Alarm(bridge.changed)

    def close(self) -> None:
        """Leave no timer behind."""
        self._pause.set(None)

    def event(self, event: Event) -> None:
        """Take note that something is otherwise."""
        if type(event.payload) in NEWS:
            self._changes += 1
        if type(event.payload) is StateSnapshot:
            self._asking.forget()

    def want(self) -> None:
        """It is seen: ask for it if something changed, and nothing was asked a moment ago."""
        if self._asking.asked is None and not self._pause.pending:
            self._asking.want(self._changes)

    def _ask(self, _changes: int) -> None:
        self._bridge.send(ShowCrew(), then=self._take, failed=self._failed)

    def _take(self, result: dict[str, Any]) -> None:
        self.crew, self.fault = CrewView.model_validate(result["crew"]), ""
        self._answered()

    def _failed(self, error: QuarterdeckError) -> None:
        self.fault = error.info().message
        self._answered()

    def _answered(self) -> None:
        if self._bridge.pacing.pull:
            self._pause.set(self._bridge.pacing.pull)
        self._asking.answered()
        self._bridge.changed()
