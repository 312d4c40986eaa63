"""The control socket: the engine's protocol as JSON lines, for this user alone."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from ..base.listening import close_server
from ..client.ports import LinkClosed
from ..protocol.validation import CommandFault
from ..protocol.wire import LINE_LIMIT, Goodbye, Reply, ServerMessage, decode_client, encode
from ..sessions.keeper.frames import peer_uid
from ..telemetry.logs import logger
from ..telemetry.ports import MetricsCollector
from .connections import Connection
from .faults import Internal, SocketUnusable

PATH_LIMIT = 103
"""Bytes of a socket's path that every platform takes."""

GREETING_PATIENCE = 10.0
CLIENTS_LIMIT = 256
UNSENT_LIMIT = 64 * 1024
"""Bytes that the kernel has not taken yet, after which the outbox is left to wait."""

FAREWELL = 1.0
LAST_WORDS = 60.0
"""Seconds that a client which sends nothing more may take to read the replies it is owed."""

BACKLOG = 64

_log = logger("engine.socket")


class SocketServer:
    """Serves clients on a Unix socket at ``path``, mode 0600; other users' processes are refused."""

    def __init__(
        self,
        path: Path,
        connect: Callable[[], Connection],
        metrics: MetricsCollector,
        *,
        clients: int = CLIENTS_LIMIT,
        patience: float = GREETING_PATIENCE,
    ) -> None:
        self.path = path
        self._connect = connect
        self._metrics = metrics
        self._clients = clients
        self._patience = patience
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._inode = 0

    @property
    def serving(self) -> bool:
        """Whether clients can reach it: it listens, and its file is still the one at its path."""
        with contextlib.suppress(OSError):
            return self._server is not None and self.path.lstat().st_ino == self._inode
        return False

    async def start(self) -> None:
        """Listen. A socket that lies there is a dead engine's, since the caller holds the lock.

        :raises SocketUnusable: if that can't be done; the message says why.
        """
        listener = _listener(self.path)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=LINE_LIMIT, backlog=BACKLOG
        )
        self._inode = self.path.lstat().st_ino

    def stop_listening(self) -> None:
        """Take no more clients, and leave the path free; links go on."""
        if self._server is None:
            return
        if self.serving:
            self.path.unlink()
        closing = asyncio.get_running_loop().create_task(close_server(self._server))
        self._note(closing)
        self._server = None

    async def move(self, path: Path) -> None:
        """Listen at ``path`` from now on; links go on.

        :raises SocketUnusable: if that can't be done; then nobody can come.
        """
        self.stop_listening()
        self.path = path
        await self.start()

    async def close(self, patience: float = 1.0) -> None:
        """Stop listening and end every link; what waits for clients is sent for so many seconds."""
        self.stop_listening()
        if self._tasks and patience > 0:
            await asyncio.wait(self._tasks, timeout=patience)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _note(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._note(task)
        try:
            refusal = self._refusal(writer)
            if refusal:
                await _send(writer, Goodbye(reason=refusal))
            else:
                await _Link(self._connect(), reader, writer).run(self._patience)
        except OSError:
            pass  # the client is gone
        finally:
            await _close(writer)

    def _refusal(self, writer: asyncio.StreamWriter) -> str:
        """Why this client is not served; empty if it is."""
        uid = _uid_of(writer)
        reason, text = "", ""
        if uid != os.geteuid():
            reason, text = "user", "This engine serves its own user only."
        elif len(self._tasks) > self._clients:
            reason, text = "clients", f"This engine has {self._clients} clients already."
        if reason:
            self._metrics.increment_counter("links_refused", {"reason": reason})
            _log.warning("a link was refused", why=reason, uid=uid)
        return text


def _uid_of(writer: asyncio.StreamWriter) -> int | None:
    """The user at the other end; ``None`` where the system does not say."""
    try:
        return peer_uid(writer.get_extra_info("socket"))
    except (OSError, AttributeError, struct.error):  # the constants are the platform's
        return None


class _Link:
    """One client's stream: lines in and lines out, until either side ends it."""

    def __init__(
        self,
        connection: Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=UNSENT_LIMIT)

    async def run(self, patience: float) -> None:
        """Serve the client; one that has not greeted within ``patience`` seconds is let go."""
        timer = asyncio.get_running_loop().call_later(patience, self._connection.insist_on_hello)
        reading = asyncio.create_task(self._read(), name="link-read")
        writing = asyncio.create_task(self._write(), name="link-write")
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            self._connection.leave("the client closed it")
            await asyncio.wait({writing}, timeout=LAST_WORDS)
        finally:
            timer.cancel()
            self._connection.end("it was closed")
            for task in (reading, writing):
                task.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)

    async def _read(self) -> None:
        with contextlib.suppress(LinkClosed, asyncio.IncompleteReadError, OSError):
            while True:
                try:
                    await self._connection.handle(decode_client(await self._line()))
                except CommandFault as error:
                    await self._connection.refuse(error)

    async def _line(self) -> bytes:
        """The next line.

        :raises CommandFault: if it is too long; it is skipped.
        :raises IncompleteReadError: at the end of the stream.
        """
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            await self._skip_line(error.consumed)
            raise CommandFault("malformed", f"A line has over {LINE_LIMIT} bytes.") from error

    async def _skip_line(self, consumed: int) -> None:
        while consumed:
            await self._reader.readexactly(consumed)
            try:
                await self._reader.readuntil(b"\n")
                consumed = 0
            except asyncio.LimitOverrunError as error:
                consumed = error.consumed

    async def _write(self) -> None:
        with contextlib.suppress(LinkClosed, OSError):
            while True:
                await _send(self._writer, await self._connection.next())


async def _send(writer: asyncio.StreamWriter, message: ServerMessage) -> None:
    writer.write(_encoded(message))
    await writer.drain()


def _encoded(message: ServerMessage) -> bytes:
    """``message`` as a line; a result that is no JSON becomes an error, anything else nothing."""
    try:
        return encode(message)
    except (TypeError, ValueError) as error:
        _log.error("a message can't be encoded", error, kind=message.kind)
        if not isinstance(message, Reply):
            return b""
        fault = Internal("The command's result can't be sent; the log says why.").info()
        return encode(Reply(command_id=message.command_id, ok=False, error=fault))


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close a stream; what the kernel does not take within a second is given up."""
    writer.close()
    closed = asyncio.ensure_future(writer.wait_closed())
    await asyncio.wait({closed}, timeout=FAREWELL)
    if not closed.done():
        writer.transport.abort()
    with contextlib.suppress(OSError):
        await closed


def _listener(path: Path) -> socket.socket:
    """A bound socket at ``path``, open to this user only, not listening yet."""
    raw = os.fsencode(path)
    if len(raw) > PATH_LIMIT:
        raise SocketUnusable(
            f"The socket's path is too long ({len(raw)} bytes, at most {PATH_LIMIT}): {path}. "
            "Set XDG_RUNTIME_DIR to a shorter directory.",
            path=str(path),
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_dead(path)
        listener.bind(raw)
        path.chmod(0o600)
    except OSError as error:
        listener.close()
        why = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise SocketUnusable(f"The socket {path} can't be made: {why}.", path=str(path)) from error
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_dead(path: Path) -> None:
    """Remove the socket of an engine that is gone; anything else is left, and is an error."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise SocketUnusable(
            f"{path} is there and is no socket; move it away, since the engine listens there.",
            path=str(path),
        )
    path.unlink()
