"""Reads, on a connection and thread of their own: they neither wait for the writer nor hold it up."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from ...core.engine.records import EventRecord
from ...core.protocol.attention import AttentionItem
from ...core.sessions.records import ScreenSnapshot, SessionRecord, StatusEntry
from ..faults import StoreCorrupt
from . import translating
from .rows import entry_of, event_of, item_of, session_of, snapshot_of
from .statements import load_statements

_READS = load_statements("reads")

Values = Sequence[Any] | Mapping[str, Any]


class Reader:
    """Typed reads of what is committed; ``open`` first, ``close`` last.

    ``corrupted`` is told, when a read meets a damaged page. ``full`` is for checkpoints, which
    run here too: what they write must be as durable as the journal that it came from.
    """

    def __init__(
        self,
        path: Path,
        patience: float,
        corrupted: Callable[[StoreCorrupt], None],
        *,
        full: bool,
    ) -> None:
        self._path = path
        self._patience = patience
        self._full = full
        self._corrupted = corrupted
        self._connection: aiosqlite.Connection | None = None

    async def open(self) -> None:
        """Connect.

        :raises StoreFault: if that fails.
        """
        with self._faults():
            self._connection = await aiosqlite.connect(
                self._path, isolation_level=None, timeout=self._patience
            )
        try:
            await self.rows("PRAGMA query_only = ON")
            await self.rows(f"PRAGMA fullfsync = {int(self._full)}")
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Disconnect; a second time does nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def sessions(self) -> list[SessionRecord]:
        """Every session, oldest first."""
        return [session_of(row) for row in await self.rows(_READS["sessions"])]

    async def open_items(self) -> list[AttentionItem]:
        """Every open item, oldest first."""
        return [item_of(row) for row in await self.rows(_READS["open_items"])]

    async def snapshot(self, session_id: str) -> ScreenSnapshot | None:
        """A session's snapshot."""
        rows = await self.rows(_READS["snapshot"], (session_id,), text_only=False)
        return snapshot_of(rows[0]) if rows else None

    async def history(self, session_id: str, limit: int) -> list[StatusEntry]:
        """A session's former statuses, newest first."""
        rows = await self.rows(_READS["history"], (session_id, max(limit, 0)))
        return [entry_of(row) for row in rows]

    async def preferences(self) -> dict[str, Any]:
        """The kept preferences by name."""
        rows = await self.rows(_READS["preferences"])
        return {name: json.loads(value) for name, value in rows}

    async def reply(self, command_id: str) -> str | None:
        """The kept reply to a command."""
        rows = await self.rows(_READS["reply"], (command_id,))
        return str(rows[0][0]) if rows else None

    async def events(
        self, after: int | None, types: tuple[str, ...], session_id: str | None, limit: int
    ) -> list[EventRecord]:
        """Events, oldest first: the first ones after ``after``, or the newest of all."""
        values = {
            "after": after,
            "types": json.dumps(types) if types else None,
            "session": session_id,
            "limit": max(limit, 0),
        }
        name = "newest_events" if after is None else "events_after"
        events = [event_of(row) for row in await self.rows(_READS[name], values)]
        return events[::-1] if after is None else events

    async def last_sequence(self) -> int:
        """The highest sequence ever kept."""
        return int((await self.rows(_READS["last_sequence"]))[0][0])

    async def checkpoint(self) -> bool:
        """Fold the journal while the writer goes on; whether all of it was."""
        _, frames, folded = (await self.rows("PRAGMA wal_checkpoint(PASSIVE)"))[0]
        return bool(frames == folded)

    async def rows(
        self, sql: str, values: Values = (), *, text_only: bool = True
    ) -> list[Sequence[Any]]:
        """The rows that ``sql`` gives; bytes are text that is no valid Unicode, if ``text_only``.

        :raises StoreFault: if the database can't be read.
        """
        if self._connection is None:
            raise translating.closed(self._path)
        with self._faults():
            rows = await self._connection.execute_fetchall(sql, values)
        return [_as_text(row) for row in rows] if text_only else list(rows)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            fault = translating.fault_of(error, self._path)
            if isinstance(fault, StoreCorrupt):
                self._corrupted(fault)
            raise fault from error


def _as_text(row: Iterable[Any]) -> Sequence[Any]:
    return [
        value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value
        for value in row
    ]
