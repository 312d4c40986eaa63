"""How much of one run may be under way at once: the workflow's bound and its groups'."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING

from .ready import Entry, ReadyQueue

if TYPE_CHECKING:
    from ..plan import Plan


class Bound:
    """A number of slots, and what waits for one of them.

    Of what waits only as much is let back into the common queue as there are slots: it may find
    itself parked again, but never waits while a slot is free. What waits for an agent then lets the
    others by: ``Bounds.more``.
    """

    __slots__ = ("limit", "parked", "used")

    def __init__(self, limit: float, interval: float | None) -> None:
        self.limit = limit
        self.used = 0
        self.parked = ReadyQueue(interval)

    def park(self, entry: Entry) -> None:
        """Let it wait here."""
        entry[4].entries[entry[5]] = entry
        self.parked.push(entry)

    def wake(self, now: float) -> Entry | None:
        """The next that may try, if there is a slot."""
        return self.parked.pop(now) if self.used < self.limit and len(self.parked) else None


class Bounds:
    """The bounds of one run."""

    __slots__ = ("_groups", "_interval", "_plan", "_whole")

    def __init__(self, plan: Plan, interval: float | None) -> None:
        self._plan = plan
        self._interval = interval
        self._whole = Bound(inf if plan.limit is None else plan.limit, interval)
        self._groups: dict[str, Bound] = {}

    def admit(self, entry: Entry, now: float) -> Iterator[Entry] | None:
        """``None`` with the slots taken; or it is parked, and these may try instead."""
        task = entry[5]
        group = self._group(task)
        if group is not None and group.used >= group.limit:
            group.park(entry)
            return self._wake(self._whole, now)
        if self._whole.used >= self._whole.limit:
            self._whole.park(entry)
            return iter(())
        self.occupy(task)
        return None

    def occupy(self, task: int) -> None:
        """Take the slots of ``task`` whether or not they are free."""
        self._whole.used += 1
        group = self._group(task)
        if group is not None:
            group.used += 1

    def leave(self, task: int, now: float) -> Iterator[Entry]:
        """Give the slots of ``task`` back; these may try now."""
        self._whole.used -= 1
        group = self._group(task)
        if group is not None:
            group.used -= 1
        return self.retry(task, now)

    def retry(self, task: int, now: float) -> Iterator[Entry]:
        """What may try now that ``task`` does not want its slots."""
        group = self._group(task)
        yield from self._wake(self._whole, now)
        if group is not None:
            yield from self._wake(group, now)

    def more(self, now: float) -> Iterator[Entry]:
        """What may try because those that were let back before it have no place to go to."""
        for bound in (self._whole, *self._groups.values()):
            yield from self._wake(bound, now)

    def reason(self, task: int) -> str:
        """Which bound keeps ``task`` waiting; empty if none does."""
        name = self._plan.rules[task].group
        group = self._group(task)
        if group is not None and group.used >= group.limit:
            return f"the group {name} has {group.used} of {group.limit:g} running"
        if self._whole.used >= self._whole.limit:
            return f"the workflow has {self._whole.used} of {self._whole.limit:g} running"
        return ""

    def _wake(self, bound: Bound, now: float) -> Iterator[Entry]:
        entry = bound.wake(now)
        if entry is not None:
            yield entry

    def _group(self, task: int) -> Bound | None:
        name = self._plan.rules[task].group
        if name is None:
            return None
        bound = self._groups.get(name)
        if bound is None:
            bound = Bound(self._plan.groups.get(name, 1), self._interval)
            self._groups[name] = bound
        return bound
