"""Definitions of instances that were made here and not begun yet, so that they need not be read again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from .definition import WorkflowDefinition
from .plan import Plan
from .records import WorkflowRecord

KEPT = 64
"""Instances that are remembered; the others are read from the store when they are begun."""


@dataclass(frozen=True, slots=True)
class Made:
    """What an instance was created from, as it is kept; all that there is of it until its first change."""

    record: WorkflowRecord
    definition: WorkflowDefinition
    plan: Plan


class MadeHere:
    """The newest instances that were made here, each until it is begun."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, Made] = OrderedDict()

    def keep(self, made: Made) -> None:
        """Remember one."""
        self._made[made.record.id] = made
        if len(self._made) > KEPT:
            self._made.popitem(last=False)

    def take(self, workflow_id: str) -> Made | None:
        """One, that is not remembered any more."""
        return self._made.pop(workflow_id, None)
