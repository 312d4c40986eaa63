"""Events as they come, over a change of engines."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .failing import has_code
from .invocation import Invocation
from .link import Message

AGAIN = 20
"""How often a new engine is looked for after one has left: for about eight seconds."""

RETURNED: Message = {"kind": "event", "type": "returned", "payload": {}}
"""Stands among the events where another engine took over: what is known may be out of date."""


class Events:
    """The events of ``topics``, from now on or after sequence number ``since``.

    If the engine leaves and another one takes over within some seconds, its events follow: without
    a gap if a sequence number is known, and in any case after ``RETURNED``.
    """

    def __init__(
        self, invocation: Invocation, topics: Sequence[str] = (), since: int | None = None
    ) -> None:
        self._invocation = invocation
        self._topics = list(topics)
        self._since = since
        self._follow()

    def _follow(self) -> None:
        wish = {"kind": "follow", "topics": self._topics, "since": self._since, "snapshot": False}
        self._invocation.link.send(wish)

    def next(self, until: float | None = None) -> Message | None:
        """The next event; ``None`` once the monotonic clock is past ``until``.

        :raises CliFault: ``link_closed`` if the engine leaves for good.
        """
        while True:
            message = self._receive(until)
            if message is None:
                return None
            if message is RETURNED:
                return message
            if message["kind"] == "event":
                self._since = message["metadata"]["sequence"] or self._since
                return message

    def _receive(self, until: float | None) -> Message | None:
        try:
            patience = None if until is None else until - time.monotonic()
            return self._invocation.link.receive(patience)
        except Exception as error:
            if not has_code(error, "link_closed") or not reconnect(self._invocation):
                raise
            self._follow()
            return RETURNED


def reconnect(invocation: Invocation) -> bool:
    """Whether ``invocation`` has a link to the engine that took over, some seconds at most later."""
    # Start-up time: only a lost link needs it.
    from ..core.base.retry import RetryPolicy  # noqa: PLC0415

    policy = RetryPolicy(max_attempts=AGAIN, initial_delay=0.05, max_delay=0.5)
    invocation.close()
    for attempt in range(1, policy.max_attempts + 1):
        time.sleep(policy.delay(attempt))
        try:
            return bool(invocation.link.engine)
        except Exception as error:
            if not has_code(error, "no_engine", "link_closed"):
                raise
    return False
