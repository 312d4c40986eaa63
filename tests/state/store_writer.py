"""A process that writes until it is killed, and says what was acknowledged.

    python store_writer.py PATH DURABILITY

Each line on standard output is a sequence that is on disk: its transaction saved the session under
the same number as version, added a line of history and an event, and changed a task of the workflow
of the session's name, under that workflow's next version.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.engine.records import AddEvent, Change, EventRecord
from quarterdeck.core.protocol.status import Activity, Lifecycle, Source, Status
from quarterdeck.core.sessions.records import (
    AddStatus,
    SaveSession,
    SaveSnapshot,
    ScreenSnapshot,
    SessionRecord,
    StatusEntry,
)
from quarterdeck.core.workflows.records import AddHistory, HistoryRecord, SaveTask, TaskRecord
from quarterdeck.state.sqlite.store import SqliteStore

CALLERS = 7
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def changes(session_id: str, number: int, version: int) -> list[Change]:
    status = Status(activity=Activity.IDLE, source=Source.SCREEN, since=NOW)
    record = SessionRecord(session_id, "n", "a", "/", NOW, status, version=number)
    line = StatusEntry(
        session_id, NOW, Lifecycle.RUNNING, Activity.IDLE, Source.SCREEN, str(number)
    )
    found: list[Change] = [
        SaveSession(record),
        AddStatus(line),
        AddEvent(EventRecord(number, "t", NOW, session_id, "x" * (number % 900))),
        SaveTask(TaskRecord(session_id, "T", "a", "kind", attempt=version, result=str(number))),
        AddHistory(HistoryRecord(session_id, version, NOW, "task", str(number), "T")),
    ]
    if number % 50 == 0:
        data = number.to_bytes(4) * 30_000
        found.append(SaveSnapshot(ScreenSnapshot(session_id, 1, number, NOW, data)))
    return found


async def write(path: Path, durability: str) -> None:
    store = SqliteStore(path, clock=SYSTEM_CLOCK, durability=durability)
    await store.open()
    numbers = count(await store.last_sequence() + 1)

    async def call(session_id: str) -> None:
        versions = count(await store.version(session_id) + 1)
        while True:
            number = next(numbers)
            await store.commit(changes(session_id, number, next(versions)))
            os.write(1, f"{number}\n".encode())
            if number % 400 == 0:
                await store.checkpoint()

    await asyncio.gather(*(call(f"S{caller}") for caller in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), sys.argv[2]))
