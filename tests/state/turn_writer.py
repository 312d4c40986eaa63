"""A process that journals turns of a workflow until it is killed, and says what was acknowledged.

    python turn_writer.py PATH DURABILITY

Each line on standard output is a version that is on disk. At times it reads, so that turns are posted
while others are added.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.workflows.deltas import stamp_text, task_body
from quarterdeck.core.workflows.records import (
    AddTurn,
    Lease,
    SaveWorkflow,
    TaskRecord,
    WorkflowRecord,
)
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus
from quarterdeck.core.workflows.turns import Ended, end_line
from quarterdeck.state.sqlite.store import SqliteStore

TASKS = 7


def turn(version: int, lease: Lease) -> AddTurn:
    """One task's attempt ends and is begun again: its number is the version."""
    at = stamp_text(SYSTEM_CLOCK.now())
    task_id = f"T{version % TASKS}"
    lines = [
        task_body(TaskRecord("W", task_id, "a", "k", TaskStatus.READY, number, result=str(number)))
        for number in (version, version + 1)
    ]
    ends = [end_line(task_id, Ended(0, version, TaskStatus.COMPLETED), at, None)]
    return AddTurn("W", version, at, lease, lines, ends)


async def write(path: Path, durability: str) -> None:
    store = SqliteStore(path, clock=SYSTEM_CLOCK, durability=durability)
    await store.open()
    now = SYSTEM_CLOCK.now()
    if await store.workflow("W") is None:
        record = WorkflowRecord("W", "w", "{}", WorkflowStatus.RUNNING, now)
        await store.commit([SaveWorkflow(record)])
    (taken,) = await store.lease(
        new_id(),
        until=now + timedelta(seconds=60),
        now=now + timedelta(days=1),  # the former engine is gone
        statuses=[WorkflowStatus.RUNNING],
        limit=1,
    )
    assert taken.lease is not None
    reading: asyncio.Task[object] | None = None
    for number in count():
        version = taken.version + 1 + 2 * number
        (future,) = store.commit_each([[turn(version, taken.lease)]])
        if number % 40 == 20 and (reading is None or reading.done()):
            reading = asyncio.create_task(store.tasks("W"))
        await future
        os.write(1, f"{version + 1}\n".encode())


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), sys.argv[2]))
