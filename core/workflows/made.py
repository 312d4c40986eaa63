"""Definitions of instances that were made here and not begun yet, so that they need not be read again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from .definition import WorkflowDefinition
from .plan import Plan

KEPT = 64
"""Instances that are remembered; the others are read from the store when they are begun."""


@dataclass(frozen=True, slots=True)
class Made:
    """What an instance was created from, as it is kept."""

    definition: WorkflowDefinition
    plan: Plan


class MadeHere:
    """The newest instances that were made here, each until it is begun."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, Made] = OrderedDict()

    def keep(self, workflow_id: str, made: Made) -> None:
        """Remember one."""
        self._made[workflow_id] = made
        if len(self._made) > KEPT:
            self._made.popitem(last=False)

    def take(self, workflow_id: str) -> Made | None:
        """One, that is not remembered any more."""
        return self._made.pop(workflow_id, None)
