"""Dropping history beyond what is to be kept, a slice at a time, so that commits go on between."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from ...core.engine.records import Retention
from ...core.workflows.records import RemoveWorkflow
from .reader import Reader
from .statements import load_statements
from .writer import Writer

SLICE = 500
"""Rows that one commit drops: about 3 ms on the writer's thread."""

_SQL = load_statements("pruning")


class Pruner:
    """Reads on the reader's connection what may go; drops it through the one writer."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def prune(self, retention: Retention) -> int:
        """Drop what is beyond ``retention``, and what belongs to no session; the rows dropped."""
        return (
            await self._events(max(retention.events, 0))
            + await self._replies(max(retention.replies, 0))
            + await self._statuses(max(retention.statuses_per_session, 0))
            + await self._named(
                "surplus_items", "drop_items", {"keep": max(retention.closed_items, 0)}
            )
            + await self._named("stray_snapshots", "drop_snapshots", {})
            + await self._workflows(max(retention.ended_workflows, 0))
        )

    async def _events(self, keep: int) -> int:
        rows = await self._reader.rows(_SQL["event_edge"], {"keep": keep})
        return await self._slices("drop_events", {"edge": rows[0][0]}) if rows else 0

    async def _replies(self, keep: int) -> int:
        rows = await self._reader.rows(_SQL["reply_edge"], {"keep": keep})
        return await self._slices("drop_replies", {"edge": rows[0][0]}) if rows else 0

    async def _statuses(self, keep: int) -> int:
        dropped = 0
        for session_id, edge in await self._reader.rows(_SQL["status_edges"], {"keep": keep}):
            dropped += await self._slices("drop_statuses", {"session": session_id, "edge": edge})
        return dropped

    async def _workflows(self, keep: int) -> int:
        """Drop ended workflows, each with all that belongs to it in a transaction of its own."""
        rows = await self._reader.rows(_SQL["surplus_workflows"], {"keep": keep})
        for row in rows:
            await self._writer.commit([RemoveWorkflow(row[0])])
        return len(rows)

    async def _named(self, find: str, drop: str, values: Mapping[str, Any]) -> int:
        """Drop the rows that ``find`` names."""
        names = [row[0] for row in await self._reader.rows(_SQL[find], values)]
        dropped = 0
        for start in range(0, len(names), SLICE):
            part = json.dumps(names[start : start + SLICE])
            dropped += await self._drop(drop, {"names": part})
        return dropped

    async def _slices(self, drop: str, values: Mapping[str, Any]) -> int:
        dropped = 0
        while True:
            part = await self._drop(drop, {**values, "slice": SLICE})
            dropped += part
            if part < SLICE:
                return dropped

    async def _drop(self, drop: str, values: Mapping[str, Any]) -> int:
        def job(connection: sqlite3.Connection) -> int:
            if drop == "drop_events":
                connection.execute(_SQL["remember_sequence"])
            return connection.execute(_SQL[drop], values).rowcount

        return int(await self._writer.run(job))
