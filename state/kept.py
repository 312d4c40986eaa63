"""Small records over named SQL: the half that both databases share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.base.kept import Followers, Kept

Rows = Sequence[Sequence[Any]]

OF_HOME = frozenset({"pipeline"})
"""Kinds of which every engine's home has its own: other engines on the store don't see them."""


class KeptRows(Followers):
    """A ``KeptStore`` over statements, each a transaction of its own."""

    @abstractmethod
    async def _do(self, name: str, values: Mapping[str, Any]) -> Rows:
        """The rows that the named statement gives, once it is durable."""

    async def get_kept(self, kind: str, key: str) -> Kept | None:
        """One record."""
        rows = await self._do("get_kept", {"kind": kind, "key": key})
        return _record(kind, rows[0]) if rows else None

    async def put_kept(self, record: Kept) -> bool:
        """Keep a record if its version is the next one."""
        values = {
            "kind": record.kind,
            "key": record.key,
            "version": record.version,
            "body": record.body,
            "open": int(record.open),
        }
        done = await self._do("begin_kept" if record.version == 1 else "go_on_kept", values)
        if done:
            self._tell(record.kind, record.key)
        return bool(done)

    async def remove_kept(self, kind: str, key: str) -> None:
        """Drop a record."""
        if await self._do("remove_kept", {"kind": kind, "key": key}):
            self._tell(kind, key)

    async def all_kept(self, kind: str, *, open_only: bool = False) -> list[Kept]:
        """Every record of a kind, by key."""
        rows = await self._do("open_kept" if open_only else "all_kept", {"kind": kind})
        return [_record(kind, row) for row in rows]


def _record(kind: str, row: Sequence[Any]) -> Kept:
    key, version, body, open_ = row
    return Kept(kind, key, version, body, bool(open_))
