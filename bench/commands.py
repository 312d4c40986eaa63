"""Command round trips through the queue, in process and over the socket, and throughput with a screen."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench._rows import row

from quarterdeck.cli.compose import Assembly
from quarterdeck.cli.connector import EngineConnector
from quarterdeck.core.client.client import Client
from quarterdeck.core.client.socket import SocketEndpoint
from quarterdeck.core.protocol.commands import (
    CreateSession,
    ExplainSession,
    SessionUpdates,
    SetPreference,
    UpdateSession,
)
from quarterdeck.core.settings import EngineSettings, Settings, StateSettings
from quarterdeck.tui.app import QuarterdeckApp

COUNT = 500
ROUNDS = 5
AT_ONCE = 20


def _settings(state: str) -> Settings:
    return Settings(
        engine=EngineSettings(rate_limit_per_second=1_000_000, rate_limit_burst=1_000_000),
        state=StateSettings(dir=Path(state)),
    )


async def _queue_hop() -> float:
    """Microseconds for a question and an answer over two asyncio queues between two tasks."""
    there: asyncio.Queue[int] = asyncio.Queue()
    back: asyncio.Queue[int] = asyncio.Queue()

    async def answer() -> None:
        while True:
            await back.put(await there.get())

    task = asyncio.create_task(answer())
    began = time.perf_counter()
    for number in range(COUNT):
        await there.put(number)
        await back.get()
    used = time.perf_counter() - began
    task.cancel()
    return used / COUNT * 1e6


async def _echo_hop(path: str) -> float:
    """Microseconds for a JSON line and its echo over a Unix socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(json.loads(line)).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    reader, writer = await asyncio.open_unix_connection(path)
    text = json.dumps({"kind": "command", "id": "x" * 26, "type": "attention.list", "payload": {}})
    began = time.perf_counter()
    for _ in range(COUNT):
        writer.write(text.encode() + b"\n")
        await reader.readline()
    used = time.perf_counter() - began
    writer.close()
    await writer.wait_closed()
    server.close()
    return used / COUNT * 1e6


async def _trips(client: Client, session_id: str) -> float:
    began = time.perf_counter()
    for _ in range(COUNT):
        await client.call(ExplainSession(session_id=session_id))
    return (time.perf_counter() - began) / COUNT * 1e6


async def _updates(client: Client, session_id: str) -> float:
    """Durable updates a second, 20 at once."""

    async def some() -> None:
        for number in range(COUNT // AT_ONCE):
            updates = SessionUpdates(priority=number % 5)  # type: ignore[arg-type]  # an IntEnum
            await client.call(UpdateSession(session_id=session_id, updates=updates))

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return COUNT / (time.perf_counter() - began)


async def _measure(state: str) -> list[dict[str, Any]]:
    settings = _settings(state)
    own = Assembly(settings, headless=True)
    await own.start()
    local = Client(own.engine.local_endpoint(), "bench")
    await local.start()
    remote = Client(await SocketEndpoint.connect(str(own.engine.socket)), "bench")
    await remote.start()
    made = await local.call(CreateSession(name="one", agent="shell", start=False))
    session_id = made["session"]["id"]
    figures: dict[str, list[float]] = {
        key: [] for key in ("queue", "local", "echo", "remote", "bare")
    }
    for number in range(ROUNDS):
        figures["queue"].append(await _queue_hop())
        figures["local"].append(await _trips(local, session_id))
        figures["echo"].append(await _echo_hop(f"{state}/echo{number}"))
        figures["remote"].append(await _trips(remote, session_id))
        figures["bare"].append(await _updates(local, session_id))
    await remote.close()
    await local.close()
    await own.engine.shutdown("measured")
    own.close_log()
    middle = {key: median(values) for key, values in figures.items()}
    return [
        row("command round trip in process, beside two asyncio queues", middle["local"], "us",
            reference=middle["queue"]),
        row("command round trip over the socket, beside an echo of one JSON line", middle["remote"],
            "us", reference=middle["echo"]),
        row("journalled commands, 20 at once, headless", middle["bare"], "/s", higher=True),
    ]  # fmt: skip


async def _with_screen(state: str) -> tuple[float, float]:
    """Durable updates a second without and with a dashboard drawn in the same loop."""
    settings = _settings(state)
    connector = EngineConnector(settings.state_dir, lambda: settings)
    client = Client(await connector.connect(), "bench")
    await client.start()
    await client.call(SetPreference(key="welcomed", value=True))
    made = await client.call(CreateSession(name="one", agent="shell", start=False))
    session_id = made["session"]["id"]
    await _updates(client, session_id)
    bare = [await _updates(client, session_id) for _ in range(ROUNDS)]
    app = QuarterdeckApp(connector, directory=state)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(1)
        drawn = [await _updates(client, session_id) for _ in range(ROUNDS)]
    await client.close()
    await connector.release()
    return median(bare), median(drawn)


def rows() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as state:
        found = asyncio.run(_measure(state))
    with tempfile.TemporaryDirectory() as state:
        bare, drawn = asyncio.run(_with_screen(state))
    found.append(
        row("engine throughput with the screen attached, beside headless", drawn, "/s",
            reference=bare, must=0.75, goal=0.85, higher=True)
    )  # fmt: skip
    return found
