"""A watched folder as a machine: what was found goes in, what is to be told comes out; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

Signature = tuple[int, int]
"""When a file was last written (nanoseconds since 1970), and its size."""

CREATED, CHANGED, REMOVED = "created", "changed", "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is to be told; ``signature`` is how it is, or was before it was removed."""

    path: str
    kind: str
    signature: Signature


@dataclass(slots=True)
class _Waiting:
    now: Signature | None
    since: float


class Folder:
    """Knows what was told of each file, and tells what has been left alone for ``settle`` seconds.

    ``known`` is what was told before, ``None`` for a folder that is seen for the first time: what it holds
    then is not told. Changes that are not in ``on`` are taken note of, and not told.
    """

    def __init__(
        self,
        on: Collection[str],
        settle: float,
        known: Mapping[str, Signature] | None = None,
    ) -> None:
        self._on = frozenset(on)
        self._settle = settle
        self.known: dict[str, Signature] | None = None if known is None else dict(known)
        self._waiting: dict[str, _Waiting] = {}

    def look(self, found: Mapping[str, Signature], now: float) -> list[Change]:
        """What is to be told of what was found at ``now`` (monotonic seconds), by path."""
        if self.known is None:
            self.known = dict(found)
            return []
        changes: list[Change] = []
        for path in sorted({*self.known, *found}):
            before, after = self.known.get(path), found.get(path)
            if before == after:
                self._waiting.pop(path, None)
            elif self._has_settled(path, after, now):
                self._take(path, before, after, changes)
        for path in [one for one in self._waiting if one not in self.known and one not in found]:
            del self._waiting[path]  # it came and went before it was told
        return changes

    def due(self) -> float | None:
        """When to look again (monotonic seconds); ``None``: not before something has changed."""
        return min((one.since + self._settle for one in self._waiting.values()), default=None)

    def done(self, change: Change) -> None:
        """It was told."""
        assert self.known is not None  # noqa: S101  # there was a look before there was a change
        self._waiting.pop(change.path, None)
        if change.kind == REMOVED:
            self.known.pop(change.path, None)
        else:
            self.known[change.path] = change.signature

    def _has_settled(self, path: str, after: Signature | None, now: float) -> bool:
        waiting = self._waiting.get(path)
        if waiting is None or waiting.now != after:
            self._waiting[path] = waiting = _Waiting(after, now)
        return now >= waiting.since + self._settle

    def _take(
        self,
        path: str,
        before: Signature | None,
        after: Signature | None,
        changes: list[Change],
    ) -> None:
        kind = CREATED if before is None else REMOVED if after is None else CHANGED
        signature = after or before
        assert signature is not None  # noqa: S101  # one of them is there, or nothing has changed
        change = Change(path, kind, signature)
        if kind in self._on:
            changes.append(change)
        else:
            self.done(change)
