"""The endpoint over a real socket, with an engine that the test plays."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client import socket as client_socket
from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.client.socket import SocketEndpoint
from quarterdeck.core.protocol.wire import Bye, Goodbye, Reply, decode_client, encode

Part = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def path() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    yield place / "s.sock"
    shutil.rmtree(place)


@asynccontextmanager
async def engine(path: Path, part: Part) -> AsyncIterator[SocketEndpoint]:
    ended = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await part(reader, writer)
        finally:
            writer.transport.abort()
            ended.set()

    server = await asyncio.start_unix_server(play, str(path))
    endpoint = await SocketEndpoint.connect(str(path))
    try:
        yield endpoint
    finally:
        await endpoint.close()
        server.close()
        await ended.wait()
        await asyncio.sleep(0)


async def test_messages_pass_both_ways(path: Path) -> None:
    reply = Reply(command_id=new_id(), ok=True, result={"a": 1})

    async def part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert decode_client(await reader.readline()) == Bye()
        writer.write(encode(reply) + encode(Goodbye(reason="r")))

    async with engine(path, part) as endpoint:
        await endpoint.send(Bye())
        assert await endpoint.receive() == reply
        assert await endpoint.receive() == Goodbye(reason="r")
        with pytest.raises(LinkClosed, match="closed the link"):
            await endpoint.receive()


async def test_where_nobody_listens_it_says_where(path: Path) -> None:
    with pytest.raises(LinkClosed, match=str(path)):
        await SocketEndpoint.connect(str(path))


async def test_a_line_that_is_no_message_ends_the_link(path: Path) -> None:
    async def part(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nonsense\n")
        await writer.drain()

    async with engine(path, part) as endpoint:
        with pytest.raises(LinkClosed, match="can't be understood"):
            await endpoint.receive()


async def test_a_line_without_end_ends_the_link(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_socket, "LINE_LIMIT", 1000)

    async def part(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 5000)
        await writer.drain()

    async with engine(path, part) as endpoint:
        with pytest.raises(LinkClosed, match="over 1000 bytes"):
            await endpoint.receive()


async def send_often(endpoint: SocketEndpoint) -> None:
    for _ in range(10):
        await endpoint.send(Bye())


async def test_sending_to_an_engine_that_is_gone(path: Path) -> None:
    async def part(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with engine(path, part) as endpoint:
        with pytest.raises(LinkClosed):
            await endpoint.receive()
        with pytest.raises(LinkClosed, match="gone"):
            await send_often(endpoint)


async def test_an_engine_that_takes_nothing_does_not_hold_up_the_close(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_socket, "FAREWELL", 0.01)
    over = asyncio.Event()

    async def part(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # a reader that is stuck
        await over.wait()

    async with engine(path, part) as endpoint:
        endpoint._writer.write(b"x" * 4_000_000)
        await endpoint.close()
        await endpoint.close()
        over.set()
