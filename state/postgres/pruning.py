"""Dropping history beyond what is to be kept, a slice at a time, so that commits go on between."""

from __future__ import annotations

from typing import Any

from ...core.engine.records import Retention
from ...core.workflows.records import RemoveWorkflow
from .connecting import Connection
from .statements import load_named
from .writer import Writer

SLICE = 2_000
"""Rows that one commit drops."""

_SQL = load_named("pruning")


async def prune(writer: Writer, retention: Retention, home: str) -> int:
    """Drop what is beyond ``retention``, and what belongs to no session; the rows dropped."""
    keeps = {
        "drop_events": retention.events,
        "drop_replies": retention.replies,
        "drop_statuses": retention.statuses_per_session,
        "drop_items": retention.closed_items,
        "drop_snapshots": 0,
    }
    dropped = 0
    for name, keep in keeps.items():
        dropped += await _slices(writer, name, {"home": home, "keep": max(keep, 0), "slice": SLICE})
    return dropped + await _workflows(writer, max(retention.ended_workflows, 0))


async def _slices(writer: Writer, name: str, values: dict[str, Any]) -> int:
    async def job(connection: Connection) -> int:
        if name == "drop_events":
            await _run(connection, "remember_sequence", values)
        status: str = await _run(connection, name, values)
        return int(status.rpartition(" ")[2])

    dropped = 0
    while True:
        part: int = await writer.run(job)
        dropped += part
        if part < SLICE:
            return dropped


async def _workflows(writer: Writer, keep: int) -> int:
    """Drop ended workflows, each with all that belongs to it in a transaction of its own."""

    async def find(connection: Connection) -> list[str]:
        statement = _SQL["surplus_workflows"]
        return [row[0] for row in await connection.fetch(statement.sql, keep)]

    names: list[str] = await writer.run(find)
    for name in names:
        await writer.commit([RemoveWorkflow(name)])
    return len(names)


async def _run(connection: Connection, name: str, values: dict[str, Any]) -> Any:
    return await connection.execute(_SQL[name].sql, *_SQL[name].values(values))
