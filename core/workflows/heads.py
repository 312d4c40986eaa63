"""Giving every change of a workflow its next version, with many changes under way at once.

A change is given its version and handed to the store in one step, without waiting for the one
before it; since the store keeps them in order, all of them hold, or the first that failed refuses
those after it, and they are made again from what is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ..base.errors import QuarterdeckError
from .ports import WorkflowStore
from .records import TaskRecord, WorkflowChange, WorkflowRecord
from .state_faults import (
    StateConflict,
    StateManagerError,
    StateNotKept,
    TaskUnknown,
    WorkflowUnknown,
)

T = TypeVar("T")

KEPT = 256
"""Workflows whose newest state is remembered; the others are read again when they change."""

TRIES = 50


@dataclass(eq=False, slots=True)
class Head:
    """The newest state of one workflow, changes under way included, as far as it was needed."""

    workflow_id: str
    version: int
    workflow: WorkflowRecord | None = None
    tasks: dict[str, TaskRecord] = field(default_factory=dict)


Load = Callable[[Head], Awaitable[T]]
Make = Callable[[Head, T, int], Sequence[WorkflowChange]]


class Heads:
    """Makes changes of workflows; belongs to one loop."""

    def __init__(self, store: WorkflowStore) -> None:
        self._store = store
        self._heads: OrderedDict[str, Head] = OrderedDict()

    async def change(self, workflow_id: str, load: Load[T], make: Make[T]) -> None:
        """Make one change durable: what ``make(head, loaded, version)`` gives.

        Both are called again when somebody else was quicker. ``make`` must not wait, and leaves in
        the head what it changed.

        :raises StateNotFoundError: if the workflow is not kept.
        :raises StateConflict: if others are quicker all the time.
        :raises StateNotKept: if the store fails.
        """
        for _ in range(TRIES):
            head = await self._head(workflow_id)
            loaded = await load(head)
            if self._heads.get(workflow_id) is not head:
                continue
            changes = make(head, loaded, head.version + 1)
            head.version += 1
            if await self._kept(head, changes):
                return
        raise StateConflict(
            f"The workflow {workflow_id} is changed by others all the time; {TRIES} tries failed.",
            workflow_id=workflow_id,
        )

    async def workflow(self, head: Head) -> WorkflowRecord:
        """The workflow's newest record.

        :raises WorkflowUnknown: if it is not kept.
        """
        if head.workflow is None:
            found = await reading(self._store.workflow(head.workflow_id))
            if found is None:
                raise WorkflowUnknown.of(head.workflow_id)
            head.workflow = head.workflow or found
        return head.workflow

    async def task(self, head: Head, task_id: str) -> TaskRecord:
        """A task's newest record.

        :raises TaskUnknown: if the workflow has none of this id.
        """
        if task_id not in head.tasks:
            found = await reading(self._store.task(head.workflow_id, task_id))
            if found is None:
                raise TaskUnknown.of(head.workflow_id, task_id)
            head.tasks.setdefault(task_id, found)
        return head.tasks[task_id]

    def forget(self, workflow_id: str) -> None:
        """Read the workflow again before the next change."""
        self._heads.pop(workflow_id, None)

    async def _head(self, workflow_id: str) -> Head:
        head = self._heads.get(workflow_id)
        if head is None:
            version = await reading(self._store.version(workflow_id))
            if not version:
                raise WorkflowUnknown.of(workflow_id)
            head = self._heads.setdefault(workflow_id, Head(workflow_id, version))
        self._heads.move_to_end(workflow_id)
        if len(self._heads) > KEPT:
            self._heads.popitem(last=False)
        return head

    async def _kept(self, head: Head, changes: Sequence[WorkflowChange]) -> bool:
        """Whether the store kept ``changes``; ``False`` if their version was taken."""
        try:
            await self._store.commit(changes)
        except QuarterdeckError as fault:
            if self._heads.get(head.workflow_id) is head:
                del self._heads[head.workflow_id]
            if fault.code != "stale_version":
                raise _as_state_fault(fault) from fault
            return False
        return True


async def reading(wanted: Awaitable[T]) -> T:
    """What a store's call gives.

    :raises StateNotKept: if the store fails.
    """
    try:
        return await wanted
    except QuarterdeckError as fault:
        raise _as_state_fault(fault) from fault


def _as_state_fault(fault: QuarterdeckError) -> QuarterdeckError:
    """Store's faults as the state manager's; a lost lease stays what it is, for engines to see."""
    if isinstance(fault, StateManagerError) or fault.code == "lease_lost":
        return fault
    return StateNotKept.because(fault)
