"""The metrics port: ``/metrics`` and ``/health`` over HTTP, on the loopback, in the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import NamedTuple

from ..base.errors import ResourceFault
from ..base.listening import close_server
from ..protocol.views import HealthStatus, HealthView
from .logs import logger

REQUEST_LIMIT = 16 * 1024
PATIENCE = 5.0
"""Seconds that a scraper may take to ask, and to take the answer."""

_log = logger("telemetry.http")


class PortTaken(ResourceFault):
    """Another program listens on the metrics port."""

    code = "port_taken"


class PortUnusable(ResourceFault):
    """The metrics port can't be listened on."""

    code = "port_unusable"


class Answer(NamedTuple):
    """One HTTP answer."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"

    def encode(self, *, head: bool) -> bytes:
        """The answer's bytes; ``head`` leaves the body out."""
        allow = "Allow: GET, HEAD\r\n" if self.status is HTTPStatus.METHOD_NOT_ALLOWED else ""
        top = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n"
            f"Content-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n"
            f"Cache-Control: no-store\r\n{allow}Connection: close\r\n\r\n"
        )
        return top.encode("latin-1") + (b"" if head else self.body)


def plain(status: HTTPStatus) -> Answer:
    """An answer that says no more than its status."""
    return Answer(status, f"{status.phrase}\n".encode())


def health_answer(health: HealthView) -> Answer:
    """503 if the engine is unhealthy, else 200; the view as JSON either way."""
    bad = health.status is HealthStatus.UNHEALTHY
    status = HTTPStatus.SERVICE_UNAVAILABLE if bad else HTTPStatus.OK
    return Answer(status, health.model_dump_json().encode() + b"\n", "application/json")


class MetricsServer:
    """Serves ``/metrics`` and ``/health`` on one port.

    ``render`` gives the figures' text, ``health`` the engine's present health. Port 0 takes any
    free one; ``port`` says which.
    """

    def __init__(
        self,
        render: Callable[[], Awaitable[bytes]],
        health: Callable[[], Awaitable[HealthView]],
        *,
        content_type: str,
        host: str = "127.0.0.1",
        port: int = 9090,
        patience: float = PATIENCE,
    ) -> None:
        self._render = render
        self._health = health
        self._content_type = content_type
        self._host = host
        self._patience = patience
        self._server: asyncio.Server | None = None
        self.port = port

    async def start(self) -> None:
        """Listen.

        :raises PortTaken: if another program listens there.
        :raises PortUnusable: if it can't be listened on for another reason.
        """
        try:
            self._server = await asyncio.start_server(
                self._serve, self._host, self.port, limit=REQUEST_LIMIT
            )
        except OSError as error:
            raise self._fault(error) from error
        self.port = self._server.sockets[0].getsockname()[1]

    def _fault(self, error: OSError) -> ResourceFault:
        where = f"{self._host}, port {self.port}"
        details = {"host": self._host, "port": self.port}
        if error.errno == errno.EADDRINUSE:
            return PortTaken(
                f"The metrics port is taken: another program listens on {where}. "
                "Set prometheus.port to a free one, or prometheus.enabled to false.",
                **details,
            )
        return PortUnusable(
            f"The metrics port can't be listened on ({where}): {error.strerror or error}. "
            "Set prometheus.port to another one.",
            **details,
        )

    async def close(self) -> None:
        """Stop listening; answers under way are finished."""
        if self._server is not None:
            await close_server(self._server)
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._exchange(reader, writer)
        except (TimeoutError, OSError):
            pass  # a scraper that is slow or gone is its own affair
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            head = b""
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        path, _, version = rest.partition(" ")
        if not version.startswith("HTTP/1."):
            answer = plain(HTTPStatus.BAD_REQUEST)
        else:
            answer = await self._answer(method, path.partition("?")[0])
        writer.write(answer.encode(head=method == "HEAD"))
        await writer.drain()

    async def _answer(self, method: str, path: str) -> Answer:
        if path not in {"/metrics", "/health"}:
            return plain(HTTPStatus.NOT_FOUND)
        if method not in {"GET", "HEAD"}:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            if path == "/health":
                return health_answer(await self._health())
            return Answer(HTTPStatus.OK, await self._render(), self._content_type)
        except Exception as error:  # noqa: BLE001  # a scrape must not disturb the engine
            _log.error("a scrape failed", error, path=path)
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR)
