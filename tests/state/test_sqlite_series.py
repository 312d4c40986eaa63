"""Turns that come one after the other: the read under which they go through, and who gets between."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.state.conftest import START

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.workflows.deltas import stamp_text, task_body
from quarterdeck.core.workflows.records import (
    AddTurn,
    Lease,
    SaveWorkflow,
    TaskRecord,
    WorkflowRecord,
)
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus
from quarterdeck.state.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from tests.state.conftest import OpenStore, Plain


@pytest.fixture
async def series(open_store: OpenStore) -> Series:
    """A workflow of which a few turns have been kept within one turn of the loop."""
    store = await open_store()
    record = WorkflowRecord("W", "w", "{}", WorkflowStatus.RUNNING, START)
    await store.commit([SaveWorkflow(record)])
    lease = await store.take("W", "E", until=START + timedelta(seconds=9), now=START)
    assert lease is not None
    return Series(store, lease)


@pytest.fixture
def other(path: Path, series: Series) -> Iterator[sqlite3.Connection]:
    """What another process has; it waits for nobody."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        yield connection


class Series:
    """Adds turns of one workflow."""

    def __init__(self, store: SqliteStore, lease: Lease) -> None:
        self.store = store
        self._lease = lease
        self._version = 0

    def add(self, turns: int = 1) -> asyncio.Future[None]:
        """Add turns, without giving the loop a turn; the last one's future."""
        for _ in range(turns - 1):
            self.add()
        self._version += 1
        body = task_body(TaskRecord("W", "T", "a", "k", TaskStatus.READY, self._version))
        turn = AddTurn("W", self._version, stamp_text(START), self._lease, [body])
        (future,) = self.store.commit_each([[turn]])
        return future

    async def kept(self) -> list[int]:
        return [change.version for change in await self.store.changes("W")]


def folded(connection: sqlite3.Connection) -> bool:
    """Whether the whole journal can be folded, and begun anew, at present."""
    busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


async def test_the_journal_can_be_folded_as_soon_as_the_loop_has_had_a_turn(
    series: Series, other: sqlite3.Connection
) -> None:
    assert series.add(3).done()
    assert not folded(other)  # under the series' read
    await asyncio.sleep(0)
    assert folded(other)
    await series.add(3)
    assert await series.kept() == [1, 2, 3, 4, 5, 6]


async def test_one_turn_alone_opens_no_read(series: Series, other: sqlite3.Connection) -> None:
    assert series.add().done()
    assert folded(other)


async def test_a_series_goes_on_when_another_process_has_written_in_between(
    series: Series, other: sqlite3.Connection
) -> None:
    assert series.add(3).done()
    other.execute(
        "INSERT INTO leases (workflow_id, engine_id, epoch, expires_at) VALUES ('X', 'F', 1, '')"
    )
    await series.add()
    await series.add(3)
    assert await series.kept() == [1, 2, 3, 4, 5, 6, 7]


async def test_a_lease_that_is_taken_away_in_between_ends_the_series(
    series: Series, other: sqlite3.Connection
) -> None:
    assert series.add(3).done()
    other.execute("UPDATE leases SET engine_id = 'F', epoch = epoch + 1")
    future = series.add()
    with pytest.raises(QuarterdeckError) as caught:
        await future
    assert caught.value.code == "lease_lost"
    assert await series.kept() == [1, 2, 3]


async def test_other_changes_go_through_behind_a_series(series: Series, plain: Plain) -> None:
    assert series.add(3).done()
    event = series.store.commit([plain.event(1)])
    last = series.add()
    await event
    await last
    assert [one.sequence for one in await series.store.events()] == [1]
    assert await series.kept() == [1, 2, 3, 4]


async def test_a_store_is_closed_behind_a_series(open_store: OpenStore, series: Series) -> None:
    assert series.add(3).done()
    await series.store.close()
    again = await open_store()
    assert await again.version("W") == 3
