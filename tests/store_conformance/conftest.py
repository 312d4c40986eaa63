"""The stores that the suite runs against, and what is put into them.

Another store joins by one more entry in ``KINDS``: how to make it, unopened, in a directory. Made
twice in one directory it must hold the same data.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.postgres_server import clean, postgres_url
from tests.store_conformance.workflow_make import MakeFlow

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.ports import Store
from quarterdeck.core.engine.records import AddEvent, Change, EventRecord, ReplyRecord, SaveReply
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind, ItemState
from quarterdeck.core.protocol.status import Activity, Lifecycle, Source, Status
from quarterdeck.core.sessions.records import (
    AddStatus,
    SaveItem,
    SaveSession,
    SaveSnapshot,
    ScreenSnapshot,
    SessionRecord,
    StatusEntry,
)
from quarterdeck.state.memory import MemoryStore
from quarterdeck.state.sqlite.store import SqliteStore

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def sqlite_store(home: Home, durability: str) -> Store:
    return SqliteStore(
        home.directory / "state.db", clock=home.clock, durability=durability, bound=home.bound
    )


def memory_store(home: Home) -> Store:
    """Its data live in the object, so the same one is opened again."""
    if not home.stores:
        home.stores.append(MemoryStore(clock=home.clock, bound=home.bound))
    return home.stores[0]


def postgres_store(home: Home) -> Store:
    from quarterdeck.state.postgres.store import PostgresStore  # noqa: PLC0415  # its driver is an extra

    return PostgresStore(postgres_url(), clock=home.clock, bound=home.bound, home="here")


KINDS: dict[str, Callable[[Home], Store]] = {
    "sqlite": lambda home: sqlite_store(home, "normal"),
    "sqlite-full": lambda home: sqlite_store(home, "full"),
    "memory": memory_store,
    "postgresql": postgres_store,
}


@dataclass
class Home:
    """Where one test's store lives; closes whatever was opened in it."""

    kind: str
    directory: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    bound: int = 10_000
    stores: list[Store] = field(default_factory=list)

    async def open(self) -> Store:
        """A store on this home's data, open."""
        store = KINDS[self.kind](self)
        self.stores.append(store)
        await store.open()
        return store

    async def reopen(self, store: Store) -> Store:
        """The data as another engine finds them."""
        await store.close()
        return await self.open()


class Make:
    """Makes records and changes; whatever is not given is plain and valid."""

    def __init__(self) -> None:
        self._sequences = itertools.count(1)

    def session(self, session_id: str = "", version: int = 1, **more: Any) -> SessionRecord:
        plain = SessionRecord(
            id=session_id or new_id(),
            name="fix login",
            agent="claude",
            cwd="/home/me/shop",
            created_at=START,
            status=Status(activity=Activity.IDLE, source=Source.SCREEN, since=START),
            version=version,
        )
        return replace(plain, **more)

    def save(self, session_id: str, version: int = 1, **more: Any) -> SaveSession:
        return SaveSession(self.session(session_id, version, **more))

    def line(self, session_id: str, number: int = 0) -> AddStatus:
        return AddStatus(
            StatusEntry(
                session_id,
                START + timedelta(seconds=number),
                Lifecycle.RUNNING,
                Activity.WORKING,
                Source.SCREEN,
                f"evidence {number}",
            )
        )

    def item(self, session_id: str = "S1", **more: Any) -> AttentionItem:
        plain: dict[str, Any] = {
            "item_id": new_id(),
            "kind": AttentionKind.APPROVAL,
            "session_id": session_id,
            "request_id": "r1",
            "title": "Run npm install?",
            "created_at": START,
        }
        return AttentionItem(**plain | more)

    def closed_item(self, number: int) -> SaveItem:
        closed_at = START + timedelta(seconds=number)
        return SaveItem(
            self.item(item_id=f"I{number}", state=ItemState.ANSWERED, closed_at=closed_at)
        )

    def snapshot(self, session_id: str, data: bytes = b"cells", **more: Any) -> SaveSnapshot:
        return SaveSnapshot(replace(ScreenSnapshot(session_id, 1, 0, START, data), **more))

    def event(self, sequence: int = 0, **more: Any) -> AddEvent:
        number = sequence or next(self._sequences)
        plain = EventRecord(number, "status.changed", START, "S1", f'{{"n": {number}}}')
        return AddEvent(replace(plain, **more))

    def reply(self, command_id: str, body: str = "{}") -> SaveReply:
        return SaveReply(ReplyRecord(command_id, START, body))


Commit = Callable[..., Awaitable[None]]


@pytest.fixture(params=list(KINDS))
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Home]:
    found = Home(request.param, tmp_path / "state")
    if request.param == "postgresql":
        await clean(postgres_url())
    yield found
    for store in found.stores:
        await store.close()


@pytest.fixture
async def store(home: Home) -> Store:
    return await home.open()


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def flow() -> MakeFlow:
    return MakeFlow()


@pytest.fixture
def commit(store: Store) -> Commit:
    """Commit changes as one transaction and wait for it, at most ten seconds."""

    async def wait(*changes: Change) -> None:
        await asyncio.wait_for(store.commit(changes), 10)

    return wait
