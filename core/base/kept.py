"""Small records that outlive a process, each changed only from the version that was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Kept:
    """One record: ``body`` is JSON text, ``open`` whether something is left to do about it."""

    kind: str
    key: str
    version: int
    body: str
    open: bool = True


class KeptStore(Protocol):
    """Where such records are kept; what returns has been made durable."""

    async def get_kept(self, kind: str, key: str) -> Kept | None:
        """One record."""
        ...

    async def put_kept(self, record: Kept) -> bool:
        """Keep a record; ``False``, and nothing, unless its version is the kept one's plus 1.

        What is not kept yet has version 0.
        """
        ...

    async def remove_kept(self, kind: str, key: str) -> None:
        """Drop a record; none is no fault."""
        ...

    async def all_kept(self, kind: str, *, open_only: bool = False) -> list[Kept]:
        """Every record of a kind, by key."""
        ...


class MemoryKept:
    """Records in memory, for tests and for what need not outlive the process."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Kept] = {}

    async def get_kept(self, kind: str, key: str) -> Kept | None:
        """One record."""
        return self._records.get((kind, key))

    async def put_kept(self, record: Kept) -> bool:
        """Keep a record if its version is the next one."""
        place = (record.kind, record.key)
        kept = self._records.get(place)
        if record.version != (kept.version if kept else 0) + 1:
            return False
        self._records[place] = record
        return True

    async def remove_kept(self, kind: str, key: str) -> None:
        """Drop a record."""
        self._records.pop((kind, key), None)

    async def all_kept(self, kind: str, *, open_only: bool = False) -> list[Kept]:
        """Every record of a kind, by key."""
        found = [
            record
            for record in self._records.values()
            if record.kind == kind and (record.open or not open_only)
        ]
        return sorted(found, key=lambda record: record.key)
