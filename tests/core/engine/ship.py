"""Engines over doubles, clients of them, and time that is told."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.clock import SYSTEM_CLOCK, Clock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.client import Client
from quarterdeck.core.engine.engine import Engine, Phase
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.lock import read_holder
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.events import Event
from quarterdeck.core.settings import Settings
from quarterdeck.state.memory import MemoryStore

from .doubles import CountingMetrics, FakeSessions

PATIENCE = 60.0


class ToldSleep:
    """A sleep that ends when the test says so; ``asked`` holds the seconds of each call."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((seconds, future))
        await future

    async def wake(self, seconds: float | None = None) -> None:
        """End the sleeps (of this length), and let the loop settle."""
        due = [s for s in self._sleepers if seconds is None or s[0] == seconds]
        self._sleepers = [s for s in self._sleepers if s not in due]
        for _, future in due:
            if not future.done():
                future.set_result(None)
        await settle()


async def settle(turns: int = 20) -> None:
    """Let everything that is ready run."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Return once ``condition`` holds; fail after a deadline."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for knows nothing of events
            await asyncio.sleep(0.001)


async def memory_store(clock: Clock = SYSTEM_CLOCK) -> MemoryStore:
    """An open store in memory."""
    store = MemoryStore(clock=clock)
    await store.open()
    return store


@dataclass
class Ship:
    """An engine with its parts at hand."""

    engine: Engine
    store: MemoryStore
    journal: Journal
    sessions: FakeSessions
    metrics: CountingMetrics
    state_dir: Path

    async def client(self, name: str = "test", *, follow: Sequence[str] | None = ()) -> Client:
        """A client in this process, following all events unless told otherwise."""
        client = Client(self.engine.local_endpoint(), name)
        await client.start()
        if follow is not None:
            await client.follow(*follow)
        return client


def settings_for(state_dir: Path, **sections: Mapping[str, Any]) -> Settings:
    """Settings whose state lies in ``state_dir``."""
    return Settings.model_validate({"state": {"dir": state_dir}, **sections})


def build(
    state_dir: Path,
    *,
    store: MemoryStore | None = None,
    clock: Clock = SYSTEM_CLOCK,
    settings: Settings | None = None,
    **options: Any,
) -> Ship:
    """An engine over doubles, not started."""
    kept = store or MemoryStore(clock=clock)
    metrics = options.pop("metrics", None) or CountingMetrics()
    journal = Journal(kept, clock=clock, metrics=metrics)
    sessions = FakeSessions(journal, kept)
    options.setdefault("socket", state_dir / "engine.sock")
    options.setdefault("listen", False)
    engine = Engine(
        settings or settings_for(state_dir),
        store=kept,
        journal=journal,
        sessions=sessions,
        metrics=metrics,
        clock=clock,
        **options,
    )
    return Ship(engine, kept, journal, sessions, metrics, state_dir)


@asynccontextmanager
async def sailing(state_dir: Path, **options: Any) -> AsyncIterator[Ship]:
    """A running engine over doubles."""
    ship = build(state_dir, **options)
    async with ship.engine:
        yield ship


class RawClient:
    """A client that writes bytes to the socket and reads lines of JSON."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, path: Path, *, hello: bool = True) -> RawClient:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 24)
        client = cls(reader, writer)
        if hello:
            await client.send({"kind": "hello"})
            assert (await client.receive())["kind"] == "welcome"
        return client

    async def send(self, message: Mapping[str, Any]) -> None:
        await self.write(json.dumps(message).encode() + b"\n")

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readuntil(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    async def reply(self) -> dict[str, Any]:
        """The next reply, events left out."""
        while True:
            message = await self.receive()
            if message["kind"] == "reply":
                return message

    async def ended(self) -> bool:
        """Whether the engine closes the link."""
        async with asyncio.timeout(PATIENCE):
            while await self.reader.read(65536):
                pass
        return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


def raw_command(
    kind: str, payload: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """A command as it goes over the socket."""
    return {
        "kind": "command",
        "id": new_id(),
        "type": kind,
        "timestamp": "2026-01-01T00:00:00Z",
        "payload": dict(payload or {}),
        **changes,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def infos(events: list[Event]) -> list[str]:
    return [x.payload.code for x in events if isinstance(x.payload, e.SystemInfo)]


async def stopped(ship: Ship) -> None:
    """Nothing of the engine is left."""
    assert ship.engine.phase is Phase.STOPPED
    assert read_holder(ship.state_dir) is None
    assert not (ship.state_dir / "engine.sock").exists()
    with pytest.raises(QuarterdeckError):
        await ship.store.ready()
    own = {"worker", "mailbox", "background", "link", "engine"}
    left = [t.get_name() for t in asyncio.all_tasks() if t.get_name().split("-")[0] in own]
    assert left == []
