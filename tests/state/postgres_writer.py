"""A process that changes a workflow on PostgreSQL until it is killed, and says what was acknowledged.

    python postgres_writer.py URL WORKFLOW

Each line on standard output is a version that is durable: its transaction saved a task with the
version as attempt, and added a line of history.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from itertools import count

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.workflows.records import AddHistory, HistoryRecord, SaveTask, TaskRecord
from quarterdeck.state.postgres.store import PostgresStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 7


async def write(url: str, workflow_id: str) -> None:
    store = PostgresStore(url, clock=SYSTEM_CLOCK, home="killed")
    await store.open()
    versions = count(await store.version(workflow_id) + 1)

    async def call() -> None:
        while True:
            version = next(versions)
            task = TaskRecord(workflow_id, f"T{version % 9}", "a", "kind", attempt=version)
            line = HistoryRecord(workflow_id, version, NOW, "task", "x" * (version % 900))
            await store.commit([SaveTask(task), AddHistory(line)])
            os.write(1, f"{version}\n".encode())

    await asyncio.gather(*(call() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2]))
