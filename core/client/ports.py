"""What a front end needs of the other side."""

from __future__ import annotations

from typing import Protocol

from ..base.errors import ResourceFault
from ..protocol.wire import ClientMessage, ServerMessage


class LinkClosed(ResourceFault):
    """The engine is gone, or has closed this link."""

    code = "link_closed"


class Endpoint(Protocol):
    """One link to an engine, in this process or over its socket."""

    async def send(self, message: ClientMessage) -> None:
        """Hand ``message`` over; waits while the other side is behind.

        :raises LinkClosed: if the link is closed.
        """
        ...

    async def receive(self) -> ServerMessage:
        """The next message.

        :raises LinkClosed: once the link is closed and everything before was received.
        """
        ...

    async def close(self) -> None:
        """Close the link; a second time does nothing."""
        ...


class Connector(Protocol):
    """How a front end comes to an engine: the one that runs, or one of its own."""

    @property
    def hosting(self) -> bool:
        """Whether the engine runs in this process."""
        ...

    @property
    def parting(self) -> bool:
        """Whether the sessions end with the engine in this process, whatever is asked."""
        ...

    async def connect(self) -> Endpoint:
        """A link to the state directory's engine; one is started here if none runs.

        Called again after a link has ended, it finds the engine that took over, or takes over.

        :raises QuarterdeckError: if no engine can be reached or started; the message says why.
        """
        ...

    async def release(self, *, stop_sessions: bool = False) -> None:
        """Let go: an engine hosted here hands over or shuts down; sessions go on unless told."""
        ...
