"""Reads, on a connection and thread of their own: they neither wait for the writer nor hold it up."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from ..faults import StoreCorrupt
from . import translating

Values = Sequence[Any] | Mapping[str, Any]


class Reader:
    """A connection that reads what is committed; ``open`` first, ``close`` last.

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


def _as_text(row: Sequence[Any]) -> Sequence[Any]:
    for value in row:
        if type(value) is bytes:
            break
    else:
        return row
    return [_text_of(value) if isinstance(value, bytes) else value for value in row]


def _text_of(value: bytes) -> str:
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # put there by another program: seen, and told by its checks
        return value.decode("utf-8", "backslashreplace")
