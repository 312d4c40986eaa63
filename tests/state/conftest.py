"""Stores on disk that are closed whatever happens, and plain records to put in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.engine.records import AddEvent, EventRecord
from quarterdeck.core.protocol.status import Activity, Source, Status
from quarterdeck.core.sessions.records import (
    SaveSession,
    SaveSnapshot,
    ScreenSnapshot,
    SessionRecord,
)
from quarterdeck.state.sqlite.store import SqliteStore

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = "20260301T120000Z"

OpenStore = Callable[..., Awaitable[SqliteStore]]


class Plain:
    """Plain changes."""

    def event(self, sequence: int, body: str = "{}") -> AddEvent:
        return AddEvent(EventRecord(sequence, "status.changed", START, "S1", body))

    def save(self, session_id: str, version: int = 1, **more: Any) -> SaveSession:
        status = Status(activity=Activity.IDLE, source=Source.SCREEN, since=START)
        record = SessionRecord(session_id, "name", "claude", "/x", START, status, version=version)
        return SaveSession(replace(record, **more))

    def snapshot(self, size: int, session_id: str = "S1") -> SaveSnapshot:
        return SaveSnapshot(ScreenSnapshot(session_id, 1, 0, START, bytes(size)))


@pytest.fixture
def plain() -> Plain:
    return Plain()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's database lies; its directory does not exist yet."""
    return tmp_path / "state" / "state.db"


@pytest.fixture
async def open_store(path: Path, clock: ManualClock) -> AsyncIterator[OpenStore]:
    """Open a store on ``path``, or on ``at``; every one is closed in the end."""
    opened: list[SqliteStore] = []

    async def open_one(at: Path = path, **how: Any) -> SqliteStore:
        store = SqliteStore(at, clock=clock, **how)
        opened.append(store)
        await store.open()
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> SqliteStore:
    return await open_store()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount file systems for the test: ``mounted("-o", "size=1m", "-t", "tmpfs", "tmpfs")``."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    points: list[Path] = []

    def mount(*options: str) -> Path:
        point = tmp_path / f"mount{len(points)}"
        point.mkdir()
        done = subprocess.run(
            ["mount", *options, str(point)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"this system lets no file system be mounted: {done.stderr.strip()}")
        points.append(point)
        return point

    yield mount
    for point in reversed(points):
        subprocess.run(["umount", str(point)], check=True)
