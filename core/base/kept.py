"""Small records that outlive a process, each changed only from the version that was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


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


Heard = Callable[[str, str], None]
"""Told of the kind and the key of a record that was changed."""


@runtime_checkable
class Followed(Protocol):
    """A store that tells of changes; those who wait for one need not wait for a timer then."""

    def follow_kept(self, heard: Heard) -> Callable[[], None]:
        """Tell ``heard`` of every change from now on; call the result to end that."""
        ...


class Followers:
    """Who wants to hear of changes."""

    def __init__(self) -> None:
        self._followers: list[Heard] = []

    def follow_kept(self, heard: Heard) -> Callable[[], None]:
        """Tell ``heard`` of every change from now on; call the result to end that."""
        self._followers.append(heard)
        return lambda: self._followers.remove(heard)

    def _tell(self, kind: str, key: str) -> None:
        for heard in list(self._followers):
            heard(kind, key)


class MemoryKept(Followers):
    """Records in memory, for tests and for what need not outlive the process."""

    def __init__(self) -> None:
        super().__init__()
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
        self._tell(*place)
        return True

    async def remove_kept(self, kind: str, key: str) -> None:
        """Drop a record."""
        if self._records.pop((kind, key), None) is not None:
            self._tell(kind, key)

    async def all_kept(self, kind: str, *, open_only: bool = False) -> list[Kept]:
        """Every record of a kind, by key."""
        found = [
            record
            for record in self._records.values()
            if record.kind == kind and (record.open or not open_only)
        ]
        return sorted(found, key=lambda record: record.key)
