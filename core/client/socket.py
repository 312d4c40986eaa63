"""An endpoint over an engine's Unix socket: JSON lines."""

from __future__ import annotations

import asyncio
import contextlib

from ..protocol.validation import CommandFault
from ..protocol.wire import LINE_LIMIT, ClientMessage, ServerMessage, decode_server, encode
from .ports import LinkClosed

FAREWELL = 1.0


class SocketEndpoint:
    """A link to an engine in another process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._closing = False

    @classmethod
    async def connect(cls, path: str) -> SocketEndpoint:
        """A link to the engine that listens at ``path``.

        :raises LinkClosed: if none does.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=LINE_LIMIT)
        except OSError as error:
            raise LinkClosed(f"No engine answers at {path}: {error.strerror}.") from error
        return cls(reader, writer)

    async def send(self, message: ClientMessage) -> None:
        """Write ``message`` and wait until the socket takes more.

        :raises LinkClosed: if the engine is gone.
        """
        try:
            self._writer.write(encode(message))
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise LinkClosed("The engine is gone.") from error

    async def receive(self) -> ServerMessage:
        """The next message.

        :raises LinkClosed: if the engine is gone, or sent what is no message.
        """
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            raise LinkClosed("The engine closed the link.") from error
        except asyncio.LimitOverrunError as error:
            raise LinkClosed(f"The engine sent a line of over {LINE_LIMIT} bytes.") from error
        except OSError as error:
            raise LinkClosed(f"The engine is gone: {error.strerror}.") from error
        try:
            return decode_server(line)
        except CommandFault as error:
            raise LinkClosed(f"The engine can't be understood. {error.message}") from error

    async def close(self) -> None:
        """Close the socket; an engine that takes nothing more is waited for a second at most."""
        if self._closing:
            return
        self._closing = True
        self._writer.close()
        # In a task: a wait that times out here must not cancel the stream's own future.
        closed = asyncio.ensure_future(self._writer.wait_closed())
        await asyncio.wait({closed}, timeout=FAREWELL)
        if not closed.done():
            self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await closed
