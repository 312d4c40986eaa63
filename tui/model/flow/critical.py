"""The chain of tasks that took, or takes by now, the longest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from graphlib import CycleError, TopologicalSorter

from ....core.protocol.workflow_views import TaskView
from ..ages import age_of
from .words import ended_at

PATIENCE = 5000
"""So many tasks are worth a second of waiting: in larger workflows the path follows less often."""


class CriticalPath:
    """Works the path out anew after changes; ``tasks`` is the workflow's own mapping, in place."""

    def __init__(self, tasks: Mapping[str, TaskView], first: frozenset[str]) -> None:
        self._tasks = tasks
        self._path = first
        self._due = not first
        self._at: datetime | None = None
        self._order: list[str] | None = None

    def touch(self) -> None:
        """A task stands otherwise."""
        self._due = True

    def at(self, now: datetime) -> frozenset[str]:
        """The tasks on the path; none before anything has begun."""
        patience = len(self._tasks) / PATIENCE
        if self._due and (self._at is None or age_of(self._at, now) >= patience):
            self._due, self._at = False, now
            self._path = self._longest(now)
        return self._path

    def _longest(self, now: datetime) -> frozenset[str]:
        if self._order is None:
            self._order = _order(self._tasks)
        total: dict[str, float] = {}
        before: dict[str, str | None] = {}
        for name in self._order:
            task = self._tasks[name]
            slowest = max(
                (n for n in task.needs if n in total), key=total.__getitem__, default=None
            )
            before[name] = slowest
            total[name] = _seconds(task, now) + (total[slowest] if slowest is not None else 0.0)
        last = max(total, key=total.__getitem__, default=None)
        path = []
        while last is not None and total[last]:
            path.append(last)
            last = before[last]
        return frozenset(path)


def _seconds(task: TaskView, now: datetime) -> float:
    if task.started_at is None:
        return 0.0
    return age_of(task.started_at, ended_at(task) or now)


def _order(tasks: Mapping[str, TaskView]) -> list[str]:
    """Every task that is no part of a fan-out, after what it needs."""
    whole = {name: task for name, task in tasks.items() if task.parent is None}
    needs = {name: [n for n in task.needs if n in whole] for name, task in whole.items()}
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError:
        return []
